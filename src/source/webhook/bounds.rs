//! The bounds of the webhook, with their defaults.

use super::frames::IDLE_FRAME;
use std::time::Duration;

/// The bounds. Sizes are bytes in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Open connections. One more displaces a connection that never had valid credentials,
    /// or else waits in the listen queue.
    pub connections_max: usize,
    /// Connections of one account; a request on one more is answered 503.
    pub account_connections_max: usize,
    /// Time limit of the TLS handshake and of a request head; also the idle limit of a
    /// connection without valid credentials. Then the connection is closed.
    pub header_timeout: Duration,
    /// Time until the next request on a connection that had valid credentials; then it is
    /// closed.
    pub idle_timeout: Duration,
    /// Time limit of a body; then 408.
    pub body_timeout: Duration,
    /// Longest pause within a body; then 408.
    pub stall_timeout: Duration,
    /// Bytes of one body, before and after inflation; beyond 413.
    pub body_bytes_max: usize,
    /// Bytes of all bodies being received or waiting for their sync.
    pub in_flight_bytes_max: usize,
    /// The same for each account.
    pub account_in_flight_bytes_max: usize,
    /// Longest wait for permits for bytes in flight; then 503.
    pub in_flight_wait: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections_max: 1024,
            account_connections_max: 768,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(300),
            body_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(10),
            body_bytes_max: 1 << 20,
            in_flight_bytes_max: 6 << 20,
            account_in_flight_bytes_max: 5 << 20,
            in_flight_wait: Duration::from_secs(5),
        }
    }
}

impl Bounds {
    /// These bounds with at most this number of connections; a quarter of them remains for
    /// other accounts.
    #[must_use]
    pub fn with_connections_at_most(self, connections: usize) -> Self {
        if connections >= self.connections_max {
            return self;
        }
        let account_connections_max = self.account_connections_max.min(connections - connections / 4);
        Self { connections_max: connections, account_connections_max, ..self }
    }

    /// The most bytes of one body in flight: as received, and inflated.
    pub(super) fn body_in_flight_bytes_max(&self) -> usize {
        self.body_bytes_max.saturating_mul(2)
    }

    /// The invalid bounds, as sentences.
    pub(super) fn faults(&self) -> impl Iterator<Item = &'static str> + use<> {
        let body = self.body_bytes_max;
        let rules = [
            (self.connections_max > 0, "the webhook needs connections_max of at least 1"),
            (self.account_connections_max > 0, "the webhook needs account_connections_max of at least 1"),
            (body > 0, "the webhook needs a largest body of at least one byte"),
            // A compressed body and its inflated form are in flight together, and one body can
            // always take this much.
            (
                self.account_in_flight_bytes_max / 2 >= body,
                "the bytes in flight of a webhook account must hold at least twice the largest body",
            ),
            (
                self.in_flight_bytes_max >= self.account_in_flight_bytes_max,
                "the bytes in flight of the webhook must be at least the bound of one account",
            ),
            (
                self.in_flight_bytes_max <= IN_FLIGHT_BYTES_LIMIT,
                "the bytes in flight of the webhook must be below 2 GiB",
            ),
            (!self.header_timeout.is_zero(), "the webhook's header timeout must not be zero"),
            (
                self.idle_timeout >= self.header_timeout,
                "the webhook's idle timeout must not be below its header timeout",
            ),
            (!self.stall_timeout.is_zero(), "the webhook's stall timeout must not be zero"),
            (self.body_timeout >= self.stall_timeout, "the webhook's body timeout must not be below its stall timeout"),
        ];
        rules.into_iter().filter(|(holds, _)| !holds).map(|(_, sentence)| sentence)
    }
}

/// Largest setting of the bytes in flight.
const IN_FLIGHT_BYTES_LIMIT: usize = (1 << 31) - 1;
/// Largest read buffer of hyper per connection; also bounds a request's head.
pub(super) const READ_BUFFER_BYTES_MAX: usize = 16 << 10;
/// Header fields of a request.
pub(super) const HEADER_FIELDS_MAX: usize = 64;
/// Bytes of an HTTP/2 request's head.
pub(super) const HEADER_LIST_BYTES_MAX: u32 = 16 << 10;
/// Open requests of an HTTP/2 connection.
pub(super) const STREAMS_MAX: u32 = 64;
/// Flow-control window of an HTTP/2 request.
pub(super) const STREAM_WINDOW_BYTES: u32 = 16 << 10;
/// Flow-control window of an HTTP/2 connection. It holds the windows of all its requests: bodies
/// that wait for permits must not use up what a body with permits needs.
pub(super) const CONNECTION_WINDOW_BYTES: u32 = STREAMS_MAX * STREAM_WINDOW_BYTES;
/// Weight of the HTTP/2 frames between two checks of a connection that ask for nothing: 1000
/// such frames, or 100,000 short frames of bodies. Beyond it the connection is closed.
pub(super) const IDLE_WEIGHT_MAX: i64 = 1000 * IDLE_FRAME;
/// How long we read on after an early answer, so that the sender can read the answer before
/// the connection is reset.
pub(super) const LINGER: Duration = Duration::from_secs(2);
/// Bytes discarded after an early answer.
pub(super) const LINGER_BYTES_MAX: usize = 1 << 20;
/// First and longest pause after a failed accept.
pub(super) const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(10);
pub(super) const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Retry-After of a body that got no permits for bytes in flight.
pub(super) const RETRY_AFTER_IN_FLIGHT: Duration = Duration::from_secs(5);
/// Retry-After of a request on a connection beyond its account's share.
pub(super) const RETRY_AFTER_CONNECTIONS: Duration = Duration::from_secs(5);
