//! meterline: smart-meter data from the vendors' webhooks to disk, and from
//! there to QuestDB, Kafka or SQLite, without losing any of it.
//!
//! The modules stand in the order the data takes. The number is the rank: a
//! module may use only modules of strictly lower rank (`tests/tidy.rs` holds
//! this), so `source` never sees `sink` and nothing below `app` knows the whole.
//!
//! | rank | module | holds |
//! |---|---|---|
//! | 0 | [`base`] | back-off, stop signal, tasks, small files, sizes in words |
//! | 0 | `faults` | switches of test builds, in no release |
//! | 0 | [`proto`] | generated types of the contract with Kafka consumers |
//! | 0 | [`reading`] | what a sample is, the registry of OBIS codes, the rule |
//! | 0 | [`secret`] | a text that is never shown |
//! | 1 | [`clock`] | the only source of time |
//! | 1 | [`metrics`] | every metric's name and meaning |
//! | 1 | [`wire`] | bytes to borrowed readings |
//! | 1 | [`vendor`] | what the vendors' APIs say, as types |
//! | 2 | [`http`] | the one HTTP client: bounds, budget, outcomes |
//! | 2 | [`journal`] | the durable log, its cursors and retention |
//! | 3 | [`dead_letters`] | what could not be delivered, kept until somebody decides |
//! | 3 | [`coverage`] | what is missing of the meters' readings |
//! | 3 | [`meters`] | versions of what is known of the meters themselves |
//! | 4 | [`ingest`] | ingest into the journal |
//! | 4 | [`deliver`] | the pump from the journal into a sink |
//! | 5 | [`query`] | what pages and commands read back from the embedded store |
//! | 5 | [`source`] | the webhook, the client of smart-me's REST API |
//! | 5 | [`sink`] | SQLite, QuestDB, Kafka |
//! | 6 | [`config`] | the checked configuration of every part |
//! | 7 | [`admin`] | metrics, health and the status page |
//! | 7 | [`control`] | commands to a running service |
//! | 8 | [`app`] | the only place that wires, starts and stops |
//! | 9 | [`cli`] | the commands |
#[cfg(not(any(feature = "sqlite", feature = "questdb", feature = "kafka")))]
compile_error!("a build delivers somewhere: choose at least one of the features sqlite, questdb and kafka");

pub mod admin;
pub mod app;
pub mod base;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod coverage;
pub mod dead_letters;
pub mod deliver;
#[cfg(feature = "test-faults")]
pub mod faults;
pub mod http;
pub mod ingest;
pub mod journal;
pub mod meters;
pub mod metrics;
pub mod proto;
#[cfg(feature = "sqlite")]
pub mod query;
pub mod reading;
pub mod secret;
pub mod sink;
pub mod source;
pub mod vendor;
pub mod wire;
