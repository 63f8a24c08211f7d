//! Every bound of the webhook, with its default.

use std::time::Duration;

/// The bounds. Sizes are bytes in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Open connections. One more takes the place of one that never had a request
    /// with valid credentials, or else waits in the listen queue.
    pub connections_max: usize,
    /// Connections of one account; a request on one more is answered 503.
    pub account_connections_max: usize,
    /// A connection whose TLS handshake or request head is not whole by then is closed; so is one
    /// that never sent a request with valid credentials and sends none.
    pub header_timeout: Duration,
    /// A connection that had such a request is closed when the next one does not
    /// begin by then.
    pub idle_timeout: Duration,
    /// A body that is not whole by then is answered 408.
    pub body_timeout: Duration,
    /// A body of which nothing comes for so long is answered 408.
    pub stall_timeout: Duration,
    /// Bytes of one body, before and after inflation; beyond it 413.
    pub body_bytes_max: usize,
    /// Bytes of all bodies being received or waiting for their sync.
    pub in_flight_bytes_max: usize,
    /// The same for each account.
    pub account_in_flight_bytes_max: usize,
    /// A body that finds no room in flight for so long is answered 503.
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
            body_bytes_max: 4 << 20,
            in_flight_bytes_max: 64 << 20,
            account_in_flight_bytes_max: 16 << 20,
            in_flight_wait: Duration::from_secs(5),
        }
    }
}

impl Bounds {
    /// What of them cannot work, as sentences.
    pub(super) fn faults(&self) -> impl Iterator<Item = &'static str> + use<> {
        let body = self.body_bytes_max;
        let rules = [
            (self.connections_max > 0, "the webhook needs connections_max of at least 1"),
            (self.account_connections_max > 0, "the webhook needs account_connections_max of at least 1"),
            (body > 0, "the webhook needs a largest body of at least one byte"),
            // A compressed body and what becomes of it are in flight together.
            (
                self.account_in_flight_bytes_max / 2 >= body,
                "the bytes in flight of a webhook account must hold at least twice the largest body",
            ),
            (
                self.in_flight_bytes_max >= self.account_in_flight_bytes_max,
                "the bytes in flight of the webhook must hold at least those of one account",
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

/// Most that the bytes of all bodies in flight may be set to.
const IN_FLIGHT_BYTES_LIMIT: usize = (1 << 31) - 1;
/// Bytes of hyper's read buffer a connection may grow to; also bounds a request's head.
pub(super) const READ_BUFFER_BYTES_MAX: usize = 64 << 10;
/// Header fields of a request.
pub(super) const HEADER_FIELDS_MAX: usize = 64;
/// Bytes of an HTTP/2 request's head.
pub(super) const HEADER_LIST_BYTES_MAX: u32 = 16 << 10;
/// Requests that an HTTP/2 connection may have open.
pub(super) const STREAMS_MAX: u32 = 64;
/// Bytes that an HTTP/2 request may send before they are asked for,
pub(super) const STREAM_WINDOW_BYTES: u32 = 64 << 10;
/// and all requests of its connection together.
pub(super) const CONNECTION_WINDOW_BYTES: u32 = 128 << 10;
/// How long a sender that was answered before it had sent its body is still
/// listened to, so that it can read the answer before the connection is reset,
pub(super) const LINGER: Duration = Duration::from_secs(2);
/// and how many bytes of it are thrown away meanwhile.
pub(super) const LINGER_BYTES_MAX: usize = 1 << 20;
/// First and longest pause after the listener could not accept.
pub(super) const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(10);
pub(super) const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Retry-After of a body that found no room in flight.
pub(super) const RETRY_AFTER_IN_FLIGHT: Duration = Duration::from_secs(5);
/// Retry-After of a request on a connection beyond its account's share.
pub(super) const RETRY_AFTER_CONNECTIONS: Duration = Duration::from_secs(5);
