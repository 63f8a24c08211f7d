//! The names of partitions: a topic has readings or descriptions of meters, and each of its partitions has a number.

use std::fmt;

/// The kind of a topic's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Contents {
    /// Readings.
    Readings,
    /// Versions of the descriptions of meters.
    Meters,
}

/// The topics that a group reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    /// The topic of readings.
    pub readings: String,
    /// The topic of descriptions; `None` if the group does not read it.
    pub meters: Option<String>,
}

impl Topics {
    /// The names of all topics.
    pub(in crate::deliver) fn names(&self) -> Vec<&str> {
        std::iter::once(self.readings.as_str()).chain(self.meters.as_deref()).collect()
    }

    /// The name of the topic with these contents.
    pub(in crate::deliver) fn name(&self, contents: Contents) -> &str {
        match contents {
            Contents::Readings => &self.readings,
            Contents::Meters => self.meters.as_deref().unwrap_or_default(),
        }
    }

    /// The partition of this number of a topic; `None` for a topic that the group does not read.
    pub(super) fn partition(&self, topic: &str, number: i32) -> Option<PartitionId> {
        let contents = [Contents::Readings, Contents::Meters].into_iter().find(|it| self.name(*it) == topic);
        contents.filter(|_| !topic.is_empty()).map(|contents| PartitionId { contents, number })
    }
}

/// A partition of one of the topics. It is shown as `3`, or `meters-3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId {
    /// The kind of its records.
    pub contents: Contents,
    /// Its number in its topic.
    pub number: i32,
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.contents {
            Contents::Readings => write!(f, "{}", self.number),
            Contents::Meters => write!(f, "meters-{}", self.number),
        }
    }
}
