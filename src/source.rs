//! The ways in: each source brings bytes of one vendor to the door.
//!
//! A source knows its transport and its credentials, and nothing of sinks.
pub mod smart_me;
pub mod webhook;
