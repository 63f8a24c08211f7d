//! The Kafka sink against a real broker.

mod contract;
mod driver;
mod faults;
mod lost;
mod topic;
