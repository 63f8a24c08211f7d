//! smart-me's REST API as a source: one client an account, with one budget and one login.
//!
//! An account's three tasks keep its webhook registration right ([`Registration`]), repair
//! gaps from past values ([`GapRepair`]) and poll its devices ([`Devices`]); commands log
//! in, list registrations and rotate the webhook password. Read-only towards devices: of
//! everything the API can write, only registrations of our own URL are made and removed.
//! Invariants: an account never sends more requests in any minute than its budget; no
//! secret and no webhook path is in an error, a log line or a `Debug`.

mod account;
mod client;
mod counters;
mod describe;
mod devices;
mod error;
mod findings;
mod login;
mod registration_file;
mod arrivals;
mod plan;
mod registrar;
mod registration;
mod repair;
mod rotation;
#[cfg(test)]
mod tests;

pub use account::{Account, ApiUrl, Login, Reach, Wanted, origin};
pub use client::{Access, Client, Dated};
pub use counters::WebhookCounters;
pub use describe::Describer;
pub use devices::{Devices, DevicesParts, PollMode, Polling, ValuesOf};
pub use error::ApiError;
pub use login::{LoginError, PersonLogin, Prompt};
pub use registration_file::RegistrationFile;
pub use arrivals::Arrivals;
pub use plan::{Evidence, Standing, Step};
pub use registrar::{Listed, Registrar, Report, Target};
pub use registration::{REGISTRATION, Registration, registration_schedule};
pub use repair::GapRepair;
#[cfg(feature = "test-faults")]
pub use rotation::DIES_AT;
pub use rotation::{NotRotatable, PasswordFile, Passwords, RELOAD_CREDENTIALS, REPLACE_REGISTRATION};
