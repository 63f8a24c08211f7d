//! `[sink.*]`: the sinks. Without any, the embedded SQLite store is used.

#[cfg(feature = "questdb")]
use super::ca_file::ca_file;
use super::journal::Journal;
#[cfg(feature = "questdb")]
use super::secrets::{PASSWORD, secret};
use super::section::Section;
use super::value::Bytes;
use crate::journal::OptionalCursor;
use std::path::Path;
#[cfg(feature = "sqlite")]
use std::path::PathBuf;
#[cfg(feature = "sqlite")]
use std::time::Duration;

/// The shortest `keep` of the embedded store.
#[cfg(feature = "sqlite")]
const KEEP_LEAST: Duration = Duration::from_hours(24);

/// The smallest `keep_size` of the embedded store.
#[cfg(feature = "sqlite")]
const KEEP_SIZE_LEAST: u64 = 256 << 20;

/// The configured sinks.
#[derive(Debug, Default)]
pub struct Sinks {
    /// The settings of the embedded SQLite store.
    #[cfg(feature = "sqlite")]
    pub sqlite: Option<crate::sink::sqlite::Config>,
    /// The settings of QuestDB.
    #[cfg(feature = "questdb")]
    pub questdb: Option<QuestDb>,
    /// The settings of Kafka.
    #[cfg(feature = "kafka")]
    pub kafka: Option<crate::sink::kafka::Config>,
    /// The topic that QuestDB reads instead of the journal; `None` if it reads the journal.
    #[cfg(all(feature = "kafka", feature = "questdb"))]
    pub kafka_log: Option<crate::deliver::GroupConfig>,
    /// The sinks that may miss records, with their maximum lag.
    pub optional: Vec<OptionalCursor>,
}

/// The settings of QuestDB, for delivery and for `migrate`.
#[cfg(feature = "questdb")]
#[derive(Debug)]
pub struct QuestDb {
    /// The settings for delivery.
    pub sink: crate::sink::questdb::Config,
    /// The partition unit of a new table.
    pub partition: Option<crate::sink::questdb::PartitionUnit>,
}

impl Sinks {
    /// Whether there is a store that can be read.
    pub(super) fn has_store(&self) -> bool {
        [
            #[cfg(feature = "sqlite")]
            self.sqlite.is_some(),
            #[cfg(feature = "questdb")]
            self.questdb.is_some(),
        ]
        .contains(&true)
    }

    /// Changes the path of a store inside the old data directory to the new one.
    pub(super) fn move_data(&mut self, from: &Path, to: &Path) {
        #[cfg(feature = "sqlite")]
        if let Some(store) = &mut self.sqlite
            && let Ok(relative) = store.file.strip_prefix(from)
        {
            store.file = to.join(relative);
        }
        #[cfg(not(feature = "sqlite"))]
        let _ = (from, to);
    }
}

pub(super) fn sinks(mut section: Section<'_>, data_directory: &Path, journal: &Journal) -> Sinks {
    let (mut sqlite_section, mut questdb_section, mut kafka_section) =
        (section.section("sqlite"), section.section("questdb"), section.section("kafka"));
    let is_default = ![&sqlite_section, &questdb_section, &kafka_section].iter().any(|table| table.is_present());
    let optional = [("sqlite", &mut sqlite_section), ("questdb", &mut questdb_section), ("kafka", &mut kafka_section)];
    let sinks = Sinks {
        optional: optional.into_iter().filter_map(|(name, section)| optional_sink(name, section, journal)).collect(),
        #[cfg(feature = "sqlite")]
        sqlite: sqlite(sqlite_section, data_directory, is_default),
        #[cfg(feature = "questdb")]
        questdb: questdb(questdb_section),
        #[cfg(feature = "kafka")]
        kafka: super::kafka::kafka(kafka_section),
        #[cfg(all(feature = "kafka", feature = "questdb"))]
        kafka_log: None,
    };
    #[cfg(not(feature = "sqlite"))]
    {
        let _ = data_directory;
        if is_default {
            section.fault("sqlite", "this build has no SQLite store; configure another sink");
        }
        not_built(&section, "sqlite", &sqlite_section);
    }
    #[cfg(not(feature = "questdb"))]
    not_built(&section, "questdb", &questdb_section);
    #[cfg(not(feature = "kafka"))]
    not_built(&section, "kafka", &kafka_section);
    section.finish();
    sinks
}

/// Returns the maximum lag of a sink with `required = false`.
fn optional_sink(name: &str, section: &mut Section<'_>, journal: &Journal) -> Option<OptionalCursor> {
    let is_required = section.get_or("required", true);
    let max_lag: Option<Bytes> = section.get("max_lag");
    if is_required {
        if max_lag.is_some() {
            section.fault("max_lag", "applies only to a sink with required = false; add that, or remove max_lag");
        }
        return None;
    }
    let lag_bytes_max = max_lag.map_or(u64::MAX, |bytes| bytes.0);
    if lag_bytes_max < 2 * journal.segment_bytes {
        section.fault("max_lag", "must be at least two times journal.segment");
    }
    Some(OptionalCursor { cursor: name.to_owned(), lag_bytes_max })
}

