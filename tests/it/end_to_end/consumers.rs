//! The examples of docs/consumers.md read a topic of the built program, each reading once.

#[path = "../../../docs/examples/kafka/consume.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, reason = "a program of its own, with its main")]
mod example;

use crate::support::load::{Load, Sent, fleet};
use crate::support::process::{Process, server_script};
use crate::support::service::{Service, Setup};
use crate::support::stores::{Samples, assert_exactly, of_sqlite, rows_of_sqlite};
use crate::support::{from_environment, kafka, ports, wait};
use meterline::reading::Obis;
use meterline_load::{SampleKey, Script};
use prost::Message as _;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

const LIMIT: Duration = Duration::from_secs(60);
/// Readings in the topic before the service is killed.
const BEFORE_THE_KILL: i64 = 2_000;

#[test]
fn consumers_of_protobuf_get_every_reading_once_also_after_kills_of_the_service_and_of_themselves() {
    let topic = "e2e-consumers-protobuf";
    let python = Python::new(&["--format", "protobuf"]);
    let sent = killed_at_work(topic, "", &python);
    python.assert_every_reading_once(topic, &sent);

    let mut printed = Vec::new();
    example::consume(&kafka::shared(), topic, true, &mut printed).unwrap();
    let printed = String::from_utf8(printed).unwrap();
    let mut samples = Samples::new();
    for line in printed.lines() {
        let [meter, obis, time, value] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        // A correction comes later, as a reading of its own.
        samples.insert(key(meter, obis, time), value.parse().unwrap());
    }
    assert_exactly("the example in Rust", &sent.expected(), &samples);
    let values = sent.answered.iter().flat_map(|body| &body.readings).map(|reading| reading.values.len());
    assert_eq!(printed.lines().count(), values.sum::<usize>(), "every reading once");
}

#[test]
fn consumers_of_json_get_every_reading_once_also_after_kills_of_the_service_and_of_themselves() {
    let topic = "e2e-consumers-json";
    let python = Python::new(&["--format", "json"]);
    let sent = killed_at_work(topic, "format = \"json\"", &python);
    python.assert_every_reading_once(topic, &sent);

    let mut newest: BTreeMap<(Uuid, u64, u32, u32, u32), Reading> = BTreeMap::new();
    let lines = kcat(topic);
    for line in lines.lines() {
        let reading: Reading = serde_json::from_str(line).unwrap();
        let number = |text: &str| text.parse().unwrap();
        let identity =
            (reading.journal, number(&reading.sequence), reading.index, reading.part, reading.decode_revision);
        newest.insert(identity, reading);
    }
    assert_eq!(newest.len(), readings(&sent));
    let mut samples = Samples::new();
    for reading in newest.into_values() {
        for value in &reading.values {
            // The text of the number: serde_json's own parser may be wrong in the last digit.
            let number = value.value.get().parse().unwrap();
            samples.insert(key(&reading.meter.to_string(), &value.obis, &reading.time_ns), number);
        }
    }
    assert_exactly("kcat", &sent.expected(), &samples);
}

#[test]
fn kafka_connect_takes_every_reading_of_a_topic_in_json() {
    let topic = "e2e-consumers-connect";
    let service = service(topic, "format = \"json\"");
    let bodies = fleet(32).script(&Script::mixed(300, crate::support::load::now_ns()));
    service.post_all(&bodies);
    service.wait_drained();
    let sent = Sent { answered: bodies, open: Vec::new() };

    // The recipe of the page, with the topic and the file of the test.
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("readings.txt");
    let recipe = std::fs::read_to_string(root().join("docs/examples/kafka/connect-sink.properties")).unwrap();
    let lines = recipe.lines().map(|line| match line.split_once('=') {
        Some(("file", _)) => format!("file={}\n", file.display()),
        Some(("topics", _)) => format!("topics={topic}\n"),
        _ => format!("{line}\n"),
    });
    let connector = directory.path().join("sink.properties");
    std::fs::write(&connector, lines.collect::<String>()).unwrap();
    let mut connect = server_script("connect.sh");
    connect.arg(directory.path()).args([&kafka::shared(), &ports::free().to_string()]).arg(&connector);
    let mut connect = Process::start(connect, &directory.path().join("connect.log"));
    let text = || std::fs::read_to_string(&file).unwrap_or_default();
    let all = readings(&sent);
    connect.wait_ready("everything is in the file", LIMIT, || text().lines().count() >= all);
    let mut samples = Samples::new();
    let mut identities = BTreeSet::new();
    for line in text().lines() {
        identities.insert(["journal", "sequence", "index", "part"].map(|name| field(line, name).to_owned()));
        for value in line.split_once("values=[").unwrap().1.split('}').filter(|value| value.contains("obis=")) {
            let key = key(field(line, "meter"), field(value, "obis"), field(line, "time_ns"));
            samples.insert(key, field(value, "value").parse().unwrap());
        }
    }
    assert_eq!(identities.len(), all);
    assert_exactly("Kafka Connect", &sent.expected(), &samples);
}

