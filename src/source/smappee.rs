//! Smappee's cloud as a source: rows, sensors, plugs, events and costs over REST.
//!
//! One task for each account. Each run asks for the newest rows of every location, with an overlap, because
//! the cloud corrects rows; then for rows that gap detection misses, whichever source should have brought them; then
//! for the past, oldest rows first, because fine rows are kept for a month only. Where fine rows are
//! missing, rows of hours and then of days are stored, under codes of their own. Read-only: the requests in
//! `ALLOWED` are all that is ever sent. Invariants: a new refresh token is on disk before its access
//! token is used; nothing that is journaled, shown or logged holds a secret or a location's UUID.

mod account;
mod client;
mod decode;
mod describe;
mod error;
mod fill;
mod gaps;
mod login;
mod place;
mod poll;
mod progress;
mod range;
mod reports;
mod rows;
mod sites;
mod start;
#[cfg(test)]
mod tests;

pub use account::{Account, Credentials};
pub(super) use describe::of_monitor;
pub use start::Needs;
