//! Encoding the records of a body for Kafka: W1 (one device with 8 values) and W2 (50 devices
//! with 8 values each), as the sink does it, without sending.
//!
//! - `ours`: what the sink does: reads the body, encodes each reading's key and value
//! - `checksum`: the same, and the checksum of each value
//!
//! The throughput is in samples.

#![allow(missing_docs, reason = "criterion's macros make functions without")]
#![allow(clippy::unwrap_used, reason = "a benchmark may stop")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use meterline::deliver::Delivery;
use meterline::journal::{JournalId, Record, RecordHeader, RuleVersion, Sequence, SourceId, Verdict};
use meterline::reading::{Limits, UnixNanos};
use meterline::sink::kafka::{Config, Encoder};
use meterline::wire::PayloadFormat;
use meterline_load::{Fleet, FleetOptions};
use std::convert::Infallible;
use std::hint::black_box;
use uuid::Uuid;

const NOW: UnixNanos = UnixNanos(1_795_266_907_250_123_400);
const VALUES: u8 = 8;

fn body(devices: u32) -> Vec<u8> {
    let mut fleet = Fleet::new(FleetOptions { meters: devices, devices, values: VALUES, seed: 1 });
    fleet.late(0, NOW.0).bytes
}

fn delivery(payload: &[u8]) -> Delivery<'_> {
    let header = RecordHeader {
        source: SourceId(1),
        format: 1,
        verdict: Verdict::Deliverable,
        rule: RuleVersion(1),
        received: NOW,
    };
    let record = Record { journal: JournalId(Uuid::from_u128(7)), sequence: Sequence(1), header, payload };
    Delivery { record, source: "smart-me", limits: &Limits::DEFAULT, judged_at: NOW, format: PayloadFormat::SmartMe }
}

/// Encodes all readings and gives `take` each key and value.
fn encode(encoder: &mut Encoder, delivery: &Delivery<'_>, mut take: impl FnMut(&str, &[u8])) {
    encoder.begin(&delivery.record, delivery.source);
    let mut key = Uuid::encode_buffer();
    for reading in delivery.readings() {
        let key = reading.meter.uuid().hyphenated().encode_lower(&mut key);
        let sent = encoder.parts(&reading, |value| {
            take(key, value);
            Ok::<_, Infallible>(())
        });
        sent.unwrap();
    }
}

fn bench(criterion: &mut Criterion) {
    for (name, devices) in [("w1", 1), ("w2", 50)] {
        let body = body(devices);
        let delivery = delivery(&body);
        let mut encoder = Encoder::of(&Config::new("127.0.0.1:1", "samples"));
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(u64::from(devices) * u64::from(VALUES)));
        group.bench_function("ours", |bencher| {
            bencher.iter(|| {
                encode(&mut encoder, black_box(&delivery), |key, value| {
                    let _record = black_box((key, value));
                });
            });
        });
        group.bench_function("checksum", |bencher| {
            bencher.iter(|| {
                encode(&mut encoder, black_box(&delivery), |key, value| {
                    let _record = black_box((key, crc32c::crc32c(value)));
                });
            });
        });
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
