//! The tests that talk to real servers: QuestDB, Kafka, and the meterline binary
//! itself. `./test` starts the shared servers and names them in the environment;
//! a test that stops, breaks or fills a server starts one of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "tests wait for real servers in real time")]

mod support;

#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "questdb")]
mod questdb;
#[cfg(feature = "kafka")]
mod servers;

/// From the POST to the stores and back out again, through the built program.
#[cfg(all(feature = "kafka", feature = "questdb", feature = "sqlite"))]
mod end_to_end {
    mod account_report;
    mod accounts;
    mod clock;
    mod control;
    mod copies;
    mod delivery;
    mod demo;
    mod door;
    mod endings;
    mod exchange;
    mod forgotten;
    #[cfg(feature = "test-faults")]
    mod formats;
    mod gaps;
    mod left_behind;
    mod logging_in;
    mod outages;
    #[cfg(feature = "test-faults")]
    mod poison;
    mod polling;
    mod proxies;
    mod registration;
    mod repair;
    mod replay;
    #[cfg(feature = "test-faults")]
    mod rereading;
    mod rotation;
    mod tls;
    mod volume;
    mod watch;
}
