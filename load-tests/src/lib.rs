//! A simulated smart-me fleet and simulated meters of the local network: for the demo, the tests,
//! the load generator. It must not know meterline: it speaks the vendors' messages as the vendors
//! do, and simulates the vendors' interfaces.

mod body;
pub mod cloud;
pub mod curve;
pub mod devices;
mod expected;
mod fleet;
pub mod http;
pub mod proto;
mod script;
mod sender;
pub mod site;
pub mod smappee;

pub use body::{Body, Reading};
pub use expected::{Expected, SampleKey};
pub use fleet::{Fleet, FleetOptions};
pub use http::SendError;
pub use script::Script;
pub use sender::{Answer, Connection, Outcome, Target, send_all};
