//! P1 telegrams: the customer port of smart meters in the Netherlands, Belgium, Luxembourg,
//! Sweden, Austria, Hungary, Lithuania and elsewhere (DSMR 2.2 to 5, e-MUCS, H1).
//!
//! Pure: bytes in, values out; no transport, no clock, no time-zone database.
//! `frame` finds telegrams in a stream and checks them, `line` takes a line apart,
//! `registers` says what its code means, and [`Telegram::visit`] returns the values.
//!
//! Invariants: one bad line costs that line alone. A value is digits and a power of ten until
//! its last step. Nothing is allocated for a line. Every line is a value, a text, or is reported.

mod checksum;
mod cipher;
mod facts;
mod frame;
mod line;
mod mbus;
mod nameplate;
mod registers;
mod tariffs;
mod telegram;
mod time;
mod unit;
mod values;

pub use checksum::{Checksum, ChecksumFault};
pub use cipher::{CipherError, Key, clear_text};
pub use frame::{Frame, TELEGRAM_BYTES_MAX, next_frame};
pub use line::LINE_BYTES_MAX;
pub use nameplate::{Device, Nameplate};
pub use telegram::{Ids, Telegram};

/// The vendor in the meter ids of these devices.
pub const VENDOR: &str = "p1";

#[cfg(test)]
mod tests;
