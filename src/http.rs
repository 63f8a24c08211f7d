//! The project's one HTTP client, for sources and sinks.
//!
//! [`Client`] sends one request and reads its answer within bounds of time and size.
//! [`Requester`] also keeps a request budget, for servers with a rate limit. [`Outcome`]
//! says whether a request may be repeated. [`WebSocket`] is a connection that a request opens.
//!
//! It knows no vendor and no server. Invariants: redirects are not followed, so that
//! credentials never go to another host; no error, log line or `Debug` holds a header
//! value, a query or a body.

mod budget;
mod ca_file;
mod client;
mod client_tls;
mod known_server;
mod outcome;
mod requester;
mod web_socket;

pub use budget::Budget;
pub use ca_file::CaFile;
pub use client::{Bounds, Client, HttpError, Request, Response, basic_authorization, no_body, web_address};
pub use client_tls::{ClientIdentity, client_tls};
pub use outcome::{Outcome, date, described, outcome};
pub use requester::{Exchange, Requester};
pub use web_socket::WebSocket;

#[cfg(test)]
mod tests;
