//! How long an outage of the sinks the journal's cap bridges, at the rate that was
//! measured: what the whole segments took, over the time in which they came.

use crate::base::Level;
use crate::config::Config;
use crate::journal::{ReadError, SegmentSummary, Sequence, View, inspect};
use crate::reading::UnixNanos;

const NANOS_PER_HOUR: f64 = 3_600e9;
const MIB: f64 = 1_048_576.0;
/// Shorter than a night with nobody awake.
const HOURS_MIN: f64 = 12.0;

/// What can be said; `None` where nothing was written yet.
pub(super) fn outage(config: &Config) -> Option<(Level, String)> {
    let directory = config.journal_directory();
    if !directory.is_dir() {
        return None;
    }
    let looked = inspect::open(&directory).map_err(|error| error.to_string());
    match looked.and_then(|journal| rate(journal.view()).map_err(|error| error.to_string())) {
        Ok(Some(rate)) => Some(sentence(config.journal.cap_bytes, &rate)),
        Ok(None) => Some((
            Level::Good,
            "how long an outage the journal's cap bridges cannot be said before its first segment is whole".to_owned(),
        )),
        Err(error) => Some((Level::Fault, error)),
    }
}

/// Bytes, and the hours in which they came.
struct Rate {
    bytes: f64,
    hours: f64,
}

/// Of all segments that are whole; `None` where there are too few.
fn rate(journal: &View) -> Result<Option<Rate>, ReadError> {
    let segments = journal.segments();
    let [whole @ .., last] = segments.as_slice() else { return Ok(None) };
    let Some(first) = whole.first() else { return Ok(None) };
    let (Some(begun), Some(ended)) = (received(journal, first.name.first)?, received(journal, last.name.first)?) else {
        return Ok(None);
    };
    let hours = ended.since(begun) as f64 / NANOS_PER_HOUR;
    let bytes = bytes(whole);
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

fn sentence(cap_bytes: u64, rate: &Rate) -> (Level, String) {
    let an_hour = rate.bytes / rate.hours;
    let hours = cap_bytes as f64 / an_hour;
    let (level, advice) = if hours < HOURS_MIN { (Level::Warning, "; raise journal.cap") } else { (Level::Good, "") };
    let said = format!(
        "the journal's cap of {:.0} MiB bridges about {hours:.0} hours of an outage at {:.1} MiB an hour, measured over \
         {:.1} hours{advice}",
        cap_bytes as f64 / MIB,
        an_hour / MIB,
        rate.hours
    );
    (level, said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::tests::feed::Feed;
    use crate::journal::Verdict;

    #[test]
    fn the_rate_is_that_of_the_whole_segments() {
        let feed = Feed::new();
        let second = feed.clock.now();
        assert!(rate(look(&feed).view()).unwrap().is_none(), "nothing is there");
        let noise = vec![0x7a; 1_000_000];
        for _ in 0..9 {
            feed.append_as("acme", Verdict::Undecodable, 1, &noise);
        }
        // Two segments of four records are whole; the clock stood still meanwhile, but for what this took.
        let found = rate(look(&feed).view()).unwrap().unwrap();
        let took_ns = feed.clock.now().since(second) as f64;
        assert!(found.hours * NANOS_PER_HOUR <= took_ns);
        assert!((4e6..12.6e6).contains(&found.bytes), "{}", found.bytes);
    }

    #[test]
    fn less_than_a_night_is_a_warning() {
        let (level, said) = sentence(100 << 20, &Rate { bytes: 50.0 * MIB, hours: 5.0 });
        assert_eq!(
            (level, said.as_str()),
            (
                Level::Warning,
                "the journal's cap of 100 MiB bridges about 10 hours of an outage at 10.0 MiB an hour, measured over 5.0 \
                 hours; raise journal.cap"
            )
        );
        let (level, said) = sentence(8 << 30, &Rate { bytes: 10.0 * MIB, hours: 100.0 });
        assert_eq!(level, Level::Good);
        assert!(said.contains("about 81920 hours"), "{said}");
    }

    fn look(feed: &Feed) -> inspect::Inspection {
        inspect::open(&feed.directory.path().join("journal")).unwrap()
    }
}
