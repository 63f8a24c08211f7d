//! A simulated smart-me fleet: the demo's cloud, the tests' sender, the load
//! generator. It must not know meterline: it speaks the vendor's messages over HTTP,
//! as the vendor does, and simulates the vendor's REST API.

mod body;
pub mod cloud;
mod expected;
mod fleet;
pub mod http;
pub mod proto;
mod script;
mod sender;

pub use body::{Body, Reading};
pub use expected::{Expected, SampleKey};
pub use fleet::{Fleet, FleetOptions};
pub use http::SendError;
pub use script::Script;
pub use sender::{Answer, Connection, Outcome, Target, send_all};