#[cfg(not(all(feature = "sqlite", feature = "questdb", feature = "kafka")))]
fn not_built(parent: &Section<'_>, key: &str, section: &Section<'_>) {
    if section.is_present() {
        parent.fault(key, format!("this build does not contain this sink; build it with the feature '{key}'"));
    }
}

#[cfg(feature = "sqlite")]
fn sqlite(mut section: Section<'_>, data_directory: &Path, is_default: bool) -> Option<crate::sink::sqlite::Config> {
    let is_wanted = is_default || section.is_present();
    let path = section.get_or("path", PathBuf::from("meterline.sqlite"));
    let retention = retention(&mut section);
    let time_zone = section.get_or("time_zone", "UTC".to_owned());
    if jiff::tz::TimeZone::get(&time_zone).is_err() {
        section.fault("time_zone", format!("'{time_zone}' is not a time zone of this system, such as Europe/Zurich"));
    }
    section.finish();
    is_wanted.then(|| crate::sink::sqlite::Config { file: data_directory.join(path), retention, time_zone })
}

#[cfg(feature = "sqlite")]
fn retention(section: &mut Section<'_>) -> crate::sink::sqlite::Retention {
    let age: Option<Duration> = section.get("keep");
    if age.is_some_and(|age| age < KEEP_LEAST) {
        section.fault("keep", "must be at least one day");
    }
    let size = section.get::<Bytes>("keep_size").map(|size| size.0);
    if size.is_some_and(|size| size < KEEP_SIZE_LEAST) {
        section.fault("keep_size", "must be at least 256MiB");
    }
    let rollups: Option<Duration> = section.get("keep_rollups");
    if rollups.is_some() && age.is_none() && size.is_none() {
        section.fault("keep_rollups", "needs keep or keep_size: without them all samples are kept");
    }
    if rollups.zip(age).is_some_and(|(rollups, age)| rollups <= age) {
        section.fault("keep_rollups", "must be longer than keep");
    }
    crate::sink::sqlite::Retention { age, size, rollups }
}

#[cfg(feature = "questdb")]
fn questdb(mut section: Section<'_>) -> Option<QuestDb> {
    use super::secrets::TOKEN;
    use crate::sink::questdb::{Config, Credentials, PartitionUnit, ServerUrl, TableName};

    if !section.is_present() {
        return None;
    }
    let url = section.required::<String>("url", "\"http://127.0.0.1:9000\"");
    let url =
        url.and_then(|text| ServerUrl::parse(&text).map_err(|error| section.fault("url", error.to_string())).ok());
    let table = section.get_or("table", "samples".to_owned());
    let table = TableName::parse(&table).map_err(|error| section.fault("table", error.to_string())).ok();
    let meters_table: Option<String> = section.get("meters_table");
    let meters_table = meters_table.and_then(|name| {
        TableName::parse(&name).map_err(|error| section.fault("meters_table", error.to_string())).ok()
    });
    if meters_table.is_some() && meters_table == table {
        section.fault("meters_table", "must not be the table of the samples");
    }
    let faults_before = section.fault_count();
    let user: Option<String> = section.get("username");
    let password = secret(&mut section, PASSWORD);
    let token = secret(&mut section, TOKEN);
    let credentials = match (user, password, token) {
        _ if section.fault_count() > faults_before => Credentials::None,
        (None, None, None) => Credentials::None,
        (Some(user), Some(password), None) => Credentials::Basic { user, password },
        (None, None, Some(token)) => Credentials::Token(token),
        _ => {
            section.fault("username", "give username and password_file, or token_file, or neither");
            Credentials::None
        }
    };
    let partition =
        section.choice("partition", &[("day", Some(PartitionUnit::Day)), ("hour", Some(PartitionUnit::Hour))], None);
    let keep = section.get("keep");
    let ca_file = ca_file(&mut section);
    let rows_max = section.number_between("rows_max", 50_000, 1..=1_000_000);
    let linger = section.get("linger");
    let late_flush = section.get("late_flush");
    let late_rows_max = section.number_between("late_rows_max", 16_000, 1..=10_000_000);
    let request_timeout = section.get("timeout");
    section.finish();
    let mut sink = Config::new(url?);
    sink.late_rows_max = late_rows_max;
    sink.late_flush = late_flush.unwrap_or(sink.late_flush);
    sink.credentials = credentials;
    sink.keep = keep;
    sink.ca_file = ca_file;
    sink.table = table?;
    sink.meters_table = meters_table;
    sink.rows_max = rows_max;
    sink.linger = linger.unwrap_or(sink.linger);
    sink.request_timeout = request_timeout.unwrap_or(sink.request_timeout);
    Some(QuestDb { sink, partition })
}
