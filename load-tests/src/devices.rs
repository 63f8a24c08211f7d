//! Simulated meters of the local network: real servers on loopback ports, with the vendors' shapes and
//! with values that follow from the time alone.
//!
//! Every HTTP device has the list of requests that its vendor documents as reading
//! ([`AllowList`]), written down here a second time, so that it checks the service's own list. A
//! request that is on no list fails the test, when the device is dropped. So does a byte that is
//! sent to a P1 port.

mod allow_list;
mod dsmr_logger;
mod em300;
mod http_server;
mod ksem;
mod measured;
mod one_of_each;
mod p1;
mod serial_server;
mod smart_mac;
#[cfg(test)]
mod tests;
mod web_socket;

pub use allow_list::AllowList;
pub use dsmr_logger::DsmrLogger;
pub use em300::Em300;
pub use http_server::{Answer, HttpServer};
pub use ksem::Ksem;
pub(crate) use measured::moving;
pub use measured::{Clock, Measured};
pub use one_of_each::OneOfEach;
pub use p1::P1Meter;
pub use serial_server::{SerialLine, SerialServer};
pub use smart_mac::SmartMac;
pub use web_socket::{WebSocket, WebSocketMessage};
