//! Smappee's energy monitors, of both generations, and the vendor's cloud.
//!
//! [`Monitor`] is the entry for MQTT: it reads the messages of one location by the kind of their [`Topic`].
//! [`rest`] reads the answers of the cloud's REST API. Both give the same meters and registers.
//!
//! Pure. Rules, from the vendor's document and the code of several clients:
//! - The generation is a property of a message, not of a monitor: `ctInput` or `publishIndex`.
//! - The UUID of a location is its password at the vendor's broker. It is in topics and in some messages.
//!   Nothing here keeps it: ids are made of a hash, [`hide`] replaces it in a message.
//! - Power is signed, in the direction of the current clamp. At a producer, import is production.
//! - Clamps of the grid are phases of the location's own meter, whose channel is empty. Every other one is
//!   a meter: `ct:5`. So are `sensor:3`, `plug:9`, `appliance:2`.
//! - Energies of `realtime` begin at zero with every restart. They have codes of their own.
//! - Voltages of a network without neutral are between lines.
//! - Absent is absent: a phase or an input that is not there has no value, although monitors send 0.

mod aggregated;
mod channel_map;
mod codes;
mod configuration;
mod context;
mod descriptions;
mod emit;
mod gateway;
mod hide;
mod location;
mod measurements;
mod monitor;
mod power;
mod realtime;
pub mod rest;
mod small;
mod topic;

pub use channel_map::{CHANNELS_MAX, Channel, ChannelMap, Index, PhaseType, Place, Role};
pub use codes::Phase;
pub use configuration::{Applied, Configuration, Input, Medium, Sensor, Switch};
pub use context::with_document;
pub use descriptions::Description;
pub use hide::{hide, hide_every};
pub use location::{Location, VENDOR};
pub use monitor::{MESSAGE_BYTES_MAX, Monitor, Outcome};
pub use topic::{Document, Kind, Report, Topic};

#[cfg(test)]
mod tests;
