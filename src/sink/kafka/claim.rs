//! The position that a transaction carries, as the metadata of a committed offset.
//!
//! Pure. The claim names the producer that wrote it, so that a producer which was replaced can tell
//! its successor's claims from its own. Invariant: the text is one line of at most
//! [`TEXT_BYTES_MAX`] bytes, far below what brokers accept (`offset.metadata.max.bytes`, 4096).

use crate::journal::{JournalId, Position, Sequence};
use std::fmt;
use uuid::Uuid;

/// The longest text of a claim.
#[cfg(test)]
const TEXT_BYTES_MAX: usize = 128;

/// The word that begins the text, with the version of its form.
const FORM: &str = "meterline/1";

/// A journal position that was committed with its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    /// Everything below it is in the topics, and nothing else.
    pub(super) position: Position,
    /// The sink that committed it: a number for each start of the service.
    pub(super) owner: Uuid,
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
        words.next().is_none().then_some(Self { position: Position { journal, next }, owner })
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position: Position { journal, next }, owner } = self;
        write!(f, "{FORM} {journal} {next} {owner}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_claim_is_read_as_it_was_written_and_is_short(journal: u128, next: u64, owner: u128) {
            let position = Position { journal: JournalId(Uuid::from_u128(journal)), next: Sequence(next) };
            let claim = Claim { position, owner: Uuid::from_u128(owner) };
            let text = claim.to_string();
            prop_assert_eq!(Claim::parse(&text), Some(claim));
            prop_assert!(text.len() <= TEXT_BYTES_MAX);
            prop_assert_eq!(Claim::parse(&format!("{text} ")), None);
            prop_assert_eq!(Claim::parse(&text.replace("/1", "/2")), None);
        }

        #[test]
        fn any_other_text_is_no_claim(text in "(meterline/1 )?[a-f0-9-]{0,36} ?[0-9]{0,20} ?[a-f0-9-]{0,37}") {
            if let Some(claim) = Claim::parse(&text) {
                prop_assert_eq!(Claim::parse(&claim.to_string()), Some(claim));
            }
        }
    }
}
