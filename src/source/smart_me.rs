//! smart-me's REST API as a source: one client per account, with one budget and one login.
//!
//! An account has three tasks. They create and repair its webhook registration
//! ([`Registration`]), repair gaps from past values ([`GapRepair`]) and poll its devices
//! ([`Devices`]). Commands log in, list registrations and rotate the webhook password.
//! Read-only towards devices: the only writes create and remove registrations of our own
//! URL. Invariants: one process never exceeds an account's request budget in any minute; no error,
//! log line or `Debug` holds a secret or a webhook path.

mod account;
mod client;
mod counters;
mod decoder;
mod describe;
mod devices;
mod error;
mod findings;
mod login;
mod plan;
mod polling;
mod registrar;
mod registration;
mod registration_file;
mod repair;
mod rotation;
#[cfg(test)]
mod tests;
mod webhook_logins;

pub use account::{Account, ApiUrl, Login, Reach, WantedRegistration, origin};
pub use client::{Client, DatedAnswer};
pub use counters::WebhookCounters;
pub use decoder::decoders;
pub use devices::{Devices, DevicesParts};
pub use error::ApiError;
pub use login::{Access, LoginError, PersonLogin, Prompt};
pub use plan::{Evidence, RegistrationState, Step};
pub use polling::{PollMode, Polling, ValuesOf};
pub use registrar::{ListedRegistration, Registrar, RegistrationReport, Target, list_all};
pub use registration::{REGISTRATION, Registration, registration_schedule};
pub use registration_file::RegistrationFile;
pub use repair::GapRepair;
#[cfg(feature = "test-faults")]
pub use rotation::DIES_AT;
pub use rotation::{NotRotatable, PasswordFile, Passwords, RELOAD_CREDENTIALS, REPLACE_REGISTRATION};
pub use webhook_logins::WebhookLogins;
