//! Ingest of bodies of 50 meters with 8 values each, on a file system in memory: what a reading
//! costs from the body to its synced record, its outline and the newest values for the page.
//!
//! - `meters/N`: the bodies of N meters in turn, up to 64 at once.
//!   With more meters than the page keeps values of, each reading replaces another meter's.

#![allow(missing_docs, reason = "criterion's macros make functions without")]
#![allow(clippy::unwrap_used, reason = "a benchmark may stop")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use meterline::clock::Clock;
use meterline::ingest::{Entrance, Ingest, SourceOptions};
use meterline::journal::{Journal, Options, Retention};
use meterline::wire::PayloadFormat;
use meterline_load::{Fleet, FleetOptions};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

const DEVICES: u32 = 50;
const AT_ONCE: usize = 64;
/// The kernel's file system in memory: its syncs are free.
const IN_MEMORY: &str = "/dev/shm";

/// Bodies of all these meters.
fn bodies(meters: u32) -> Vec<Vec<u8>> {
    let mut fleet = Fleet::new(FleetOptions { meters, devices: DEVICES, values: 8, seed: 1 });
    let now = Clock::system().now();
    (0..fleet.lanes()).map(|lane| fleet.late(lane, now.0).bytes).collect()
}

/// Takes this number of bodies, the next one as soon as one is synced.
fn take(runtime: &Runtime, entrance: &Entrance, bodies: &[Vec<u8>], count: u64, from: &mut usize) -> Duration {
    let clock = Clock::system();
    let start = clock.monotonic();
    runtime.block_on(async {
        let mut open = JoinSet::new();
        for _ in 0..count {
            let (entrance, body) = (entrance.clone(), bodies[*from % bodies.len()].clone());
            *from += 1;
            open.spawn(async move { entrance.take(PayloadFormat::SmartMe, &body).await.unwrap() });
            if open.len() >= AT_ONCE {
                open.join_next().await.unwrap().unwrap();
            }
        }
        while open.join_next().await.is_some() {}
    });
    clock.elapsed(start)
}

fn meters(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().build().unwrap();
    let mut group = criterion.benchmark_group("meters");
    group.throughput(Throughput::Elements(u64::from(DEVICES)));
    for meters in [50, 10_000, 100_000, 1_000_000] {
        let directory = tempfile::tempdir_in(IN_MEMORY).unwrap();
        let options = Options {
            cap_bytes: 256 << 20,
            retain: Retention { bytes: 0, age_ns: i64::MAX },
            ..Options::new(directory.path())
        };
        let journal = Journal::open(options).unwrap().0;
        let ingest = Ingest::new(journal, None, Clock::system());
        let entrance = ingest.source("fleet", SourceOptions::default()).unwrap();
        let (bodies, mut from) = (bodies(meters), 0);
        group.bench_function(BenchmarkId::from_parameter(meters), |bencher| {
            bencher.iter_custom(|count| take(&runtime, &entrance, &bodies, count, &mut from));
        });
    }
}

criterion_group!(benches, meters);
criterion_main!(benches);
