//! Members of a group in this process, the topic that they read, and the table that they write.

use crate::questdb::migrated_config;
use crate::support::questdb::Client;
use crate::support::{kafka, wait};
use meterline::clock::Clock;
use meterline::dead_letters::{DeadLetters, Row};
use meterline::deliver::{Group, GroupConfig, PumpOptions, RefusedRows, Sink, Topics};
use meterline::journal::{Journal, Options};
use meterline::proto::v1;
use meterline::sink::questdb::{Config, QuestDb, RefusedRow};
use prost::Message as _;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

pub(super) const LIMIT: Duration = Duration::from_secs(60);
pub(super) const SESSION: Duration = Duration::from_secs(6);
pub(super) const START_NS: i64 = 1_795_266_900_000_000_000;
const SECOND_NS: i64 = 1_000_000_000;

/// A topic, a table, and the group that reads one into the other.
pub(super) struct World {
    pub(super) brokers: String,
    /// The names of topic and group.
    pub(super) topic: String,
    /// The topic of descriptions, if the group reads one.
    pub(super) meters_topic: Option<String>,
    pub(super) client: Client,
    pub(super) table: Config,
    producer: BaseProducer,
}

impl World {
    /// A world of its own on the shared servers.
    pub(super) fn new(test: &str, partitions: i32) -> Self {
        Self::at(kafka::shared(), test, partitions)
    }

    /// The same on the brokers of the test.
    pub(super) fn at(brokers: String, test: &str, partitions: i32) -> Self {
        let topic = format!("log-{}", test.replace('_', "-"));
        kafka::create_topic(&brokers, &topic, partitions, &[("message.timestamp.type", "LogAppendTime")]);
        let client = Client::shared();
        let mut table = migrated_config(&client, &format!("log_{test}"));
        table.linger = Duration::from_millis(50);
        let producer =
            ClientConfig::new().set("bootstrap.servers", &brokers).set("enable.idempotence", "true").create().unwrap();
        Self { brokers, topic, meters_topic: None, client, table, producer }
    }

    /// Writes a value to a partition.
    pub(super) fn produce(&self, partition: i32, value: &[u8]) {
        self.produce_to(&self.topic, partition, value);
    }

    /// Writes a value to a partition of a topic.
    pub(super) fn produce_to(&self, topic: &str, partition: i32, value: &[u8]) {
        let record = BaseRecord::<(), [u8]>::to(topic).partition(partition).payload(value);
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
        self.producer.poll(Duration::ZERO);
    }

    /// Writes readings of meter `partition`, one of each second of the range.
    pub(super) fn produce_seconds(&self, partition: i32, seconds: std::ops::Range<i64>) {
        for second in seconds {
            self.produce(partition, &reading(partition, second, second as f64).encode_to_vec());
        }
        self.flush();
    }

    pub(super) fn flush(&self) {
        self.producer.flush(LIMIT).unwrap();
    }

    /// The offsets committed by the group.
    pub(super) fn committed(&self) -> Vec<i64> {
        kafka::committed(&self.brokers, &self.topic, &self.topic)
    }

    pub(super) fn rows(&self) -> u64 {
        self.client.count(self.table.table.as_str())
    }

    pub(super) fn wait_for_rows(&self, count: u64) {
        wait::until(&format!("{count} rows in {}", self.table.table), LIMIT, || self.rows() == count);
    }

    /// The table's values by meter and time.
    pub(super) fn values(&self) -> Vec<f64> {
        let sql = format!("SELECT value FROM {} ORDER BY meter, ts, obis", self.table.table);
        self.client.query(&sql).iter().map(|row| row[0].as_f64().unwrap()).collect()
    }

    /// A member that joins now.
    pub(super) fn join(&self, member: Option<&str>) -> Member {
        Member::join(self, member, &self.table)
    }
}

/// A reading of a meter.
pub(super) fn reading(meter: i32, second: i64, value: f64) -> v1::Reading {
    let time_ns = START_NS + second * SECOND_NS;
    v1::Reading {
        meter: Uuid::from_u128(u128::from(meter.unsigned_abs()) + 1).as_bytes().to_vec(),
        time_ns,
        received_ns: time_ns + SECOND_NS,
        source: "acme".to_owned(),
        journal: Uuid::from_u128(77).as_bytes().to_vec(),
        sequence: second.unsigned_abs() + 1,
        values: vec![v1::Value { obis: vec![1, 0, 1, 8, 0, 255], value }],
        ..v1::Reading::default()
    }
}

/// A member of the group.
pub(super) struct Member {
    pub(super) group: Group,
    pub(super) letters: DeadLetters,
    pub(super) journal: Journal,
    clock: Clock,
    _directory: TempDir,
}

impl Member {
    pub(super) fn join(world: &World, member: Option<&str>, table: &Config) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let (journal, _) = Journal::open(Options::new(directory.path().join("journal"))).unwrap();
        let letters = DeadLetters::open(directory.path().join("dead-letters"), clock.clone()).unwrap();
        let config = GroupConfig {
            kafka: meterline::kafka::Client::new(&world.brokers),
            topics: Topics { readings: world.topic.clone(), meters: world.meters_topic.clone() },
            group: world.topic.clone(),
            member: member.map(str::to_owned),
            session_timeout: SESSION,
        };
        let (table, kept, of_sinks) = (table.clone(), letters.clone(), clock.clone());
        let sinks = move |name: &str, log: &meterline::deliver::Log| {
            let rows = RefusedRows::new(name, log.clone(), kept.clone());
            let refused = move |row: RefusedRow| {
                let RefusedRow { index, meter, obis, at, .. } = row;
                rows.keep(row.sequence, Row { index, meter, obis, at }, &row.reason)
            };
            let sink = QuestDb::new(name, &table, of_sinks.clone(), log.clone(), Box::new(refused));
            sink.map(|sink| Box::new(sink) as Box<dyn Sink>).map_err(|error| error.to_string())
        };
        let options = PumpOptions {
            cursor_every: Duration::from_millis(100),
            dead_letters: Some(letters.clone()),
            ..PumpOptions::default()
        };
        let kept = (letters.clone(), journal.clone());
        let group = Group::start("questdb", config, Box::new(sinks), kept, clock.clone(), options).unwrap();
        Self { group, letters, journal, clock, _directory: directory }
    }

    pub(super) fn wait_for_partitions(&self, count: usize) {
        wait::until(&format!("{count} partitions"), LIMIT, || self.group.status().partitions.len() == count);
    }

    /// Stops it in order.
    pub(super) fn leave(self) {
        self.group.stop(self.clock.monotonic() + LIMIT);
        self.group.join();
    }
}
