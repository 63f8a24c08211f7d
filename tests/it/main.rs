//! The tests that talk to real servers: QuestDB, Kafka, and the meterline binary
//! itself. `./test` starts the shared servers and names them in the environment;
//! a test that stops, breaks or fills a server starts one of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "tests wait for real servers in real time")]

mod support;

#[cfg(feature = "kafka")]
mod kafka;
/// A topic read into QuestDB by a consumer group.
#[cfg(all(feature = "kafka", feature = "questdb"))]
mod kafka_log;
#[cfg(feature = "questdb")]
mod questdb;
#[cfg(feature = "kafka")]
mod servers;

/// From the POST to the stores, through the built program.
#[cfg(all(feature = "kafka", feature = "questdb", feature = "sqlite"))]
mod end_to_end {
    mod account_report;
    mod back_fill;
    mod backup;
    mod behind_proxy;
    mod canary;
    mod command_line;
    mod commands;
    mod consumers;
    mod control_socket;
    mod copied_directory;
    mod dead_letters;
    mod delivery;
    mod demo;
    mod disk_full;
    mod embedded_store;
    mod gaps;
    mod getting_started;
    mod grafana;
    mod history;
    mod journal_repair;
    mod json_devices;
    mod kafka_loss;
    mod kafka_transactions;
    mod local_descriptions;
    mod local_meters;
    mod metering_points;
    mod monitoring;
    mod mqtt;
    mod mqtt_connections;
    mod mqtt_delivery;
    mod mqtt_smappee;
    mod output;
    mod page;
    mod password_rotation;
    #[cfg(feature = "test-faults")]
    mod poison_records;
    mod privacy;
    mod probe;
    mod process;
    mod prometheus;
    mod reload;
    mod replay;
    #[cfg(feature = "test-faults")]
    mod replay_redecode;
    mod runbook;
    mod scale_out;
    mod service_manager;
    mod shared_meter;
    mod shutdown;
    mod sink_outages;
    mod sinks_added_and_removed;
    mod smappee_cloud;
    mod smart_me_accounts;
    mod smart_me_login;
    mod smart_me_polling;
    mod smart_me_registration;
    mod status;
    mod tls;
    mod webhook_quotas;
    mod wrong_clock;
}
