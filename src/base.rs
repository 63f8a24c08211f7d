//! Building blocks that every module may use: back-off, a stop signal, owned tasks,
//! atomic replacement of small files and their checksums, places to listen, sizes and durations as text.
//!
//! Nothing here knows another module: no meters, no journal, no vendor, no server.

pub mod build;
pub mod checked;
pub mod file;
pub mod human;
pub mod terminal;

mod backoff;
mod finding;
mod listen;
mod stop;
mod tasks;

pub use backoff::{Backoff, BackoffError};
pub use finding::{Finding, Level};
pub use listen::{Listen, own_address};
pub use stop::{Stop, Stopped};
pub use tasks::{Tasks, panic_message};
