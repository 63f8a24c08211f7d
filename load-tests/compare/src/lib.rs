//! Load on a webhook, with the latencies of its answers and the exact samples that were answered; real servers to
//! store them, and the check of what these have. Two programs use it: `meterline-compare` measures, `meterline-chaos` breaks.
//! The generator must not know what is measured: it posts bodies of smart-me's shape to any server.
//!
//! Invariants: a latency in an open loop counts from the intended time, so a server that stalls delays no
//! measurement; every reading is made of its meter and its time alone, so the times of the answered bodies are
//! all that a check of the stores needs.

pub mod body;
pub mod check;
pub mod children;
pub mod clock;
pub mod fleet;
pub mod generator;
pub mod kafka_record;
pub mod ports;
pub mod run;
pub mod schedule;
pub mod servers;
pub mod tally;
mod wire;
