//! Decoding a body: ours against prost's decoder with `Bytes` fields, on W1 (one
//! device with 8 values) and W2 (50 devices with 8 values each).
//!
//! - `ours/check`: the walk that finds every fault of the framing
//! - `ours/door`: check and count by the rule, as the door does for each body
//! - `ours/pump`: check and iterate over every judged sample, as each sink does
//! - `ours/unusual`: as `ours/door`, for a body that is not laid out as usual
//! - `prost`: decode into messages; checks nothing else

#![allow(missing_docs, reason = "criterion's macros make functions without")]
#![allow(clippy::unwrap_used, reason = "a benchmark may stop")]

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
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

fn door(body: &[u8]) -> Tally {
    Tally::of(wire::readings(PayloadFormat::SmartMe, body).unwrap(), &Limits::DEFAULT, NOW)
}

fn pump(body: &[u8]) -> f64 {
    let mut sum = 0.0;
    for reading in wire::readings(PayloadFormat::SmartMe, body).unwrap() {
        if let Ok(judged) = Judged::new(reading, &Limits::DEFAULT, NOW) {
            for sample in judged.samples() {
                sum += sample.value + f64::from(black_box(sample.obis).0[2]);
            }
        }
    }
    sum
}

fn decode(criterion: &mut Criterion) {
    for (name, devices) in [("W1", 1), ("W2", 50)] {
        let body = body(devices);
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(u64::from(devices) * 8));
        let mut ours = |what: &str, body: &Bytes, run: &dyn Fn(&[u8])| {
            group.bench_with_input(BenchmarkId::new("ours", what), body, |bencher, body| {
                bencher.iter(|| run(black_box(body)));
            });
        };
        ours("check", &body, &|body| drop(black_box(wire::readings(PayloadFormat::SmartMe, body).unwrap())));
        ours("door", &body, &|body| drop(black_box(door(body))));
        ours("pump", &body, &|body| drop(black_box(pump(body))));
        ours("unusual", &unusual(&body), &|body| drop(black_box(door(body))));
        group.bench_with_input("prost", &body, |bencher, body| {
            bencher.iter(|| DeviceDataArray::decode(black_box(body).clone()).unwrap());
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(40).without_plots();
    targets = decode
}
criterion_main!(benches);
