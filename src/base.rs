//! Building blocks that every part may use and that know no part: back-off, a stop
//! signal, owned tasks, replacement of small files, sizes and time spans in words.
//!
//! Nothing here knows meters, the journal, a vendor or a server.

pub mod file;
pub mod human;

mod backoff;
mod finding;
mod stop;
mod tasks;

pub use backoff::{Backoff, BackoffError};
pub use finding::{Finding, Level};
pub use stop::{Stop, Stopped};
pub use tasks::{Tasks, panic_message};
