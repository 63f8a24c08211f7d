//! The configuration: reads a TOML file and the environment, and returns the checked
//! settings of every part, or all faults at once.
//!
//! It starts nothing and binds no port. Secrets come from the files or variables that the
//! configuration names and are never shown.

mod admin;
mod ca_file;
mod canary;
mod device;
mod dsmr_logger;
mod em300;
mod environment;
mod example;
mod fault;
mod journal;
mod json;
#[cfg(feature = "kafka")]
mod kafka;
mod kafka_log;
mod keys;
mod ksem;
mod metering_points;
mod mqtt;
mod p1;
mod reference;
mod schema;
mod secrets;
mod section;
mod settings;
mod sinks;
mod smappee;
mod smart_mac;
mod smart_me;
mod source;
#[cfg(test)]
mod tests;
mod units;
mod value;
mod webhook;

pub use admin::{Admin, AdminLogin, AdminTransport};
pub use canary::Canary;
pub use fault::{Fault, Faults};
pub use journal::Journal;
pub use settings::{Changes, Entry, Settings};
#[cfg(feature = "questdb")]
pub use sinks::QuestDb;
pub use sinks::Sinks;
pub use source::Source;

use crate::base::file::{read_any, text};
use example::Meanings;
use jiff::tz::TimeZone;
use section::{Context, Section};
use settings::WEBHOOK_ACCOUNT;
use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::de::DeTable;
use tracing::Level;
use value::Bytes;

/// The complete commented example; a test checks it against this module.
pub const EXAMPLE: &str = include_str!("../deploy/meterline.example.toml");

