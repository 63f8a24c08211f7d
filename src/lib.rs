//! meterline: stores the vendors' smart-meter data on disk and delivers it to QuestDB,
//! Kafka or SQLite, without losing any of it.
//!
//! Each module has a rank and may use only modules of a strictly lower rank
//! (`tests/tidy` checks this). So `source` does not depend on `sink`, and only
//! `app` and `cli` know all parts.
//!
//! | rank | module | holds |
//! |---|---|---|
//! | 0 | [`base`] | backoff, stop signal, tasks, small files, formatted sizes |
//! | 0 | `faults` | fault switches, in test builds only |
//! | 0 | [`proto`] | generated types of the contract with Kafka consumers |
//! | 0 | [`reading`] | samples, the registry of OBIS codes, the plausibility rule |
//! | 0 | [`secret`] | secrets that are never printed |
//! | 1 | [`clock`] | the only source of time |
//! | 1 | [`metrics`] | the name and help of every metric |
//! | 1 | [`wire`] | the decoders: from bytes to readings, without a copy |
//! | 1 | [`vendor`] | the messages of the vendors' APIs as types |
//! | 2 | [`http`] | the HTTP client: bounds, budget, outcomes |
//! | 2 | `kafka` | brokers, credentials, log lines and errors of every Kafka client |
//! | 2 | [`journal`] | the durable log, its cursors and retention |
//! | 3 | [`contexts`] | channel maps and the like, by version |
//! | 3 | [`dead_letters`] | undelivered data that waits to be re-submitted or dropped |
//! | 3 | [`coverage`] | gaps in the meters' readings |
//! | 3 | [`meters`] | versions of the meters' descriptions |
//! | 3 | [`recent_records`] | what ingest found in the newest records |
//! | 4 | [`ingest`] | the single entry into the journal |
//! | 4 | [`deliver`] | the pump from the journal into a sink |
//! | 5 | [`source`] | webhook, smart-me's REST API, JSON devices |
//! | 5 | [`sink`] | SQLite, QuestDB, Kafka |
//! | 6 | [`config`] | the checked configuration of every part |
//! | 7 | [`query`] | the history in the configured store, for pages and commands |
//! | 8 | [`admin`] | metrics, health and the built-in page |
//! | 8 | [`control`] | commands to a running service |
//! | 9 | [`app`] | wiring, start and stop of the service |
//! | 10 | [`cli`] | the commands |
#[cfg(not(any(feature = "sqlite", feature = "questdb", feature = "kafka")))]
compile_error!("a build needs a sink: choose at least one of the features sqlite, questdb and kafka");

pub mod admin;
pub mod app;
pub mod base;
pub mod cli;
pub mod clock;
pub mod config;
pub mod contexts;
pub mod control;
pub mod coverage;
pub mod dead_letters;
pub mod deliver;
#[cfg(feature = "test-faults")]
pub mod faults;
pub mod http;
pub mod ingest;
pub mod journal;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod meters;
pub mod metrics;
pub mod proto;
pub mod query;
pub mod reading;
pub mod recent_records;
pub mod secret;
pub mod sink;
pub mod source;
pub mod vendor;
pub mod wire;
