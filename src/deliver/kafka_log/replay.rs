//! A replay of the partitions that this member reads.

use super::Group;
use crate::deliver::partition::Partition;
use crate::deliver::pump::PumpHandle;
use crate::deliver::replay::{Rewind, Rewound};
use crate::reading::UnixNanos;
use std::sync::Arc;

impl Group {
    /// Rewinds the pump of each partition that this member reads to its first record of this time or later. Returns
    /// the names of the pumps with the outcomes.
    pub fn rewind(&self, from: UnixNanos) -> Vec<(String, Result<Rewound, String>)> {
        let running = self.shared.running.lock();
        let all: Vec<_> = running.values().map(|one| (one.partition.clone(), Arc::clone(&one.pump))).collect();
        drop(running);
        let rewound = |(partition, pump): (Partition, Arc<PumpHandle>)| {
            let first = partition.first_at_or_after(from).map_err(|error| error.message);
            let done = first.and_then(|first| pump.rewind(Rewind::to(first)).map_err(|error| error.to_string()));
            (pump.name().to_owned(), done)
        };
        all.into_iter().map(rewound).collect()
    }
}
