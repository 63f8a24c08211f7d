//! The Kafka sink against a real broker.

mod access;
mod contract;
mod driver;
mod faults;
mod lost;
mod meters;
mod topic;
