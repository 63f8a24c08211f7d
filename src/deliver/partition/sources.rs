//! Numbers for the names of sources in a partition's records, as the pump expects them.

use crate::journal::SourceId;
use std::collections::VecDeque;
use std::sync::Arc;

/// Names remembered; beyond it the oldest is forgotten, and gets another number when it comes again.
const NAMES_MAX: usize = 256;

/// The names that were read lately. A number stands for one name and is not given again.
#[derive(Debug, Default)]
pub(super) struct Sources {
    names: VecDeque<Arc<str>>,
    /// The number of the first name.
    first: u32,
}

impl Sources {
    /// The number of a name.
    pub(super) fn number(&mut self, name: &str) -> SourceId {
        // The newest first: most records come from few sources.
        let known = self.names.iter().rposition(|known| **known == *name);
        let place = known.unwrap_or_else(|| {
            if self.names.len() >= NAMES_MAX {
                self.names.pop_front();
                self.first = self.first.wrapping_add(1);
            }
            self.names.push_back(name.into());
            self.names.len() - 1
        });
        SourceId(self.first.wrapping_add(u32::try_from(place).unwrap_or(u32::MAX)))
    }

    /// The name of a number.
    pub(super) fn name(&self, id: SourceId) -> Option<Arc<str>> {
        let place = usize::try_from(id.0.wrapping_sub(self.first)).ok()?;
        self.names.get(place).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_for_one_name_also_beyond_the_bound() {
        let mut sources = Sources::default();
        let first = sources.number("first");
        assert_eq!((sources.number("first"), sources.name(first).as_deref()), (first, Some("first")));
        for number in 0..NAMES_MAX {
            sources.number(&format!("source {number}"));
        }
        assert_eq!((sources.names.len(), sources.name(first)), (NAMES_MAX, None));
        let again = sources.number("first");
        assert!(again != first && sources.name(again).as_deref() == Some("first"));
    }
}
