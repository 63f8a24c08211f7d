//! From the journal into a sink: what a sink is, and the pump that drives one.

mod sink;

pub use sink::{Delivery, Progress, Sink, SinkError, SinkTrouble};
