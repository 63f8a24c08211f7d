//! Noting readings for gap detection: the cost of a reading must not grow with the number of
//! meters.
//!
//! - `meters/N`: records of 50 readings, from N meters in turn

#![allow(missing_docs, reason = "criterion's macros make functions without")]
#![allow(clippy::unwrap_used, reason = "a benchmark may stop")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use meterline::coverage::{Coverage, SLOT_NS};
use meterline::reading::{MeterId, UnixNanos};
use meterline::wire::SeenReading;
use uuid::Uuid;

/// Room for a million meters.
const MEMORY_BYTES: u64 = 128 << 20;
/// Readings of a record.
const READINGS: u64 = 50;
/// 2026-11-22T19:00:00Z.
const BEGIN_NS: i64 = 1_795_374_000_000_000_000;

/// The `number`th reading: all meters in turn, each at every quarter-hour.
fn reading(number: u64, meters: u64) -> SeenReading {
    let slot = i64::try_from(number / meters).unwrap();
    SeenReading {
        meter: MeterId::from(Uuid::from_u128(u128::from(number % meters + 1) << 64 | 7)),
        at: UnixNanos(BEGIN_NS + slot * SLOT_NS),
        has_counter: true,
        is_repair: false,
        is_row: false,
    }
}

fn meters(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("meters");
    group.throughput(Throughput::Elements(READINGS)).sample_size(20);
    for meters in [10_000, 100_000, 1_000_000] {
        let directory = tempfile::tempdir().unwrap();
        let coverage = Coverage::open(directory.path(), MEMORY_BYTES);
        let mut next = 0;
        let mut note = || {
            let record = (next..next + READINGS).map(|number| reading(number, meters));
            coverage.note("acme", reading(next, meters).at, record);
            next += READINGS;
        };
        // Every meter is known, or was refused, before the measurement.
        (0..(meters / READINGS).min(2_000)).for_each(|_| note());
        group.bench_function(BenchmarkId::from_parameter(meters), |bencher| bencher.iter(&mut note));
    }
}

criterion_group!(benches, meters);
criterion_main!(benches);
