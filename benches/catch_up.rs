//! The rate at which each store takes prepared data from its client alone: the bound of a sink that
//! catches up.
//!
//! Not a criterion benchmark, because the store's state matters and not one call. The sinks
//! would send the same data: bodies of 50 devices with 8 values from 64 connections in turn, so that
//! the rows of neighbouring bodies have nearly the same times. All data are prepared first, in memory:
//! 160 MB for a million samples.
//!
//!     cargo bench --bench catch_up -- questdb HOST:PORT TABLE [MILLION_SAMPLES]
//!     cargo bench --bench catch_up -- kafka HOST:PORT TOPIC COMPRESSION [MILLION_SAMPLES]
//!
//! `meterline migrate` makes the table and the topic.

#![allow(missing_docs, reason = "a program")]
#![allow(clippy::disallowed_methods, reason = "a measurement takes real time")]
#![allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a measurement may stop, and is rounded")]

use meterline::deliver::Delivery;
use meterline::journal::{JournalId, Record, RecordHeader, RuleVersion, Sequence, SourceId, Verdict};
use meterline::reading::{Limits, UnixNanos};
use meterline::sink::kafka::{Config, Encoder};
use meterline::sink::questdb::{ReadingRows, Rows, TableName};
use meterline::wire::PayloadFormat;
use meterline_load::{Fleet, FleetOptions};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// 2026-11-22T00:00:00Z.
const BEGIN_NS: i64 = 1_795_305_600_000_000_000;
/// Time between two bodies of a connection.
const ROUND_NS: i64 = 100_000_000;
const CONNECTIONS: u32 = 64;
const DEVICES: u32 = 50;
const VALUES: u8 = 8;
const SAMPLES_OF_A_BODY: u64 = 400;
/// Rows of one request to QuestDB, as the sink's default.
const ROWS_MAX: usize = 50_000;
/// Samples that are sent unless another number is asked for.
const MILLION_SAMPLES: u64 = 4;

/// Bodies of all connections in turn.
struct Bodies {
    fleet: Fleet,
    time_ns: i64,
    sequence: u64,
}

impl Bodies {
    fn new() -> Self {
        let meters = DEVICES * CONNECTIONS;
        let fleet = Fleet::new(FleetOptions { meters, devices: DEVICES, values: VALUES, seed: 1 });
        Self { fleet, time_ns: BEGIN_NS, sequence: 0 }
    }

    /// Gives `take` the next body as a delivery.
    fn next<T>(&mut self, take: impl FnOnce(&Delivery<'_>) -> T) -> T {
        let lane = u32::try_from(self.sequence % u64::from(CONNECTIONS)).unwrap();
        let body = self.fleet.late(lane, self.time_ns);
        if lane == CONNECTIONS - 1 {
            self.time_ns += ROUND_NS;
        }
        self.sequence += 1;
        let received = UnixNanos(self.time_ns);
        let (verdict, rule) = (Verdict::Deliverable, RuleVersion(1));
        let header = RecordHeader { source: SourceId(1), format: 1, verdict, rule, received };
        let (journal, sequence) = (JournalId(Uuid::from_u128(7)), Sequence(self.sequence));
        let record = Record { journal, sequence, header, payload: &body.bytes };
        let format = PayloadFormat::SmartMe;
        take(&Delivery { record, source: "smart-me", limits: &Limits::DEFAULT, judged_at: received, format })
    }
}

/// The time until all rows are in the table, sent one request after the other on one connection.
fn questdb(address: &str, table: &str, samples: u64) -> Duration {
    let (mut bodies, mut rows) = (Bodies::new(), Rows::new(TableName::parse(table).unwrap(), ROWS_MAX));
    let (mut requests, mut encoded) = (Vec::new(), 0);
    while encoded < samples {
        while !rows.is_full() {
            bodies.next(|delivery| {
                for reading in delivery.readings() {
                    let rows_of_it = ReadingRows::new(delivery, &reading);
                    reading.samples().for_each(|sample| rows.push(&rows_of_it, sample));
                }
            });
            encoded += SAMPLES_OF_A_BODY;
        }
        requests.push(rows.take_body().to_vec());
        rows.clear();
    }
    let mut stream = TcpStream::connect(address).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let begun = Instant::now();
    for body in requests {
        let length = body.len();
        write!(stream, "POST /write?precision=n HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n")
            .unwrap();
        stream.write_all(&body).unwrap();
        await_success(&mut answers);
    }
    write!(stream, "GET /exec?query=SELECT%20wait_wal_table('{table}') HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut line = String::new();
    answers.read_line(&mut line).unwrap();
    assert!(line.contains(" 200"), "{line}");
    begun.elapsed()
}

/// Reads an answer without a body, or with one of a known length.
fn await_success(answers: &mut impl BufRead) {
    let (mut line, mut length) = (String::new(), 0);
    answers.read_line(&mut line).unwrap();
    assert!(line.contains(" 20"), "{line}");
    while !line.trim().is_empty() {
        line.clear();
        answers.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    std::io::copy(&mut answers.take(length), &mut std::io::sink()).unwrap();
}

/// The time that sending takes until everything is acknowledged, with the sink's settings.
fn kafka(brokers: &str, topic: &str, compression: &str, samples: u64) -> Duration {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("compression.type", compression)
        .set("linger.ms", "20")
        .set("batch.size", "1000000")
        .set("queue.buffering.max.messages", "20000")
        .set("queue.buffering.max.kbytes", "8192")
        .create()
        .unwrap();
    let (mut bodies, mut encoder) = (Bodies::new(), Encoder::of(&Config::new(brokers, topic)));
    let (mut prepared, mut encoded): (Vec<(String, Vec<u8>)>, _) = (Vec::new(), 0);
    while encoded < samples {
        bodies.next(|delivery| {
            encoder.begin(&delivery.record, delivery.source);
            for reading in delivery.readings() {
                let key = reading.meter.to_string();
                let done = encoder.parts(&reading, |value| {
                    prepared.push((key.clone(), value.to_vec()));
                    Ok::<_, Infallible>(())
                });
                done.unwrap();
            }
        });
        encoded += SAMPLES_OF_A_BODY;
    }
    let begun = Instant::now();
    prepared.iter().for_each(|(key, value)| produce(&producer, topic, key, value));
    producer.flush(Duration::from_secs(60)).unwrap();
    begun.elapsed()
}

fn produce(producer: &BaseProducer, topic: &str, key: &str, value: &[u8]) {
    loop {
        match producer.send(BaseRecord::to(topic).key(key).payload(value)) {
            Ok(()) => return,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                producer.poll(Duration::from_millis(1));
            }
            Err((error, _)) => panic!("{error}"),
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let samples = |million: Option<&&str>| million.map_or(MILLION_SAMPLES, |text| text.parse().unwrap()) * 1_000_000;
    let (samples, taken) = match arguments.as_slice() {
        ["questdb", address, table, rest @ ..] => {
            let samples = samples(rest.first());
            (samples, questdb(address, table, samples))
        }
        ["kafka", brokers, topic, compression, rest @ ..] => {
            let samples = samples(rest.first());
            (samples, kafka(brokers, topic, compression, samples))
        }
        _ => {
            println!(
                "usage: questdb HOST:PORT TABLE [MILLION_SAMPLES] | kafka HOST:PORT TOPIC COMPRESSION [MILLION_SAMPLES]"
            );
            return;
        }
    };
    println!("{:.2} million samples a second", samples as f64 / 1e6 / taken.as_secs_f64());
}
