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
//! - An answer is a list of entries that are read one by one. So some entries, with what the path says and the
//!   configuration of the location, give the same values as the whole answer.

mod asked;
mod consumption;
mod cost;
mod document;
mod event;
mod item;
mod kept;
mod row;
mod sensor;
mod shape;
mod site;
mod state;
#[cfg(test)]
mod tests;
mod token;

pub use asked::{Asked, LOCATIONS};
pub use cost::COSTS;
pub use document::Document;
pub use item::Item;
pub use row::Aggregation;
pub use shape::{Shape, is_unknown};
pub use site::{Location, Sensor, SensorChannel, Site, Thing, locations};
pub use token::Token;
