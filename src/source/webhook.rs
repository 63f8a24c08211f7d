//! The webhook: senders post bodies here, and a 200 means "on disk".
//!
//! One task per connection (hyper), HTTP/1.1 and HTTP/2 on one port, with or without TLS;
//! one path per account, HTTP Basic. The account's configuration sets the format of its
//! bodies. It knows ingest and no sink. [`Bounds`] limits everything: connections and body
//! bytes in flight, in total and per account; handshake, header, idle and body times; a
//! body's size before and after inflation. Unauthenticated connections are displaced when
//! all are in use, and repeated failed logins are answered with a delay. Behind proxies,
//! only their networks are served.
//!
//! **Answers.** 200 without a body: safe on disk (or empty). 401 with a challenge for any
//! request without valid credentials for its path, known or not: the same bytes, after the
//! same work, before the body is read. 404 for an unknown path only if no account has
//! credentials, so that there is nothing to hide. 405 for another method than POST, with
//! valid credentials. 408 for a body that stalls or trickles. 411 if nothing says how long
//! the body is. 413 beyond the size limit. 400 for a head that HTTP forbids, on any path, and
//! for an undecodable body (its framing or its compression) if the account wants that or its
//! quota is spent. 503 with Retry-After when the body cannot be stored now.
//!
//! **Copies of a body.** The kernel copies the socket into hyper's buffer. A body in one
//! piece, as when head and body fit into that buffer, is decoded and appended from there;
//! several pieces are joined once (one more copy). A compressed body is inflated once into
//! its own buffer. The journal copies it into its group buffer, which is written. So we
//! make one copy of a body in one piece, two of one in several pieces or compressed, three
//! of both.

mod accepts;
mod access;
mod accounts;
mod activity;
mod answer;
mod answer_body;
mod body;
mod bounds;
mod config;
mod connection;
mod credentials;
mod forwarded;
mod frames;
mod heads;
mod in_flight;
mod inflate;
mod listener;
mod login_budgets;
mod logins;
mod malformed;
mod on_wake;
mod permits;
mod request;
mod running;
mod server_state;
#[cfg(test)]
mod tests;
mod tls;
mod transport;

pub use accepts::Accepts;
pub use access::AuthCounts;
pub use accounts::{Accounts, Unregistered};
pub use bounds::Bounds;
pub use config::{Account, Config, ConfigError};
pub use credentials::{Credentials, Pairs};
pub use forwarded::client as client_address;
pub use heads::{HEADS_FILE, Head, read_heads};
pub use login_budgets::LoginBudgets;
pub use running::Webhook;
pub use server_state::StartError;
pub use tls::{
    CertificateStatus, CertificateSummary, ChainFault, Listener, Tls, TlsError, TlsFiles, watch as watch_certificate,
};
