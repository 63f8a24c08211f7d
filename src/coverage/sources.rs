//! The names of the meters' sources, each once, so that a meter need not hold its own.

use super::meter::SourceIndex;
use std::collections::HashMap;
use std::sync::Arc;

/// The names of all sources of tracked meters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sources {
    names: Vec<Arc<str>>,
    indexes: HashMap<Arc<str>, SourceIndex>,
}

impl Sources {
    /// The index of a source; a new one is added. `None` beyond 65,536 sources.
    pub(super) fn index_of(&mut self, name: &str) -> Option<SourceIndex> {
        if let Some(index) = self.indexes.get(name) {
            return Some(*index);
        }
        let index = SourceIndex(u16::try_from(self.names.len()).ok()?);
        let name: Arc<str> = Arc::from(name);
        self.names.push(Arc::clone(&name));
        self.indexes.insert(name, index);
        Some(index)
    }

    pub(super) fn name(&self, index: SourceIndex) -> &str {
        self.names.get(usize::from(index.0)).map_or("", |name| name)
    }

    /// All names, by index.
    pub(super) fn names(&self) -> &[Arc<str>] {
        &self.names
    }
}
