//! Shared helpers: servers, clients of servers, the service as a process, waiting.
//! Everything listens on the loopback interface and is stopped by its process id when
//! its value is dropped.
#![allow(dead_code, reason = "a build without a sink leaves that sink's helpers unused")]

pub(crate) mod devices;
#[cfg(feature = "kafka")]
pub(crate) mod kafka;
pub(crate) mod load;
pub(crate) mod mosquitto;
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod questdb;
pub(crate) mod service;
pub(crate) mod stores;
#[cfg(feature = "kafka")]
pub(crate) mod stream;
pub(crate) mod wait;

/// The environment variable that `./test` has set under this name.
pub(crate) fn from_environment(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run the tests through ./test, which starts the servers"))
}
