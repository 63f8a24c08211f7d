//! Interprets the server's error answers.
//!
//! Pure: from status and body to a [`Fault`]. Contract tests pin the messages against the
//! real server. Invariant: only a row whose own value the server names is refused; a 400
//! about the table has a line number too, and must never cost a row.

use super::config::{ServerUrl, TableName};
use crate::deliver::SinkError;
use serde::Deserialize;

/// The only reason for which QuestDB 9.3 refuses an encoded row.
const ROW_FAULT: &str = "designated timestamp overflow";
/// In the refusal of a statement that writes, by a read-only server.
const NO_WRITES: &str = "Write permission denied";
/// In the refusals of a view while another connection creates one: QuestDB's parser mixes up their tables
/// (<https://github.com/questdb/questdb/issues/6145>).
const MIXED_UP_VIEWS: [&str; 2] =
    ["base table is not referenced in materialized view query", "more than one table used"];
/// Characters of a server's message that are passed on.
const MESSAGE_CHARS_MAX: usize = 500;

/// A refused request; nothing of it is stored.
#[derive(Debug)]
pub(super) enum Fault {
    /// The row on this line (from 1) can never be stored.
    Row {
        /// Its number among the rows of the request.
        line: usize,
        /// The server's reason.
        reason: String,
    },
    /// The cause is not a row.
    Sink(SinkError),
}

impl From<SinkError> for Fault {
    fn from(error: SinkError) -> Self {
        Self::Sink(error)
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Refusal {
    message: String,
    line: usize,
}

/// The fault of an error answer to a write.
pub(super) fn of_write(url: &ServerUrl, table: &TableName, status: u16, body: &str) -> Fault {
    let refusal: Refusal = serde_json::from_str(body).unwrap_or_default();
    if status == 400 && refusal.line > 0 && refusal.message.contains(ROW_FAULT) {
        return Fault::Row { line: refusal.line, reason: last_part(&refusal.message) };
    }
    let said = if refusal.message.is_empty() { shortened(body) } else { shortened(&refusal.message) };
    Fault::Sink(of_status(url, status, &said).unwrap_or_else(|| {
        let remedy = remedy(&said);
        SinkError::blocked(format!(
            "QuestDB at {url} refused rows for table {table} with status {status}: {said}; {remedy}"
        ))
    }))
}

/// The error of an error answer to a statement.
pub(super) fn of_statement(url: &ServerUrl, status: u16, said: &str) -> SinkError {
    let said = shortened(said);
    of_status(url, status, &said)
        .unwrap_or_else(|| SinkError::blocked(format!("QuestDB at {url} refused a statement: {said}")))
}

/// Whether the server mixed up the creation of a view with another one at the same time.
pub(super) fn is_mixed_up_view(error: &SinkError) -> bool {
    MIXED_UP_VIEWS.iter().any(|said| error.message.contains(said))
}

/// Statuses with the same meaning for every request.
fn of_status(url: &ServerUrl, status: u16, said: &str) -> Option<SinkError> {
    match status {
        _ if status == 421 || said.contains(NO_WRITES) => Some(of_read_only(url)),
        401 | 403 => Some(SinkError::blocked(format!(
            "QuestDB at {url} refused the credentials (status {status}): set the user and password of its http.user \
             and http.password, or a valid token"
        ))),
        404 | 405 | 300..=399 => Some(SinkError::blocked(format!(
            "{url} answered status {status}: it is not QuestDB's HTTP listener; correct the sink's url"
        ))),
        408 | 429 | 500..=599 => Some(SinkError::waiting(format!(
            "QuestDB at {url} cannot take requests now (status {status}): {said}; retrying, its log has the cause"
        ))),
        _ => None,
    }
}

/// The server takes no writes.
pub(super) fn of_read_only(url: &ServerUrl) -> SinkError {
    SinkError::blocked(format!(
        "QuestDB at {url} is read-only (`readonly` or `http.security.readonly` in its configuration, or a replica): \
         allow writes there, or set the sink's url to the server that takes them"
    ))
}

fn remedy(said: &str) -> &'static str {
    if said.contains("does not exist") {
        "run `meterline migrate` to add what is missing"
    } else if said.contains("cast error") {
        "a column has another type than required: `meterline check --connect` names it and the remedy"
    } else {
        "`meterline check --connect` compares the table with the required one; QuestDB's log has more"
    }
}

/// The reason in "… errors encountered on line(s):\nerror in line 2: table: samples, …".
fn last_part(message: &str) -> String {
    let reason = message.rsplit_once("error in line ").and_then(|(_, rest)| rest.split_once(": "));
    shortened(reason.map_or(message, |(_, reason)| reason))
}

fn shortened(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match one_line.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &one_line[..end]),
        None => one_line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::SinkErrorKind;
    use proptest::prelude::*;

