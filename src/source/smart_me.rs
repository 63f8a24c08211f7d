//! smart-me's REST API as a client: one client an account, with one budget.
//!
//! Here lives what an account may ask of the vendor's cloud and how it logs in there:
//! the keeping of its webhook registration, the rotation of the credentials in it, what
//! is fetched of the past where it is missing, and its devices with what they measured
//! last. Read-only towards devices: of everything the API can write only registrations
//! of our own URL are made and removed. Invariants: an
//! account never sends more requests in any minute than its budget; no secret and
//! no webhook path is in an error, a log line or a `Debug`.

mod account;
mod answer;
mod budget;
mod carrier;
mod client;
mod counters;
mod describe;
mod durable;
mod login;
mod memory;
mod pause;
mod plan;
mod poll;
mod registrar;
mod registration;
mod repair;
mod rotation;
#[cfg(test)]
mod tests;
mod way;
mod worker;

pub use account::{Account, ApiUrl, Login, Reach, Wanted, origin};
pub use answer::ApiError;
pub use carrier::Dated;
pub use client::{Access, Client};
pub use counters::WebhookCounters;
pub use describe::Describer;
pub use login::{LoggingIn, LoginError, Prompt};
pub use memory::Memory;
pub use pause::Pause;
pub use plan::{Evidence, Standing, Step};
pub use poll::{
    Freshness, GatewayStatus, PollMode, PollParts, PollState, PollStatus, Polling, UnitFactor, ValuesOf, poll,
};
pub use registrar::{Desk, Listed, Registrar, Report};
pub use registration::{RegistrationState, RegistrationStatus, keep_registered};
pub use repair::{RepairState, RepairStatus, repair};
#[cfg(feature = "test-faults")]
pub use rotation::DIES_AT;
pub use rotation::{NotRotatable, PasswordFile, Passwords};
pub use way::Way;
pub use worker::Worker;
