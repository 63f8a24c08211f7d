//! Parts of statements, and values of rows.

use crate::query::model::{Span, StoredSample};
use crate::reading::{Flags, MeterId, Obis, UnixNanos};
use crate::sink::questdb::Row;
use std::fmt::Display;
use uuid::Uuid;

/// The first time that the table cannot hold: the start of 2262.
const UNTIL_MAX: UnixNanos = UnixNanos(9_214_646_400_000_000_000);

/// A list of literals.
pub(super) fn list(literals: impl IntoIterator<Item = impl Display>) -> String {
    literals.into_iter().map(|text| format!("'{text}'")).collect::<Vec<_>>().join(", ")
}

/// A condition on the meter; empty for all.
pub(super) fn meters(of: &[MeterId]) -> String {
    if of.is_empty() { String::new() } else { format!(" AND meter IN ({})", list(of)) }
}

/// A condition on the register; empty for all.
pub(super) fn codes(of: &[Obis]) -> String {
    if of.is_empty() { String::new() } else { format!(" AND obis IN ({})", list(of)) }
}

/// A text within a literal: a quote is written twice, and nothing else has a meaning.
pub(super) fn escaped(text: &str) -> String {
    text.replace('\'', "''")
}

/// The part of a span that the table can have.
pub(super) fn clamped(span: Span) -> Span {
    let within = |at: UnixNanos| at.clamp(UnixNanos(0), UNTIL_MAX);
    Span { from: within(span.from), until: within(span.until) }
}

/// A condition on the time, without tests.
pub(super) fn condition(span: Span) -> String {
    format!("ts >= '{}' AND ts < '{}' AND {}", span.from, span.until, no_tests())
}

/// The same for the last days.
pub(super) fn recent(days: u32) -> String {
    format!("ts > dateadd('d', -{days}, now()) AND {}", no_tests())
}

fn no_tests() -> String {
    format!("(flags & {}) = 0", Flags::TEST.bits())
}

/// The meter of a row.
pub(super) fn meter(row: Row<'_>) -> Option<MeterId> {
    row.text("meter").parse::<Uuid>().ok().map(MeterId::from)
}

/// The register of a row.
pub(super) fn obis(row: Row<'_>) -> Option<Obis> {
    row.text("obis").parse().ok()
}

/// The flags of a row.
pub(super) fn flags(row: Row<'_>) -> Flags {
    Flags::of_bits(row.integer("flags").unwrap_or_default().unsigned_abs())
}

/// The sample of a row.
pub(super) fn sample(row: Row<'_>) -> Option<StoredSample> {
    Some(StoredSample {
        meter: meter(row)?,
        obis: obis(row)?,
        at: UnixNanos(row.integer("at")?),
        value: row.number("value")?,
        source: row.text("source").to_owned(),
        received: UnixNanos(row.integer("received").unwrap_or_default()),
        flags: flags(row),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_its_literal() {
        assert_eq!(["it's", "'; DROP TABLE samples; --"].map(escaped), ["it''s", "''; DROP TABLE samples; --"]);
    }

    #[test]
    fn a_span_is_clamped_to_the_times_of_the_table() {
        assert_eq!(
            condition(clamped(Span::ALL)),
            "ts >= '1970-01-01T00:00:00Z' AND ts < '2262-01-01T00:00:00Z' AND (flags & 32) = 0"
        );
    }
}