    fn fault(status: u16, body: &str) -> Fault {
        let (url, table) = (ServerUrl::parse("http://questdb:9000").unwrap(), TableName::parse("samples").unwrap());
        of_write(&url, &table, status, body)
    }

    fn refused(line: usize, why: &str) -> String {
        serde_json::json!({
            "code": "invalid", "line": line, "errorId": "1cc6f5bb53c9-1",
            "message": format!("failed to parse line protocol:errors encountered on line(s):\nerror in line {line}: {why}"),
        })
        .to_string()
    }

    #[test]
    fn only_a_row_whose_value_is_named_is_at_fault() {
        let body = refused(2, "table: samples, timestamp: 9223372036854775807; designated timestamp overflow, max[9]");
        match fault(400, &body) {
            Fault::Row { line: 2, reason } => assert_eq!(
                reason,
                "table: samples, timestamp: 9223372036854775807; designated timestamp overflow, max[9]"
            ),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn faults_of_the_table_block_the_sink_and_say_what_to_do() {
        for (why, remedy) in [
            ("table: samples; table does not exist, creating new tables is disabled", "meterline migrate"),
            ("table: samples, column: flags does not exist, creating new columns is disabled", "meterline migrate"),
            (
                "table: samples, column: value; cast error from protocol type: FLOAT to column type: LONG",
                "another type",
            ),
            ("something new", "meterline check --connect"),
        ] {
            match fault(400, &refused(1, why)) {
                Fault::Sink(error) => {
                    assert_eq!(error.kind, SinkErrorKind::Blocked, "{why}");
                    assert!(error.message.contains(remedy) && error.message.contains(why), "{}", error.message);
                }
                row @ Fault::Row { .. } => panic!("{why}: {row:?}"),
            }
        }
    }

    #[test]
    fn a_status_says_whether_to_wait_or_to_block() {
        for (status, trouble) in [
            (400, SinkErrorKind::Blocked),
            (401, SinkErrorKind::Blocked),
            (403, SinkErrorKind::Blocked),
            (404, SinkErrorKind::Blocked),
            (302, SinkErrorKind::Blocked),
            (413, SinkErrorKind::Blocked),
            (421, SinkErrorKind::Blocked),
            (408, SinkErrorKind::Waiting),
            (429, SinkErrorKind::Waiting),
            (500, SinkErrorKind::Waiting),
            (503, SinkErrorKind::Waiting),
        ] {
            match fault(status, "words") {
                Fault::Sink(error) => assert_eq!(error.kind, trouble, "{status}"),
                row @ Fault::Row { .. } => panic!("{status}: {row:?}"),
            }
        }
    }

    #[test]
    fn the_refusal_of_a_view_that_was_mixed_up_with_another_one_is_known() {
        let url = ServerUrl::parse("http://questdb:9000").unwrap();
        for (said, is_mixed_up) in [
            ("base table is not referenced in materialized view query: samples_hour", true),
            ("more than one table used in query, base table has to be set using 'WITH BASE'", true),
            ("table does not exist [table=samples_hour]", false),
        ] {
            assert_eq!(is_mixed_up_view(&of_statement(&url, 400, said)), is_mixed_up, "{said}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics_and_none_without_the_pinned_words_costs_a_row(status in 100u16..600, line in 0usize..9, why in "\\PC{0,700}") {
            let body = refused(line, &why);
            for body in [body.as_str(), why.as_str()] {
                if let Fault::Row { .. } = fault(status, body) {
                    prop_assert!(why.contains(ROW_FAULT));
                }
            }
        }
    }
}
