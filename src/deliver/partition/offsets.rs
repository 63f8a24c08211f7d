//! The metadata of a committed offset: the cursor's note and the sink's checkpoints, so
//! that they move with the partition to its next owner.
//!
//! Pure text: the first line has the version and the note, each further line is a checkpoint. Brokers refuse more than
//! [`METADATA_BYTES_MAX`]; checkpoints are thinned until the text fits, evenly by age, and the newest and the oldest
//! stay.

use crate::journal::{Checkpoint, JournalId, Position, Sequence};
use crate::reading::UnixNanos;

/// The brokers' limit by default (`offset.metadata.max.bytes`).
const METADATA_BYTES_MAX: usize = 4096;
const VERSION: &str = "meterline-1 ";

/// The metadata of an offset with this note and these checkpoints, oldest first.
pub(super) fn encode(note: &str, checkpoints: &[Checkpoint]) -> String {
    let head = format!("{VERSION}{note}");
    let mut lines: Vec<(UnixNanos, String)> = checkpoints
        .iter()
        .map(|one| (one.confirmed, format!("\n{} {} {}", one.position.next, one.confirmed.0, one.mark)))
        .collect();
    let mut bytes = head.len() + lines.iter().map(|(_, line)| line.len()).sum::<usize>();
    while bytes > METADATA_BYTES_MAX && !lines.is_empty() {
        bytes -= lines.remove(densest(&lines)).1.len();
    }
    lines.into_iter().fold(head, |text, (_, line)| text + &line)
}

/// The checkpoint whose neighbours are nearest to each other in relation to its age; with two left the older.
fn densest(lines: &[(UnixNanos, String)]) -> usize {
    let newest = lines.last().map_or(UnixNanos(0), |(at, _)| *at);
    let density = |around: &[(UnixNanos, String)]| {
        let age = newest.since(around[1].0).max(1) as f64;
        around[2].0.since(around[0].0) as f64 / age
    };
    let nearest = lines.windows(3).map(density).enumerate().min_by(|(_, one), (_, other)| one.total_cmp(other));
    nearest.map_or(0, |(before, _)| before + 1)
}

/// The note and the checkpoints; nothing of a text that this version did not write.
pub(super) fn decode(metadata: &str, journal: JournalId) -> (String, Vec<Checkpoint>) {
    let Some(text) = metadata.strip_prefix(VERSION) else { return (String::new(), Vec::new()) };
    let mut lines = text.split('\n');
    let note = lines.next().unwrap_or_default().to_owned();
    let checkpoint = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let next = Sequence(words.next()?.parse().ok()?);
        let confirmed = UnixNanos(words.next()?.parse().ok()?);
        Some(Checkpoint { position: Position { journal, next }, confirmed, mark: words.next()?.to_owned() })
    };
    // A list with a hole could hide a loss.
    let checkpoints = lines.map(checkpoint).collect::<Option<Vec<_>>>().unwrap_or_default();
    (note, checkpoints)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    const JOURNAL: JournalId = JournalId(Uuid::nil());
    const SECOND: i64 = 1_000_000_000;

    fn checkpoint(next: u64, at: i64, mark: &str) -> Checkpoint {
        let position = Position { journal: JOURNAL, next: Sequence(next) };
        Checkpoint { position, confirmed: UnixNanos(at), mark: mark.to_owned() }
    }

    #[test]
    fn many_checkpoints_are_thinned_to_the_brokers_limit_and_reach_as_far_back() {
        let mark = "table=17 txn=123456 at=1795266900000000 wal=3 started=1795266900000000";
        let all: Vec<_> = (0..400).map(|n: i64| checkpoint(n.unsigned_abs(), n * 60 * SECOND, mark)).collect();
        let text = encode("nothing sent", &all);
        assert!(text.len() <= METADATA_BYTES_MAX && text.len() > METADATA_BYTES_MAX - 200, "{}", text.len());
        let (note, kept) = decode(&text, JOURNAL);
        assert_eq!((note.as_str(), kept.first(), kept.last()), ("nothing sent", all.first(), all.last()));
        assert!(kept.contains(&all[398]), "the newest are close together");
        assert!(
            kept.iter().filter(|one| one.confirmed.0 < 200 * 60 * SECOND).count() > 2,
            "the old ones are not all gone"
        );
    }

    #[test]
    fn a_text_of_another_program_means_nothing() {
        for text in ["", "something", "meterline-2 note\n1 2 mark", "meterline-1"] {
            assert_eq!(decode(text, JOURNAL), (String::new(), Vec::new()), "{text}");
        }
        assert_eq!(decode("meterline-1 note\n1 2 mark\nx 2 mark", JOURNAL), ("note".to_owned(), Vec::new()));
    }

    proptest! {
        #[test]
        fn what_fits_is_read_as_it_was_written(
            note in "[ -~]{0,100}", list in proptest::collection::vec((any::<u64>(), any::<i64>(), "[!-~][ -~]{0,60}"), 0..20),
        ) {
            let list: Vec<_> = list.iter().map(|(next, at, mark)| checkpoint(*next, *at, mark)).collect();
            prop_assert_eq!(decode(&encode(&note, &list), JOURNAL), (note, list));
        }

        #[test]
        fn no_text_panics_and_every_encoding_fits(
            text in "(meterline-1 )?\\PC{0,300}", list in proptest::collection::vec((any::<u64>(), any::<i64>(), "[ -~]{0,3000}"), 0..6),
        ) {
            let (note, _) = decode(&text, JOURNAL);
            let list: Vec<_> = list.iter().map(|(next, at, mark)| checkpoint(*next, *at, mark)).collect();
            prop_assert!(encode(&note, &list).len() <= METADATA_BYTES_MAX);
        }
    }
}