/// The text of a field of a Java map, `{name=text, ...}`.
fn field<'a>(map: &'a str, name: &str) -> &'a str {
    let start = format!("{name}=");
    let (_, rest) = map
        .match_indices(&start)
        .find(|(at, _)| map[..*at].ends_with(['{', ' ']))
        .map(|(at, _)| map.split_at(at + start.len()))
        .unwrap_or_else(|| panic!("no {name} in {map}"));
    rest.split([',', '}']).next().unwrap()
}

#[test]
fn a_consumer_of_values_with_the_ids_of_their_schemas_gets_every_reading_once() {
    for (topic, lines, options) in [
        ("e2e-consumers-framed", "schema_id = 7\nmeters_schema_id = 8", ["--format", "protobuf", "--framed"]),
        (
            "e2e-consumers-framed-json",
            "format = \"json\"\nschema_id = 7\nmeters_schema_id = 8",
            ["--format", "json", "--framed"],
        ),
    ] {
        let python = Python::new(&options);
        let service = service(topic, lines);
        let bodies = fleet(31).script(&Script::mixed(200, crate::support::load::now_ns()));
        service.post_all(&bodies);
        service.wait_drained();
        let value = kafka::consume(&kafka::shared(), topic).remove(0).value;
        assert_eq!(value[..5], [0, 0, 0, 0, 7]);
        let sequence = match options[1] {
            "protobuf" => meterline::proto::v1::Reading::decode(&value[6..]).unwrap().sequence,
            _ => serde_json::from_slice::<Reading>(&value[5..]).unwrap().sequence.parse().unwrap(),
        };
        assert_eq!(python.sequence_by_the_registrys_own_client(options[1], &value), sequence);
        let sent = Sent { answered: bodies, open: Vec::new() };
        python.assert_every_reading_once(topic, &sent);
    }
}

fn service(topic: &str, kafka_lines: &'static str) -> Service {
    Setup { kafka: Some((kafka::shared(), topic.to_owned())), kafka_lines, ..Setup::default() }.start()
}

/// A service with a fleet and a consumer: all of them are killed or stopped, and go on. The topic has repeats then.
fn killed_at_work(topic: &str, kafka_lines: &'static str, python: &Python) -> Sent {
    let brokers = kafka::shared();
    let mut service = service(topic, kafka_lines);
    let consumer = python.start(topic);
    let load = Load::start(fleet(30), service.target(), 2, Script::mixed);
    wait::until("much is in the topic", LIMIT, || kafka::count(&brokers, topic) > BEFORE_THE_KILL);
    let (fleet, mut sent) = load.stop();
    wait::until("the consumer is at work", LIMIT, || python.readings() > 0);
    consumer.kill();
    service.kill();
    service.start_again();
    let load = Load::start(fleet, service.target(), 2, Script::mixed);
    wait::until("more is in the topic", LIMIT, || kafka::count(&brokers, topic) > 2 * BEFORE_THE_KILL);
    sent.extend(load.stop().1);
    service.wait_drained();
    // The sink may have stored a checkpoint just before the kill; a replay repeats in any case.
    service.text_of(&["replay", "--sink", "kafka", "--from", "2020-01-01T00:00:00Z"]);
    let repeated = 2 * i64::try_from(readings(&sent)).unwrap();
    wait::until("everything is repeated", LIMIT, || kafka::count(&brokers, topic) >= repeated);
    service.wait_drained();
    assert!(service.stop().success());
    sent
}

fn readings(sent: &Sent) -> usize {
    sent.answered.iter().map(|body| body.readings.len()).sum()
}

