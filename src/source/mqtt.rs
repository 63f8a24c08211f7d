//! Brokers of MQTT 3.1.1: one source is one connection, with routes from topics to the decoders of vendors.
//!
//! The session is kept by the broker, and an acknowledgement follows the sync of the journal, so what
//! the broker has for us survives our crash. Knows topics; `vendor/*` decode. Read-only: nothing is published
//! but the keep-alive of Smappee's cloud (`publication.rs`).

mod broker;
mod connect;
mod connection;
mod counters;
mod keeping;
mod publication;
mod queue;
mod routes;
mod session;
mod subscriptions;
mod unknown;

pub use broker::{Address, Broker, Scheme};
pub use routes::{Cloud, Document, Logger, Meter, Monitors, Route};

use super::{Decoder, Describer, Schedule, Sources};
use crate::clock::Clock;
use crate::contexts::Contexts;
use crate::ingest::Entrance;
use routes::decoders;
use session::{KIND, Mqtt};
use std::time::Duration;
use uuid::Uuid;

/// The waits after a failure. A broker keeps messages meanwhile, up to its own limits.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// Brokers are connected at a random time within this period.
const FIRST_WITHIN: Duration = Duration::from_secs(1);

impl Broker {
    /// Starts its source. `installation` is the id of this data directory.
    pub fn start(
        &self,
        sources: &Sources,
        entrance: &Entrance,
        describer: Describer,
        clock: &Clock,
        installation: Uuid,
    ) {
        let schedule =
            Schedule { every: LONGEST_WAIT, first_within: FIRST_WITHIN, backoff: (FIRST_WAIT, LONGEST_WAIT) };
        let client_id = self.client_id(installation);
        let mqtt = Mqtt::new(self.clone(), client_id, entrance, describer, clock.clone());
        sources.start_connected(&self.name, KIND, schedule, mqtt);
    }

    /// The decoders of its messages; contexts of other sources come from this store.
    pub fn decoders(&self, contexts: &Contexts) -> [(&'static str, Decoder); 4] {
        decoders(&self.routes, contexts)
    }

    /// The client id, under which the broker keeps the session: the same over restarts, and another one for
    /// another data directory.
    fn client_id(&self, installation: Uuid) -> String {
        let (id, ..) = installation.as_fields();
        self.client_id.clone().unwrap_or_else(|| format!("meterline-{}-{id:08x}", self.name))
    }
}
