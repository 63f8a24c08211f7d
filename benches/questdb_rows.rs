//! Encoding the rows of a record for QuestDB: W1 (one device with 8 values) and W2 (50 devices
//! with 8 values each), as the sink does it, without sending.
//!
//! - `ours`: what the sink does: reads the body, encodes its rows, notes the origin of each
//! - `questdb-rs`: reads the body, and encodes its rows with the client library alone
//! - `read`: reads the body only
//!
//! The throughput is in samples.

#![allow(missing_docs, reason = "criterion's macros make functions without")]
#![allow(clippy::unwrap_used, reason = "a benchmark may stop")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use meterline::deliver::Delivery;
use meterline::journal::{JournalId, Record, RecordHeader, RuleVersion, Sequence, SourceId, Verdict};
use meterline::reading::{Flags, Limits, UnixNanos};
use meterline::sink::questdb::{ReadingRows, Rows, TableName};
use meterline::wire::PayloadFormat;
use meterline_load::{Fleet, FleetOptions};
use questdb::ingress::{Buffer, ProtocolVersion, TimestampNanos};
use std::hint::black_box;
use uuid::Uuid;

const NOW: UnixNanos = UnixNanos(1_795_266_907_250_123_400);
const VALUES: u8 = 8;
const SOURCE: &str = "smart-me";

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
    Delivery { record, source: SOURCE, limits: &Limits::DEFAULT, judged_at: NOW, format: PayloadFormat::SmartMe }
}

fn ours(rows: &mut Rows, delivery: &Delivery<'_>) {
    for reading in delivery.readings() {
        let rows_of_it = ReadingRows::new(delivery, &reading);
        for sample in reading.samples() {
            rows.push(&rows_of_it, sample);
        }
    }
}

fn library(buffer: &mut Buffer, delivery: &Delivery<'_>) {
    for reading in delivery.readings() {
        for sample in reading.samples() {
            let meter = reading.meter.to_string();
            buffer.table("samples").unwrap();
            buffer.symbol("obis", sample.obis.to_string()).unwrap();
            buffer.symbol("source", delivery.source).unwrap();
            buffer.column_str("meter", meter).unwrap();
            buffer.column_f64("value", sample.value).unwrap();
            buffer.column_ts("received", TimestampNanos::new(delivery.record.header.received.0)).unwrap();
            if reading.flags != Flags::NONE {
                buffer.column_i64("flags", i64::from(reading.flags.bits())).unwrap();
            }
            buffer.at(TimestampNanos::new(reading.at.0)).unwrap();
        }
    }
}

fn read(delivery: &Delivery<'_>) -> f64 {
    delivery.readings().flat_map(|reading| reading.samples().map(|sample| sample.value).collect::<Vec<_>>()).sum()
}

fn bench(criterion: &mut Criterion) {
    for (name, devices) in [("w1", 1), ("w2", 50)] {
        let body = body(devices);
        let delivery = delivery(&body);
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(u64::from(devices) * u64::from(VALUES)));
        let mut rows = Rows::new(TableName::parse("samples").unwrap(), usize::MAX);
        group.bench_function("ours", |bencher| {
            bencher.iter(|| {
                ours(&mut rows, black_box(&delivery));
                if rows.is_full() {
                    rows.clear();
                }
            });
        });
        let mut buffer = Buffer::new(ProtocolVersion::V2);
        group.bench_function("questdb-rs", |bencher| {
            bencher.iter(|| {
                library(&mut buffer, black_box(&delivery));
                if buffer.len() > 8 << 20 {
                    buffer.clear();
                }
            });
        });
        group.bench_function("read", |bencher| bencher.iter(|| read(black_box(&delivery))));
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