/// Reads one table of a source; the set has the names of other sources.
type Read = fn(Section<'_>, &mut HashSet<String>) -> Option<Source>;

/// The tables of sources other than accounts at the webhook and at smart-me.
const SOURCES: [(&str, Read); 8] = [
    ("json", |section, taken| json::device(section, taken).map(Source::Json)),
    ("p1", |section, taken| p1::meter(section, taken).map(Source::P1)),
    ("dsmr_logger", |section, taken| dsmr_logger::logger(section, taken).map(Source::DsmrLogger)),
    ("ksem", |section, taken| ksem::device(section, taken).map(Source::Ksem)),
    ("em300", |section, taken| em300::meter(section, taken).map(Source::Em300)),
    ("smart_mac", |section, taken| smart_mac::meter(section, taken).map(Source::SmartMac)),
    ("mqtt", |section, taken| mqtt::broker(section, taken).map(Source::Mqtt)),
    ("smappee", |section, taken| smappee::account(section, taken).map(Source::Smappee)),
];
/// A longer configuration file is not valid.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The configuration of the whole service.
#[derive(Debug)]
pub struct Config {
    /// The directory of all durable data.
    pub data_directory: PathBuf,
    /// The log output.
    pub log: Log,
    /// The webhook listener and its accounts.
    pub webhook: crate::source::webhook::Config,
    /// The sources other than webhook accounts.
    pub sources: Vec<Source>,
    /// The metering points and their meters.
    pub metering_points: crate::meters::Points,
    /// The units of registers whose vendor publishes none.
    pub units: crate::reading::Units,
    /// The limits of the journal.
    pub journal: Journal,
    /// The memory for the meters that gap detection follows, in bytes.
    pub gap_memory_bytes: u64,
    /// The admin listener.
    pub admin: Admin,
    /// The sinks.
    pub sinks: Sinks,
    /// The canary; `None` if it is off.
    pub canary: Option<Canary>,
    /// The settings as they were read, to compare two configurations.
    pub settings: Settings,
}

/// The settings of the log output.
#[derive(Debug, Clone, Copy)]
pub struct Log {
    /// The least severe level that is logged.
    pub level: Level,
    /// Whether each line is a JSON object instead of text.
    pub json: bool,
}

/// The least memory for gap detection.
const GAP_MEMORY_BYTES_MIN: u64 = 1 << 20;

impl Config {
    /// Changes the data directory. A SQLite file outside of the old directory keeps its path.
    pub fn move_data(&mut self, directory: &Path) {
        self.sinks.move_data(&self.data_directory, directory);
        directory.clone_into(&mut self.data_directory);
    }

    /// Returns the accounts at smart-me.
    pub fn smart_me(&self) -> impl Iterator<Item = &crate::source::smart_me::Account> {
        self.sources.iter().filter_map(|source| match source {
            Source::SmartMe(account) => Some(account),
            _ => None,
        })
    }

    /// Returns the time zone of days that an operator names: the embedded store's, or UTC without one.
    pub fn time_zone(&self) -> TimeZone {
        #[cfg(feature = "sqlite")]
        if let Some(store) = &self.sinks.sqlite {
            // The name was checked when it was read.
            return TimeZone::get(&store.time_zone).unwrap_or(TimeZone::UTC);
        }
        TimeZone::UTC
    }

    /// Returns the directory of the journal.
    pub fn journal_directory(&self) -> PathBuf {
        self.data_directory.join("journal")
    }

    /// Returns the directory of the dead letters.
    pub fn dead_letters_directory(&self) -> PathBuf {
        self.data_directory.join("dead-letters")
    }
}

/// Reads a configuration file, or without a file the defaults. The environment of the process
/// overrides its keys.
///
/// # Errors
/// All faults.
pub fn load(file: Option<&Path>) -> Result<Config, Faults> {
    let environment = environment::of_the_process();
    let Some(path) = file else { return parse("(defaults)", "", &environment) };
    let name = path.display().to_string();
    match read_any(path, FILE_BYTES_MAX).and_then(text) {
        Ok(text) => parse(&name, &text, &environment),
        Err(error) => Err(Faults(vec![Fault {
            location: name,
            key: "file".to_owned(),
            message: format!("cannot be read: {error}; `meterline config --example` prints an example"),
        }])),
    }
}

/// Returns every key in the order in which the code reads them.
fn keys() -> Vec<keys::Key> {
    let environment = BTreeMap::new();
    let context = Context::describing(&environment);
    let table = DeTable::new();
    // The defaults have no fault, and the tables that are only described have no value.
    read(Section::root(&context, &table), &mut Vec::new());
    context.into_keys()
}

/// Returns the JSON schema of the configuration.
pub fn schema() -> serde_json::Value {
    schema::schema(&keys(), &Meanings::of(EXAMPLE))
}

/// Returns the reference of the configuration as Markdown.
pub fn reference() -> String {
    reference::reference(&keys(), &Meanings::of(EXAMPLE))
}

/// Checks the text of a configuration file; `file` names it in faults.
///
/// # Errors
/// All faults.
pub fn parse(file: &str, text: &str, environment: &BTreeMap<String, String>) -> Result<Config, Faults> {
    let context = Context::new(file, text, environment);
    let table = DeTable::parse(text).map_err(|error| syntax_fault(file, text, &error))?;
    let mut entries = Vec::new();
    let mut config = read(Section::root(&context, table.get_ref()), &mut entries);
    let reads = context.reads.take();
    let faults = context.into_faults();
    if !faults.0.is_empty() {
        return Err(faults);
    }
    config.settings = reads.divide(&entries);
    link(&mut config.settings);
    Ok(config)
}

fn syntax_fault(file: &str, text: &str, error: &toml::de::Error) -> Faults {
    let offset = error.span().map_or(0, |span| span.start);
    let line = text.get(..offset).map_or(1, |before| before.matches('\n').count() + 1);
    Faults(vec![Fault {
        location: format!("{file}:{line}"),
        key: "syntax".to_owned(),
        message: format!("invalid TOML: {}", error.message()),
    }])
}

/// An account at a vendor's cloud is started with the settings of its webhook account, and a broker
/// knows the accounts at Smappee's cloud.
fn link(settings: &mut Settings) {
    settings.link(|entry| entry.table == "smart_me", |entry, on| on.table == WEBHOOK_ACCOUNT && on.name == entry.name);
    settings.link(|entry| entry.table == "mqtt", |_, on| on.table == "smappee");
}

/// Reads the whole file. `entries` gets the path and the name of each webhook account and source.
fn read(mut root: Section<'_>, entries: &mut Vec<(String, Entry)>) -> Config {
    let data_directory = root.get_or("data_directory", PathBuf::from("meterline-data"));
    let log = log(root.section("log"));
    let is_alone = !root.has("smart_me") && !root.has("kafka_log") && !SOURCES.iter().any(|(table, _)| root.has(table));
    let (webhook, webhook_accounts) = webhook::webhook(root.section("webhook"), is_alone);
    let faults_before = root.fault_count();
    let sections = root.sections("smart_me");
    let paths: Vec<String> = sections.iter().map(Section::path).collect();
    let accounts = smart_me::smart_me(sections, &webhook_accounts);
    let named = webhook_accounts.paths.iter().zip(&webhook_accounts.read);
    entries.extend(named.map(|(path, account)| (path.clone(), Entry::new(WEBHOOK_ACCOUNT, &account.name))));
    entries.extend(paths.into_iter().zip(&accounts).map(|(path, it)| (path, Entry::new("smart_me", &it.name))));
    let names = webhook_accounts
        .read
        .iter()
        .map(|webhook_account| &webhook_account.name)
        .chain(accounts.iter().map(|account| &account.name));
    let mut taken = names.cloned().collect();
    let mut sources: Vec<_> = accounts.into_iter().map(Source::SmartMe).collect();
    for (table, read) in SOURCES {
        for section in root.sections(table) {
            let path = section.path();
            let Some(source) = read(section, &mut taken) else { continue };
            entries.push((path, Entry::new(table, source.name())));
            sources.push(source);
        }
    }
    mqtt::name_accounts(&mut sources);
    let may_have_descriptions = sources.iter().any(Source::describes_meters) || root.fault_count() > faults_before;
    let metering_points = metering_points::metering_points(root.sections("metering_point"));
    if !metering_points.is_empty() && !may_have_descriptions {
        root.fault(
            "metering_point",
            "needs a device, or a [[smart_me]] table whose poll is not \"off\", because the names of the meters come from \
             there",
        );
    }
    let units = units::units(root.sections("unit"));
    let journal = journal::journal(root.section("journal"));
    let gap_memory_bytes = gap_memory(root.section("gap_detection"));
    let mut section = root.section("admin");
    let admin = admin::admin(&mut section);
    if webhook.is_listening() && is_one_address(webhook.listen, admin.listen) {
        section.fault(
            "listen",
            format!("{} is also the address of the webhook; give one of them another port", admin.listen),
        );
    }
    section.finish();
    let mut sinks = sinks::sinks(root.section("sink"), &data_directory, &journal);
    kafka_log::kafka_log(&mut root, &mut sinks, webhook.is_listening() || !sources.is_empty());
    let canary = canary::canary(root.section("canary"), &webhook, &sinks, &taken);
    root.finish();
    let settings = Settings::default();
    Config {
        data_directory,
        log,
        webhook,
        sources,
        metering_points,
        units,
        journal,
        gap_memory_bytes,
        admin,
        sinks,
        canary,
        settings,
    }
}

/// `[gap_detection]`: the memory for the meters that it follows.
fn gap_memory(mut section: Section<'_>) -> u64 {
    let Bytes(bytes) = section.get_or("memory", Bytes(crate::coverage::MEMORY_BYTES));
    if bytes < GAP_MEMORY_BYTES_MIN {
        section.fault("memory", "must be at least 1MiB, which is enough for 14,336 meters");
    }
    section.finish();
    bytes
}

/// Whether two listeners cannot have both addresses. `[::]` includes the IPv4 addresses.
fn is_one_address(one: SocketAddr, other: SocketAddr) -> bool {
    let includes = |all: SocketAddr, one: SocketAddr| all.ip().is_unspecified() && (all.is_ipv6() || one.is_ipv4());
    let is_one_host = one.ip() == other.ip() || includes(one, other) || includes(other, one);
    is_one_host && one.port() == other.port() && one.port() != 0
}

const LEVELS: [(&str, Level); 5] = [
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
];

fn log(mut section: Section<'_>) -> Log {
    let level = section.choice("level", &LEVELS, Level::INFO);
    let json = section.choice("format", &[("text", false), ("json", true)], false);
    section.finish();
    Log { level, json }
}

/// Parses a time span as in the configuration: `250ms`, `30s`, `24h`, `400d`.
///
/// # Errors
/// A message with examples of valid time spans.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    value::Value::from_text(text)
}
