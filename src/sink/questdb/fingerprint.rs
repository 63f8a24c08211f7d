//! The table's fingerprint in a checkpoint, and its comparison with the table later.
//!
//! A confirmed transaction can vanish: the table was dropped, the server's files were
//! restored from an older copy, or the machine lost power before it had written unsynced
//! data. The table's id and the length of its log do not show that: after new commits both
//! look as before. The time and the writer of one old transaction show it, and the
//! server's start time.
//!
//! Pure: knows neither the server nor the journal. Invariant: in doubt the sink goes back
//! further, never less far, because sending again is harmless.

use super::confirm::TableState;
use crate::reading::UnixNanos;
use std::fmt;

/// A restarted server may have lost unsynced data. No system keeps data unwritten for
/// longer than this before the last confirmation.
const UNSYNCED_NS: i64 = 5 * 60 * 1_000_000_000;

/// One transaction of the table's log, from `wal_transactions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Transaction {
    pub(super) number: i64,
    /// Microseconds since 1970, by the server's clock.
    pub(super) at_us: i64,
    /// The writer; each connection has its own.
    pub(super) wal: i64,
}

/// The table's state at a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint {
    pub(super) table_id: i64,
    /// The last applied transaction; 0 for none.
    pub(super) number: i64,
    /// Its time in microseconds and its writer; `None` where the log was purged already.
    pub(super) logged: Option<(i64, i64)>,
    /// The server's start time, in microseconds since 1970.
    pub(super) started_us: i64,
}

impl Fingerprint {
    /// The fingerprint of a table in this state, whose last applied transaction is `logged`.
    pub(super) fn new(state: &TableState, logged: Option<Transaction>) -> Self {
        Self {
            table_id: state.id,
            number: state.writer_txn,
            logged: logged.map(|transaction| (transaction.at_us, transaction.wal)),
            started_us: state.started_us,
        }
    }

