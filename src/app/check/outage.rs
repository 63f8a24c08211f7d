//! The longest outage of the sinks that the journal can hold, at the measured rate: bytes
//! of the complete segments, divided by the time in which they were received.

use crate::base::Level;
use crate::config::Config;
use crate::journal::{ReadError, SegmentSummary, Sequence, View, inspect};
use crate::reading::UnixNanos;

const NANOS_PER_HOUR: f64 = 3_600e9;
const MIB: f64 = 1_048_576.0;
/// Less than a night without an operator is a warning.
const HOURS_MIN: f64 = 12.0;

/// Returns the finding; `None` if no journal exists yet.
pub(super) fn finding(config: &Config) -> Option<(Level, String)> {
    let directory = config.journal_directory();
    if !directory.is_dir() {
        return None;
    }
    let inspection = inspect::open(&directory).map_err(|error| error.to_string());
    match inspection.and_then(|journal| rate(journal.view()).map_err(|error| error.to_string())) {
        Ok(Some(rate)) => Some(judge(config.journal.cap_bytes, &rate)),
        Ok(None) => Some((
            Level::Good,
            "the longest outage that the journal can hold is unknown until its first segment is complete".to_owned(),
        )),
        Err(error) => Some((Level::Fault, error)),
    }
}

/// Bytes, and the hours in which they were received.
struct Rate {
    bytes: f64,
    hours: f64,
}

/// Returns the rate of all complete segments; `None` if there are too few.
fn rate(journal: &View) -> Result<Option<Rate>, ReadError> {
    let segments = journal.segments();
    let [complete @ .., last] = segments.as_slice() else { return Ok(None) };
    let Some(first) = complete.first() else { return Ok(None) };
    let (Some(start), Some(end)) = (received(journal, first.name.first)?, received(journal, last.name.first)?) else {
        return Ok(None);
    };
    let hours = end.since(start) as f64 / NANOS_PER_HOUR;
    let bytes = bytes(complete);
    Ok((hours > 0.0 && bytes > 0.0).then_some(Rate { bytes, hours }))
}

fn bytes(segments: &[SegmentSummary]) -> f64 {
    segments.iter().map(|segment| segment.bytes as f64).sum()
}

fn received(journal: &View, sequence: Sequence) -> Result<Option<UnixNanos>, ReadError> {
    if sequence < journal.oldest() || sequence >= journal.next() {
        return Ok(None);
    }
    Ok(journal.reader(sequence)?.read()?.map(|record| record.header.received))
}

fn judge(cap_bytes: u64, rate: &Rate) -> (Level, String) {
    let bytes_per_hour = rate.bytes / rate.hours;
    let hours = cap_bytes as f64 / bytes_per_hour;
    let (level, advice) = if hours < HOURS_MIN { (Level::Warning, "; raise journal.cap") } else { (Level::Good, "") };
    let message = format!(
        "the journal (cap {:.0} MiB) holds about {hours:.0} hours of data at {:.1} MiB per hour, measured over {:.1} \
         hours{advice}",
        cap_bytes as f64 / MIB,
        bytes_per_hour / MIB,
        rate.hours
    );
    (level, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::tests::feed::Feed;
    use crate::journal::Verdict;

    #[test]
    fn the_rate_is_measured_over_the_complete_segments() {
        let feed = Feed::new();
        let second = feed.clock.now();
        assert!(rate(inspection(&feed).view()).unwrap().is_none(), "the journal is empty");
        let noise = vec![0x7a; 1_000_000];
        for _ in 0..9 {
            feed.append_as("acme", Verdict::Undecodable, 1, &noise);
        }
        // Two segments of four records are complete. The clock stood still, except for the test's own run time.
        let found = rate(inspection(&feed).view()).unwrap().unwrap();
        let took_ns = feed.clock.now().since(second) as f64;
        assert!(found.hours * NANOS_PER_HOUR <= took_ns);
        assert!((4e6..12.6e6).contains(&found.bytes), "{}", found.bytes);
    }

    #[test]
    fn less_than_a_night_is_a_warning() {
        let (level, message) = judge(100 << 20, &Rate { bytes: 50.0 * MIB, hours: 5.0 });
        assert_eq!(
            (level, message.as_str()),
            (
                Level::Warning,
                "the journal (cap 100 MiB) holds about 10 hours of data at 10.0 MiB per hour, measured over 5.0 hours; \
                 raise journal.cap"
            )
        );
        let (level, message) = judge(8 << 30, &Rate { bytes: 10.0 * MIB, hours: 100.0 });
        assert_eq!(level, Level::Good);
        assert!(message.contains("about 81920 hours"), "{message}");
    }

    fn inspection(feed: &Feed) -> inspect::Inspection {
        inspect::open(&feed.directory.path().join("journal")).unwrap()
    }
}
