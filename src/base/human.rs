//! Sizes and durations as text for people.

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

/// Formats a duration with its two largest units: `40d 3h`, `2h 5m`, `7s`; below a second in
/// milliseconds: `250ms`.
pub fn duration(duration: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let seconds = duration.as_secs();
    let Some(largest) = UNITS.iter().position(|(unit, _)| seconds >= *unit) else {
        return format!("{}ms", duration.as_millis());
    };
    let (unit, name) = UNITS[largest];
    let of_next = UNITS.get(largest + 1).map(|(next, name)| (seconds % unit / next, name));
    match of_next.filter(|(count, _)| *count > 0) {
        Some((count, next_name)) => format!("{}{name} {count}{next_name}", seconds / unit),
        None => format!("{}{name}", seconds / unit),
    }
}

/// Formats seconds like [`duration`]; negative or no seconds are none.
pub fn seconds(seconds: f64) -> String {
    Duration::try_from_secs_f64(seconds).map_or_else(|_| duration(Duration::ZERO), duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_are_formatted_for_people() {
        assert_eq!([0, 1023, 1536, 5 << 40].map(bytes), ["0.0 B", "1023.0 B", "1.5 KiB", "5.0 TiB"]);
        assert_eq!([records(1, 4), records(1, 1)], ["records 1 to 3", "empty"]);
        assert_eq!([last_record(1, 4), last_record(5, 5), last_record(0, 0)], ["3", "none", "none"]);
        let spans = [0, 7, 60, 7503, 86_400, 3_456_003, 3_470_403].map(Duration::from_secs);
        assert_eq!(spans.map(duration), ["0ms", "7s", "1m", "2h 5m", "1d", "40d", "40d 4h"]);
        assert_eq!(duration(Duration::from_millis(250)), "250ms");
        assert_eq!([0.25, -1.0, f64::NAN, 60.4].map(seconds), ["250ms", "0ms", "0ms", "1m"]);
    }
}
