//! Decoding a body: ours against prost's decoder with `Bytes` fields, on W1 (one
//! device with 8 values) and W2 (50 devices with 8 values each).
//!
//! - `ours/check`: the pass that finds every fault of the framing
//! - `ours/door`: check and count by the rule, as ingest does for each body
//! - `ours/pump`: check and iterate over every judged sample, as each sink does
//! - `ours/unusual`: as `ours/door`, for a body that is not laid out as usual
//! - `prost/decode`: decode into messages; judges nothing
//! - `prost/iterate`: the same, then iterate over every value

#![allow(missing_docs, reason = "criterion's macros make functions without")]
#![allow(clippy::unwrap_used, reason = "a benchmark may stop")]

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use meterline::reading::{Limits, UnixNanos};
use meterline::wire::{self, Judged, PayloadFormat, Tally};
use meterline_load::proto::smart_me::DeviceDataArray;
use meterline_load::{Fleet, FleetOptions};
use prost::Message as _;
use std::hint::black_box;

const NOW: UnixNanos = UnixNanos(1_795_266_907_250_123_400);

fn body(devices: u32) -> Bytes {
    let mut fleet = Fleet::new(FleetOptions { meters: devices, devices, values: 8, seed: 1 });
    fleet.late(0, NOW.0).bytes.into()
}

/// The same body with an unknown field at the end of every device.
fn unusual(body: &Bytes) -> Bytes {
    let mut message = DeviceDataArray::decode(body.clone()).unwrap();
    let mut bytes = Vec::new();
    for device in message.device_data_items.drain(..) {
        let mut device = device.encode_to_vec();
        device.extend([0x78, 1]);
        prost::encoding::bytes::encode(1, &device, &mut bytes);
    }
    bytes.into()
}

fn ingest(body: &[u8]) -> Tally {
    Tally::of(wire::readings(PayloadFormat::SmartMe, body).unwrap(), &Limits::DEFAULT, NOW)
}

/// The least that a consumer does: read the code and the value.
#[derive(Debug, Default)]
struct Sum {
    codes: u64,
    values: f64,
}

impl Sum {
    fn take(&mut self, obis: &[u8], value: f64) {
        self.codes += obis.iter().map(|&byte| u64::from(byte)).sum::<u64>();
        self.values += value;
    }
}

fn pump(body: &[u8]) -> Sum {
    let mut sum = Sum::default();
    for reading in wire::readings(PayloadFormat::SmartMe, body).unwrap() {
        if let Ok(judged) = Judged::new(reading, &Limits::DEFAULT, NOW) {
            for sample in judged.samples() {
                sum.take(&sample.obis.0, sample.value);
            }
        }
    }
    sum
}

fn prost_iterated(body: &Bytes) -> Sum {
    let mut sum = Sum::default();
    for value in DeviceDataArray::decode(body.clone()).unwrap().device_data_items.iter().flat_map(|d| &d.device_values)
    {
        sum.take(&value.obis, value.value);
    }
    sum
}

fn decode(criterion: &mut Criterion) {
    for (name, devices) in [("W1", 1), ("W2", 50)] {
        let body = body(devices);
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(u64::from(devices) * 8));
        group.bench_function("ours/check", |bencher| {
            bencher.iter(|| wire::readings(PayloadFormat::SmartMe, black_box(&body)).unwrap());
        });
        group.bench_function("ours/door", |bencher| bencher.iter(|| ingest(black_box(&body))));
        group.bench_function("ours/pump", |bencher| bencher.iter(|| pump(black_box(&body))));
        let unusual = unusual(&body);
        group.bench_function("ours/unusual", |bencher| bencher.iter(|| ingest(black_box(&unusual))));
        group.bench_function("prost/decode", |bencher| {
            bencher.iter(|| DeviceDataArray::decode(black_box(&body).clone()).unwrap());
        });
        group.bench_function("prost/iterate", |bencher| bencher.iter(|| prost_iterated(black_box(&body))));
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(40).without_plots();
    targets = decode
}
criterion_main!(benches);
