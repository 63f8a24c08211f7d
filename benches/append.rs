//! Appending to the journal on a real disk (in the target directory).
//!
//! - `group/N`: one thread appends N records and waits for the last: N records a
//!   commit, so the time is one write and one sync, shared by N
//! - `connections/256`: that many tasks on a two-thread runtime, each appending
//!   and waiting in turn, as the webhook's connections do: groups form automatically

#![allow(missing_docs, reason = "criterion's macros make functions without")]
#![allow(clippy::unwrap_used, reason = "a benchmark may stop")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use meterline::clock::Clock;
use meterline::journal::{Journal, Options, RecordHeader, RuleVersion, SourceId, Verdict};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// A body of one device with 8 values.
const W1_BYTES: usize = 185;
const CONNECTIONS: u64 = 256;

fn open(directory: &tempfile::TempDir) -> Journal {
    Journal::open(Options::new(directory.path())).unwrap().0
}

fn header() -> RecordHeader {
    RecordHeader {
        source: SourceId(1),
        format: 1,
        verdict: Verdict::Deliverable,
        rule: RuleVersion(1),
        received: Clock::system().now(),
    }
}

fn append_and_wait(journal: &Journal, records: u64) {
    let mut last = None;
    for _ in 0..records {
        last = Some(journal.append(header(), &[7; W1_BYTES]).unwrap());
    }
    last.unwrap().wait().unwrap();
}

fn groups(criterion: &mut Criterion) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let journal = open(&directory);
    let mut group = criterion.benchmark_group("group");
    for records in [1, 64, 1024] {
        group.throughput(Throughput::Elements(records));
        group.bench_function(BenchmarkId::from_parameter(records), |bencher| {
            bencher.iter(|| append_and_wait(&journal, records));
        });
    }
}

/// Every connection appends `each` records, one after the other.
fn serve(runtime: &Runtime, journal: &Journal, each: u64) -> Duration {
    let clock = Clock::system();
    let start = clock.monotonic();
    runtime.block_on(async {
        let connection = |_| {
            let journal = journal.clone();
            tokio::spawn(async move {
                for _ in 0..each {
                    journal.append(header(), &[7; W1_BYTES]).unwrap().await.unwrap();
                }
            })
        };
        for task in (0..CONNECTIONS).map(connection).collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
    clock.elapsed(start)
}

fn connections(criterion: &mut Criterion) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let journal = open(&directory);
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let mut group = criterion.benchmark_group("connections");
    group.throughput(Throughput::Elements(1));
    group.bench_function(BenchmarkId::from_parameter(CONNECTIONS), |bencher| {
        // An iteration is one record of any connection.
        bencher.iter_custom(|records| {
            let each = records.div_ceil(CONNECTIONS);
            serve(&runtime, &journal, each).mul_f64(records as f64 / (each * CONNECTIONS) as f64)
        });
    });
}

criterion_group!(benches, groups, connections);
criterion_main!(benches);
