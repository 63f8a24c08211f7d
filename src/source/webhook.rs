//! The webhook: senders post bodies here, and a 200 means "on disk".
//!
//! One hyper connection a task, HTTP/1.1 and HTTP/2 on one port, with TLS or in the
//! clear; one path an account, HTTP Basic. What its bodies are is the account's
//! configuration. It knows ingest and no sink. Everything is bounded by
//! [`Bounds`]: connections and bytes of bodies in flight, in total and for each
//! account; handshake, header, idle and body times; a body's size before and after
//! inflation. Who has no valid credentials gives way and, when guessing, waits.
//!
//! **Answers.** 200 without a body: safe on disk (or empty). 401 with a challenge
//! for whatever has no valid credentials for its path, known or not: the same
//! bytes, after the same work, before any of the body is asked for. 404 for an unknown
//! path only where no account at all has credentials, so that there is nothing to
//! hide. 405 for another method than POST, on the path with valid credentials. 408 for a body that stalls or trickles. 413 beyond the size limit.
//! 400 for a broken or unknown compression, and for an unreadable body where the
//! account wants that. 503 with Retry-After when the body cannot be kept now.
//!
//! **Copies of a body.** The socket is read into hyper's buffer (one copy, by the
//! kernel). A body that hyper hands over in one piece, as it does when head and
//! body fit into its buffer, is decoded and appended from that buffer; one that
//! comes in several pieces is joined once (one more copy). A compressed body is
//! inflated once into a buffer of its own. The journal copies it into its group
//! buffer, which is what is written. So: one copy of ours for a body in one piece,
//! two for one in several pieces or compressed, three for both.

mod access;
mod activity;
mod answer;
mod body;
mod bounds;
mod config;
mod connection;
mod credentials;
mod forwarded;
mod heads;
mod inflate;
mod listener;
mod logins;
mod permits;
mod request;
mod running;
mod server_state;
#[cfg(test)]
mod tests;
mod tls;
mod transport;

pub use access::AuthCounts;
pub use bounds::Bounds;
pub use config::{Account, Config, ConfigError};
pub use credentials::{Credentials, Pairs};
pub use heads::{HEADS_FILE, Head, read_heads};
pub use running::Webhook;
pub use server_state::StartError;
pub use tls::{CertificateStatus, Tls, TlsError, TlsFiles};
