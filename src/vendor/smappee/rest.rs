//! Answers of Smappee's REST API, version 3 (`/dev/v3`).
//!
//! Invariants:
//! - Ranges of requests are `[from, to)` in UTC milliseconds; a row's time stamp is the start of its
//!   interval. A value gets the end as its time, for days and longer the start.
//! - Energies are watt-hours of the interval. `alwaysOn` is a sum of five-minute means in W, so a
//!   twelfth of it is watt-hours. Temperatures are tenths of a degree.
//! - Gas and water come as pulses; the volume is pulses ÷ `ppu`, which every channel has for itself. Without
//!   `ppu` they stay pulses.
//! - An unknown key is a text, null is absent.

mod consumption;
mod cost;
mod document;
mod event;
mod metering;
mod row;
mod sensor;
mod site;
mod state;
#[cfg(test)]
mod tests;
mod token;

pub use document::{Asked, Document, Shape};
pub use row::Aggregation;
pub use site::{Location, Sensor, SensorChannel, Site, Thing, locations};
pub use token::Token;
