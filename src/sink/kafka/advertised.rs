//! Finds a broker that cannot be reached at the address that the brokers name for it.
//!
//! The client asks any broker of `brokers` for the addresses of all (their
//! `advertised.listeners`) and then uses only those. Its own errors do not tell an address
//! that was configured here from one that the brokers named. Asked only after a failure.

use super::config::Config;
use crate::kafka::LogContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use std::io;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// Brokers that are tried.
const BROKERS_MAX: usize = 8;
/// A busy broker takes some seconds.
const METADATA_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A broker that cannot be reached.
#[derive(Debug)]
pub(super) struct UnreachableBroker {
    /// Its number.
    pub(super) id: i32,
    /// Host and port, as the brokers name it.
    pub(super) address: String,
    /// The system's error.
    pub(super) why: String,
}

/// The first broker that cannot be reached; `None` if all can, or none answers for them.
pub(super) fn unreachable_broker(config: &Config) -> Option<UnreachableBroker> {
    // A new client, because an older one no longer uses the configured addresses.
    let client: BaseConsumer<LogContext> =
        config.client.settings().create_with_context(LogContext::new(&config.client)).ok()?;
    let metadata = client.fetch_metadata(Some(&config.topic), METADATA_TIMEOUT).ok()?;
    metadata.brokers().iter().take(BROKERS_MAX).find_map(|broker| {
        let (host, port) = (broker.host(), u16::try_from(broker.port()).unwrap_or_default());
        let why = connect(host, port).err()?.to_string();
        Some(UnreachableBroker { id: broker.id(), address: format!("{host}:{port}"), why })
    })
}

fn connect(host: &str, port: u16) -> io::Result<()> {
    let mut outcome = Err(io::Error::other("the host name has no address here"));
    for address in (host, port).to_socket_addrs()? {
        outcome = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).map(|_| ());
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}
