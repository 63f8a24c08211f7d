//! Smappee's monitors and cloud: messages and answers to readings.
//!
//! Pure. The site and its parts are meters, with ids made of the UUID of the service location. This
//! UUID is the password of the cloud's MQTT, so no part of a decoded message holds it:
//! the id of the site's meter stands for it. Channels: empty for the site itself (the grid measurements, voltages, totals),
//! `ct:N` for a current transformer that is not at the grid, `sensor:N`, `plug:N`, `appliance:N`.

mod registers;
pub mod rest;

/// The vendor's name in ids and descriptions.
pub const VENDOR: &str = "smappee";
