//! Sizes and durations as text for people.

use jiff::SignedDuration;
use std::time::Duration;

/// Formats a number of bytes in binary units with one decimal: `1.5 MiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut tenths = bytes.saturating_mul(10);
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// Formats a range of records, given its first number and the number after its last: `records 1 to 3`.
pub fn records(first: u64, next: u64) -> String {
    if first >= next { "empty".to_owned() } else { format!("records {first} to {}", next - 1) }
}

/// Formats the last record of a range, given its first number and the number after its last.
pub fn last_record(first: u64, next: u64) -> String {
    if first >= next { "none".to_owned() } else { (next - 1).to_string() }
}

/// Formats a duration in whole seconds: `2h 5m 3s`; below a second in milliseconds: `250ms`.
pub fn duration(duration: Duration) -> String {
    let whole = if duration < Duration::from_secs(1) {
        Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    } else {
        Duration::from_secs(duration.as_secs())
    };
    SignedDuration::try_from(whole).map_or_else(|_| "for ever".to_owned(), |span| format!("{span:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_are_formatted_for_people() {
        assert_eq!([0, 1023, 1536, 5 << 40].map(bytes), ["0.0 B", "1023.0 B", "1.5 KiB", "5.0 TiB"]);
        assert_eq!([records(1, 4), records(1, 1)], ["records 1 to 3", "empty"]);
        assert_eq!([last_record(1, 4), last_record(5, 5), last_record(0, 0)], ["3", "none", "none"]);
        let spans = [Duration::from_millis(250), Duration::from_secs(7503), Duration::MAX];
        assert_eq!(spans.map(duration), ["250ms", "2h 5m 3s", "for ever"]);
    }
}
