//! Room for a new letter: the oldest give way where they may.

use super::index::Index;
use super::letter::{self, Kind, Letter, LetterId, Settlement};
use super::{DeadLetterError, DeadLetters, FORMAT_LETTER, FORMAT_SETTLED, OPEN_LETTERS_MAX};
use crate::journal::AppendError;
use crate::metrics;

/// Many at once, so that a full house is not cleared letter by letter.
const EVICTED_AT_ONCE: usize = if cfg!(test) { 2 } else { 500 };

impl DeadLetters {
    /// Appends a letter, after others have given way if need be.
    pub(super) fn append_letter(&self, index: &mut Index, letter: &Letter) -> Result<LetterId, DeadLetterError> {
        let payload = letter.encode();
        while index.len() >= OPEN_LETTERS_MAX {
            self.evict(index)?;
        }
        loop {
            match self.append(FORMAT_LETTER, &payload) {
                Ok(sequence) => return Ok(LetterId(sequence.0)),
                Err(full @ AppendError::Full { .. }) if index.oldest().is_none() => return Err(full.into()),
                Err(AppendError::Full { .. }) => self.evict(index)?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The oldest open letters give way.
    fn evict(&self, index: &mut Index) -> Result<(), DeadLetterError> {
        let mut evicted = Vec::new();
        while let Some((id, kind)) = index.oldest().filter(|(_, kind)| kind.gives_way()) {
            if evicted.len() >= EVICTED_AT_ONCE {
                break;
            }
            index.settle(id);
            evicted.push((id, kind));
        }
        let Some((last, _)) = evicted.last() else {
            let oldest = index.oldest().map_or(LetterId(0), |(id, _)| id);
            return Err(DeadLetterError::Full { oldest });
        };
        tracing::warn!(
            letters = evicted.len(),
            last = last.0,
            "the dead letters are full: the oldest gave way; look at the new ones with `meterline dead-letters list`"
        );
        // The room is free only once the cursor has let go of it.
        self.store_cursor(index)?;
        evicted.into_iter().for_each(|(id, kind)| self.note_evicted(id, kind));
        Ok(())
    }

    /// So that it does not come back as open after a restart. Where even that finds
    /// no room it does, for as long as its segment is there.
    fn note_evicted(&self, id: LetterId, kind: Kind) {
        metrics::counter("meterline_dead_letters_evicted_total", &[("kind", kind.label().to_owned())]).increment(1);
        let settlement = letter::encode_settlement(id, Settlement::Evicted);
        if let Err(error) = self.begin_append(FORMAT_SETTLED, &settlement) {
            tracing::debug!(letter = id.0, %error, "an evicted letter cannot be marked as such");
        }
    }
}
