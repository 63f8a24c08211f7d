//! Decoding a monitor's message of every second, with 20 channels.
//!
//! - `realtime/ours`: every value in its base unit, with the id of its meter; other members kept as texts
//! - `realtime/serde_json`: the same text into typed structs, numbers as they are; other members left out
//! - `realtime/simd-json`: the same by simd-json, which needs a copy of the text that it may change

#![allow(missing_docs, reason = "criterion's macros make functions without")]
#![allow(clippy::unwrap_used, reason = "a benchmark may stop")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use meterline::vendor::Part;
use meterline::vendor::smappee::{Kind, Monitor, Topic};
use serde::Deserialize;
use std::hint::black_box;

const TOPIC: &str = "servicelocation/0b9fd2f6-1c57-4e0e-9a52-6f4c2f0c7a11";
const CHANNELS: u32 = 20;

/// The configuration: three channels at the grid, two that produce, the others loads.
fn configuration() -> String {
    let measurement = |index: u32| {
        let (name, flow, connection) = match index {
            0..3 => ("Grid".to_owned(), "CONSUMPTION", "GRID"),
            3..5 => ("Roof".to_owned(), "PRODUCTION", "GRID"),
            _ => (format!("Load {index}"), "CONSUMPTION", "SUBMETER"),
        };
        format!(
            r#"{{"name":"{name}","type":"ELECTRICITY","flow":"{flow}","connectionType":"{connection}","publishIndex":{index}}}"#
        )
    };
    let measurements: Vec<String> = (0..CHANNELS).map(measurement).collect();
    format!(
        r#"{{"dataProcessingSpecification":{{"phaseType":"THREE_STAR","measurements":[{}]}}}}"#,
        measurements.join(",")
    )
}

fn message() -> String {
    let channel = |index: u32| {
        let (power, phase) = (137 * index + 41, index % 3);
        format!(
            r#"{{"publishIndex":{index},"formula":"$5500000194/{index}$","power":{power},"exportEnergy":0,"importEnergy":{},"phaseId":{phase},"current":{},"apparentPower":{}}}"#,
            power * 86_400,
            power / 23,
            power + 7
        )
    };
    let channels: Vec<String> = (0..CHANNELS).map(channel).collect();
    format!(
        r#"{{"totalPower":1250,"totalReactivePower":-40,"totalExportEnergy":0,"totalImportEnergy":108000000,"monitorStatus":0,"utcTimeStamp":1773576000500,"channelPowers":[{}],"voltages":[{{"voltage":230,"phaseId":0}},{{"voltage":229,"phaseId":1}},{{"voltage":231,"phaseId":2}}]}}"#,
        channels.join(",")
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Realtime {
    total_power: f64,
    total_reactive_power: f64,
    total_import_energy: f64,
    total_export_energy: f64,
    monitor_status: i64,
    utc_time_stamp: i64,
    channel_powers: Vec<Channel>,
    voltages: Vec<Voltage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Channel {
    publish_index: u32,
    phase_id: u8,
    power: f64,
    current: f64,
    import_energy: f64,
    export_energy: f64,
    apparent_power: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Voltage {
    voltage: f64,
    phase_id: u8,
}

impl Realtime {
    /// The sum of the values: each is read.
    fn sum(&self) -> f64 {
        let channel = |it: &Channel| {
            let index = f64::from(it.publish_index) + f64::from(it.phase_id);
            index + it.power + it.current / 10.0 + (it.import_energy + it.export_energy) / 3600.0 + it.apparent_power
        };
        let channels: f64 = self.channel_powers.iter().map(channel).sum();
        let voltages: f64 = self.voltages.iter().map(|it| it.voltage + f64::from(it.phase_id)).sum();
        let energies = (self.total_import_energy + self.total_export_energy) / 3600.0;
        black_box((self.monitor_status, self.utc_time_stamp));
        channels + voltages + energies + self.total_power + self.total_reactive_power
    }
}

fn ours(monitor: &mut Monitor, message: &[u8]) -> f64 {
    let mut total = 0.0;
    let each = |meter, part: Part<'_>| {
        black_box(meter);
        if let Part::Value(value) = part {
            total += value.value;
        }
    };
    monitor.read(Kind::Realtime, message, each).unwrap();
    total
}

fn smappee(criterion: &mut Criterion) {
    let topic = Topic::parse(&format!("{TOPIC}/channelConfigV2")).unwrap();
    let mut monitor = Monitor::new(topic.location);
    monitor.read(topic.kind, configuration().as_bytes(), |_, _| ()).unwrap();
    let message = message().into_bytes();
    let mut group = criterion.benchmark_group("realtime");
    group.throughput(Throughput::Bytes(message.len() as u64));
    group.bench_function("ours", |bencher| bencher.iter(|| ours(&mut monitor, black_box(&message))));
    group.bench_function("serde_json", |bencher| {
        bencher.iter(|| serde_json::from_slice::<Realtime>(black_box(&message)).unwrap().sum());
    });
    let mut copy = Vec::with_capacity(message.len());
    let mut buffers = simd_json::Buffers::new(message.len());
    group.bench_function("simd-json", |bencher| {
        bencher.iter(|| {
            copy.clear();
            copy.extend_from_slice(black_box(&message));
            simd_json::serde::from_slice_with_buffers::<Realtime>(&mut copy, &mut buffers).unwrap().sum()
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(40).without_plots();
    targets = smappee
}
criterion_main!(benches);