    /// Parses the text of [`fmt::Display`].
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let mut value = |key| words.next()?.strip_prefix(key)?.strip_prefix('=');
        let (table_id, number) = (value("table")?.parse().ok()?, value("txn")?.parse().ok()?);
        let logged = match (value("at")?, value("wal")?) {
            ("-", "-") => None,
            (at_us, wal) => Some((at_us.parse().ok()?, wal.parse().ok()?)),
        };
        Some(Self { table_id, number, logged, started_us: value("start")?.parse().ok()? })
    }

    fn check(&self, now: &TableState, log: &[Transaction]) -> TransactionCheck {
        if self.number > now.sequencer_txn {
            return TransactionCheck::Lost;
        }
        let there = log.iter().find(|transaction| transaction.number == self.number);
        match (self.logged, there) {
            _ if self.number == 0 => TransactionCheck::Same,
            (Some(logged), Some(there)) if logged == (there.at_us, there.wal) => TransactionCheck::Same,
            (Some(_), Some(_)) => TransactionCheck::Lost,
            _ => TransactionCheck::Purged,
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table_id, number, logged, started_us } = self;
        match logged {
            Some((at_us, wal)) => write!(f, "table={table_id} txn={number} at={at_us} wal={wal} start={started_us}"),
            None => write!(f, "table={table_id} txn={number} at=- wal=- start={started_us}"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TransactionCheck {
    Same,
    Lost,
    Purged,
}

/// One checkpoint.
#[derive(Debug, Clone, Copy)]
pub(super) struct CheckpointState {
    pub(super) at: UnixNanos,
    /// `None` where another version wrote a different format.
    pub(super) fingerprint: Option<Fingerprint>,
}

/// The result of comparing checkpoints with the table. `back_to` is the index of a
/// checkpoint; the oldest is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// The table has everything it confirmed.
    Intact,
    /// The server purged the part of its log that would tell.
    Unknown,
    /// A confirmed transaction is lost: back to the newest valid checkpoint, or to the
    /// oldest.
    Lost { back_to: usize },
    /// The table was dropped and recreated: continue from the newest checkpoint.
    OtherTable,
    /// The server was restarted and may have lost unsynced data.
    Restarted { back_to: usize },
}

/// Compares checkpoints, oldest first, with the table's state `now`. `log` holds the
/// transactions that the checkpoints name; for any result other than
/// [`Comparison::Lost`] the newest checkpoint's is enough.
pub(super) fn compare(checkpoints: &[CheckpointState], now: &TableState, log: &[Transaction]) -> Comparison {
    let Some(newest) = checkpoints.last() else { return Comparison::Intact };
    let Some(fingerprint) = newest.fingerprint else { return Comparison::Unknown };
    if fingerprint.table_id != now.id {
        return Comparison::OtherTable;
    }
    let is_restarted = fingerprint.started_us != now.started_us;
    match fingerprint.check(now, log) {
        TransactionCheck::Lost => {
            let is_valid = |one: &CheckpointState| {
                one.fingerprint.is_some_and(|fingerprint| {
                    fingerprint.table_id == now.id && fingerprint.check(now, log) == TransactionCheck::Same
                })
            };
            let back_to = checkpoints.iter().rposition(is_valid).unwrap_or(0);
            Comparison::Lost {
                back_to: if is_restarted { back_to.min(surely_synced(checkpoints, newest.at)) } else { back_to },
            }
        }
        TransactionCheck::Same | TransactionCheck::Purged if is_restarted => {
            Comparison::Restarted { back_to: surely_synced(checkpoints, newest.at) }
        }
        TransactionCheck::Same => Comparison::Intact,
        TransactionCheck::Purged => Comparison::Unknown,
    }
}

/// The newest checkpoint that the server's machine must have synced by `last`.
fn surely_synced(checkpoints: &[CheckpointState], last: UnixNanos) -> usize {
    checkpoints.iter().rposition(|one| last.since(one.at) >= UNSYNCED_NS).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: i64 = 60 * 1_000_000_000;

    fn state(id: i64, sequencer_txn: i64, started_us: i64) -> TableState {
        TableState { id, sequencer_txn, writer_txn: sequencer_txn, started_us }
    }

    fn logged(number: i64, at_us: i64) -> Transaction {
        Transaction { number, at_us, wal: 1 }
    }

    /// Checkpoints of table 6 a minute apart, at the transactions 10, 20, 30 ...
    fn checkpoints(count: i64) -> Vec<CheckpointState> {
        let fingerprint =
            |n: i64| Fingerprint { table_id: 6, number: n * 10, logged: Some((n * 1000, 1)), started_us: 77 };
        (1..=count).map(|n| CheckpointState { at: UnixNanos(n * MINUTE), fingerprint: Some(fingerprint(n)) }).collect()
    }

    /// The log that these checkpoints were made from.
    fn log(count: i64) -> Vec<Transaction> {
        (1..=count).map(|n| logged(n * 10, n * 1000)).collect()
    }

    #[test]
    fn without_checkpoints_there_is_nothing_to_compare() {
        assert_eq!(compare(&[], &state(6, 0, 77), &[]), Comparison::Intact);
    }

    #[test]
    fn a_table_that_has_the_newest_goes_on_also_when_others_wrote_more() {
        assert_eq!(compare(&checkpoints(9), &state(6, 95, 77), &log(9)[8..]), Comparison::Intact);
    }

    #[test]
    fn a_purged_log_cannot_tell() {
        assert_eq!(compare(&checkpoints(9), &state(6, 95, 77), &[]), Comparison::Unknown);
        let mut early = checkpoints(9);
        early[8].fingerprint.as_mut().unwrap().logged = None;
        assert_eq!(compare(&early, &state(6, 95, 77), &log(9)), Comparison::Unknown);
        early[8].fingerprint = None;
        assert_eq!(compare(&early, &state(6, 95, 77), &log(9)), Comparison::Unknown);
    }

    #[test]
    fn a_log_that_ends_before_the_newest_goes_back_to_the_newest_it_has() {
        assert_eq!(compare(&checkpoints(9), &state(6, 75, 77), &log(7)), Comparison::Lost { back_to: 6 });
        assert_eq!(compare(&checkpoints(9), &state(6, 5, 77), &[]), Comparison::Lost { back_to: 0 });
    }

    #[test]
    fn a_log_continued_from_an_older_copy_is_detected_by_time_and_writer() {
        let mut other = log(9);
        for transaction in &mut other[6..] {
            transaction.at_us += 1;
        }
        assert_eq!(compare(&checkpoints(9), &state(6, 500, 77), &other), Comparison::Lost { back_to: 5 });
        let mut other = log(9);
        other[8].wal = 2;
        assert_eq!(compare(&checkpoints(9), &state(6, 500, 77), &other), Comparison::Lost { back_to: 7 });
    }

    #[test]
    fn an_empty_table_has_all_of_a_checkpoint_of_nothing() {
        let mut checkpoints = checkpoints(2);
        checkpoints[0].fingerprint = Some(Fingerprint { table_id: 6, number: 0, logged: None, started_us: 77 });
        assert_eq!(compare(&checkpoints[..1], &state(6, 0, 77), &[]), Comparison::Intact);
        assert_eq!(compare(&checkpoints, &state(6, 3, 77), &[]), Comparison::Lost { back_to: 0 });
    }

    #[test]
    fn another_table_goes_on_from_the_newest() {
        assert_eq!(compare(&checkpoints(9), &state(7, 500, 77), &log(9)), Comparison::OtherTable);
        assert_eq!(compare(&checkpoints(9), &state(7, 0, 78), &[]), Comparison::OtherTable);
    }

    #[test]
    fn checkpoints_of_an_earlier_table_are_not_valid() {
        let mut checkpoints = checkpoints(3);
        checkpoints[0].fingerprint.as_mut().unwrap().table_id = 5;
        assert_eq!(compare(&checkpoints, &state(6, 15, 77), &log(3)[..1]), Comparison::Lost { back_to: 0 });
    }

    #[test]
    fn a_restart_goes_back_five_minutes_before_the_last_confirmation() {
        assert_eq!(compare(&checkpoints(9), &state(6, 95, 78), &log(9)), Comparison::Restarted { back_to: 3 });
        assert_eq!(compare(&checkpoints(9), &state(6, 95, 78), &[]), Comparison::Restarted { back_to: 3 });
        assert_eq!(compare(&checkpoints(3), &state(6, 95, 78), &log(9)), Comparison::Restarted { back_to: 0 });
    }

    #[test]
    fn a_restart_that_also_lost_some_goes_back_the_further_of_both() {
        assert_eq!(compare(&checkpoints(9), &state(6, 85, 78), &log(8)), Comparison::Lost { back_to: 3 });
        assert_eq!(compare(&checkpoints(9), &state(6, 25, 78), &log(2)), Comparison::Lost { back_to: 1 });
    }

    proptest! {
        #[test]
        fn a_fingerprint_is_read_as_it_was_written(
            table_id: i64, number: i64, logged in proptest::option::of((any::<i64>(), any::<i64>())), started_us: i64
        ) {
            let fingerprint = Fingerprint { table_id, number, logged, started_us };
            prop_assert_eq!(Fingerprint::parse(&fingerprint.to_string()), Some(fingerprint));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = Fingerprint::parse(&text);
        }

        /// Whichever part of the history is lost, all other rows are still there.
        #[test]
        fn lost_rows_are_sent_again(count in 1_i64..30, lost_from in 1_i64..400, written in 0_i64..400, restarted: bool) {
            let checkpoints = checkpoints(count);
            let old = log(count).into_iter().filter(|transaction| transaction.number < lost_from);
            let written_on = (lost_from..lost_from + written).map(|number| logged(number, 1_000_000 + number));
            let log: Vec<_> = old.chain(written_on).collect();
            let now = state(6, lost_from + written - 1, if restarted { 78 } else { 77 });
            let back_to = match compare(&checkpoints, &now, &log) {
                Comparison::Intact => checkpoints.len() - 1,
                Comparison::Lost { back_to } | Comparison::Restarted { back_to } => back_to,
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            };
            let fingerprint = checkpoints[back_to].fingerprint.unwrap();
            prop_assert!(fingerprint.number < lost_from || back_to == 0, "{back_to} of {count}, lost from {lost_from}");
        }
    }
}
