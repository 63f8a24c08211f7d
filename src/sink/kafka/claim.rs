//! The position that a transaction carries, as the metadata of a committed offset.
//!
//! Pure. The claim names the producer that wrote it, so that a producer which was replaced can tell
//! its successor's claims from its own. It has the acknowledged offsets below the position, so that the
//! next producer sees whether the topic lost some of those records. Invariant: the text is one line of at
//! most [`TEXT_BYTES_MAX`] bytes; offsets that do not fit are left out.

use super::acked_offsets::AckedOffsets;
use crate::journal::{JournalId, Position, Sequence};
use std::fmt;
use uuid::Uuid;

/// The longest text of a claim: what brokers accept (`offset.metadata.max.bytes`) without a change of their settings.
const TEXT_BYTES_MAX: usize = 4096;
/// The longest text of its offsets: what the other words leave. Enough for 150 partitions.
const OFFSETS_BYTES_MAX: usize = TEXT_BYTES_MAX - 128;

/// The word that begins the text, with the version of its form.
const FORM: &str = "meterline/1";

/// A journal position that was committed with its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    /// Everything below it is in the topics, and nothing else.
    pub(super) position: Position,
    /// The sink that committed it: a number for each start of the service.
    pub(super) owner: Uuid,
    /// The highest acknowledged offsets below the position; none if they do not fit.
    pub(super) acked: AckedOffsets,
}

impl Claim {
    /// Parses the text of [`fmt::Display`].
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let mut word = || words.next();
        if word()? != FORM {
            return None;
        }
        let journal = JournalId(word()?.parse().ok()?);
        let next = Sequence(word()?.parse().ok()?);
        let owner = word()?.parse().ok()?;
        let acked = AckedOffsets::parse(word()?)?;
        words.next().is_none().then_some(Self { position: Position { journal, next }, owner, acked })
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position: Position { journal, next }, owner, acked } = self;
        let acked = Some(acked.to_string()).filter(|text| text.len() <= OFFSETS_BYTES_MAX);
        let acked = acked.unwrap_or_else(|| AckedOffsets::default().to_string());
        write!(f, "{FORM} {journal} {next} {owner} {acked}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::acked_offsets::PARTITIONS_MAX;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_claim_is_read_as_it_was_written_and_is_short(
            journal: u128, next: u64, owner: u128, partitions in 0..=PARTITIONS_MAX, offset in 0..i64::MAX,
        ) {
            let position = Position { journal: JournalId(Uuid::from_u128(journal)), next: Sequence(next) };
            let mut acked = AckedOffsets::default();
            for partition in (0..).take(partitions) {
                acked.note(partition, offset, b"value").unwrap();
            }
            let claim = Claim { position, owner: Uuid::from_u128(owner), acked };
            let text = claim.to_string();
            prop_assert!(text.len() <= TEXT_BYTES_MAX);
            let read = Claim::parse(&text).unwrap();
            prop_assert_eq!((read.position, read.owner), (claim.position, claim.owner));
            prop_assert!(read.acked == claim.acked || (partitions > 150 && read.acked.is_empty()));
            prop_assert_eq!(Claim::parse(&format!("{text} ")), None);
            prop_assert_eq!(Claim::parse(&text.replace("/1", "/2")), None);
        }

        #[test]
        fn any_other_text_is_no_claim(text in "(meterline/1 )?[a-f0-9-]{0,36} ?[0-9]{0,20} ?[a-f0-9-]{0,37} ?[0-9a-f.,-]{0,20}") {
            if let Some(claim) = Claim::parse(&text) {
                prop_assert_eq!(Claim::parse(&claim.to_string()), Some(claim));
            }
        }
    }
}