fn key(meter: &str, obis: &str, time_ns: &str) -> SampleKey {
    let obis: Obis = obis.parse().unwrap();
    SampleKey { meter: *Uuid::parse_str(meter).unwrap().as_bytes(), obis: obis.0, time_ns: time_ns.parse().unwrap() }
}

/// A reading as the page describes it in JSON.
#[derive(Debug, Deserialize)]
struct Reading {
    meter: Uuid,
    time_ns: String,
    journal: Uuid,
    sequence: String,
    index: u32,
    part: u32,
    decode_revision: u32,
    values: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Value {
    obis: String,
    value: Box<RawValue>,
}

/// The first kcat command of the page, on this topic.
fn kcat(topic: &str) -> String {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/consumers.md")).unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix("kcat ")).unwrap();
    let brokers = kafka::shared();
    let arguments = line.split_whitespace().map(|word| match word {
        "127.0.0.1:9092" => brokers.as_str(),
        "meterline.readings" => topic,
        word => word,
    });
    let output = server_script("kcat.sh").args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The example in Python with a database of its own.
struct Python {
    options: Vec<String>,
    directory: TempDir,
}

impl Python {
    fn new(options: &[&str]) -> Self {
        let python = Self {
            options: options.iter().map(|&option| option.to_owned()).collect(),
            directory: tempfile::tempdir().unwrap(),
        };
        // The second of the commands at the head of the program.
        let mut protoc = python.command();
        protoc.args(["-m", "grpc_tools.protoc", "-I"]).arg(root().join("proto"));
        protoc.arg(format!("--python_out={}", python.directory.path().display())).arg("meterline/v1/reading.proto");
        let output = protoc.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        python
    }

    fn command(&self) -> Command {
        let mut command = Command::new(from_environment("METERLINE_TEST_PYTHON"));
        command.current_dir(self.directory.path()).env("PYTHONPATH", self.directory.path());
        command
    }

    fn consume(&self, topic: &str) -> Command {
        let mut command = self.command();
        command.arg(root().join("docs/examples/kafka/consume.py"));
        command.args(["--brokers", &kafka::shared(), "--topic", topic, "--database", "readings.sqlite"]);
        command.args(&self.options);
        command
    }

    /// The sequence in a value, as the deserializer of confluent-kafka for its format reads it. It needs no registry
    /// for that.
    fn sequence_by_the_registrys_own_client(&self, format: &str, value: &[u8]) -> u64 {
        const JSON: &str = "import sys\n\
            from confluent_kafka.schema_registry.json_schema import JSONDeserializer\n\
            from confluent_kafka.serialization import MessageField, SerializationContext\n\
            read = JSONDeserializer('{\"type\":\"object\",\"required\":[\"sequence\"]}')\n\
            print(read(bytes.fromhex(sys.argv[1]), SerializationContext('t', MessageField.VALUE))['sequence'])\n";
        const PROTOBUF: &str = "import sys\n\
            from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer\n\
            from confluent_kafka.serialization import MessageField, SerializationContext\n\
            from meterline.v1.reading_pb2 import Reading\n\
            read = ProtobufDeserializer(Reading, {'use.deprecated.format': False})\n\
            print(read(bytes.fromhex(sys.argv[1]), SerializationContext('t', MessageField.VALUE)).sequence)\n";
        let program = if format == "json" { JSON } else { PROTOBUF };
        let output = self.command().args(["-c", program, &hex::encode(value)]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    }

    fn start(&self, topic: &str) -> Process {
        Process::start(self.consume(topic), &self.directory.path().join("python.log"))
    }

    fn database(&self) -> PathBuf {
        self.directory.path().join("readings.sqlite")
    }

    /// Readings that it has stored.
    fn readings(&self) -> usize {
        let has_table = "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'readings'";
        if !self.database().exists() || rows_of_sqlite(&self.database(), has_table) == [["0"]] {
            return 0;
        }
        rows_of_sqlite(&self.database(), "SELECT COUNT(*) FROM readings")[0][0].parse().unwrap()
    }

    /// Lets it read to the topic's end, and compares.
    fn assert_every_reading_once(&self, topic: &str, sent: &Sent) {
        let output = self.consume(topic).arg("--until-end").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(self.readings(), readings(sent));
        assert_exactly("the example in Python", &sent.expected(), &of_sqlite(&self.database()));
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
