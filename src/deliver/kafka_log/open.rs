//! Opens assigned partitions, and starts their pumps.

use super::{Opening, RETRY_EVERY, Running, Shared};
use crate::deliver::log::Log;
use crate::deliver::partition::{Membership, Partition, PartitionId};
use crate::deliver::pump::PumpHandle;
use std::sync::Arc;

impl Shared {
    /// Opens one of the assigned partitions and starts its pump; whether there was one. The brokers are asked for each, and
    /// the group must be polled in between.
    ///
    /// # Errors
    /// When the pump cannot be started.
    pub(super) fn open_next(&self, membership: &Membership) -> Result<bool, String> {
        let now = self.clock.monotonic();
        let is_due = |one: &Opening| one.retry.as_ref().is_none_or(|(at, _)| *at <= now);
        let next = self.opening.lock().extract_if(.., |_, one| is_due(one)).next();
        let Some((id, Opening { queue, signal, retry })) = next else { return Ok(false) };
        match Partition::open(membership, id, queue, Arc::clone(&signal)) {
            Ok(partition) => self.start_pump(id, partition)?,
            Err((queue, error)) => {
                if retry.is_none_or(|(_, before)| before != error.message) {
                    tracing::warn!(partition = %id, why = error.message, "a partition cannot be read yet; retrying");
                }
                let retry = Some((self.clock.monotonic() + RETRY_EVERY, error.message));
                self.opening.lock().insert(id, Opening { queue, signal, retry });
            }
        }
        Ok(true)
    }

    fn start_pump(&self, id: PartitionId, partition: Partition) -> Result<(), String> {
        let (name, log) = (format!("{}-{id}", self.name), Log::Partition(partition.clone()));
        let sink = (self.sinks)(&name, &log)?;
        let pump = PumpHandle::start(name, sink, log, self.clock.clone(), self.options.clone());
        let pump = Arc::new(pump.map_err(|error| error.to_string())?);
        self.running.lock().insert(id, Running { partition, pump });
        Ok(())
    }
}
