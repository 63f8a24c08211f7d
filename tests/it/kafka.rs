//! The Kafka sink against a real broker.

mod access;
mod contract;
mod faults;
mod harness;
mod loss;
mod meters;
mod topic;
mod transactions;
