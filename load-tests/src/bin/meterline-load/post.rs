//! Posting from several connections, each a thread of its own.

use crate::options::{PostOptions, wall_clock_ns};
use crate::report::Report;
use meterline_load::{Body, Connection, Fleet, Target};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const SECONDS_DEFAULT: u64 = 10;
/// After an error a connection waits, so that a receiver that is away costs nothing.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);

/// End and pace of the run, shared by all connections.
#[derive(Debug)]
struct Schedule {
    start: Instant,
    end: Option<Instant>,
    bodies_max: u64,
    interval: Option<Duration>,
    taken: AtomicU64,
}

impl Schedule {
    fn new(options: &PostOptions) -> Self {
        let start = now();
        let seconds = options.seconds.or(options.bodies.is_none().then_some(SECONDS_DEFAULT));
        Self {
            start,
            end: seconds.map(|seconds| start + Duration::from_secs(seconds)),
            bodies_max: options.bodies.unwrap_or(u64::MAX),
            interval: options.rate.map(|rate| Duration::from_secs(1) / rate.max(1)),
            taken: AtomicU64::new(0),
        }
    }

    /// Waits until the next body is due, and returns that time; `None` when there is none.
    fn next(&self) -> Option<Instant> {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        if number >= self.bodies_max {
            return None;
        }
        let due = self.interval.map(|interval| self.start + interval.mul_f64(precise(number)));
        if let Some(due) = due {
            thread::sleep(due.saturating_duration_since(now()));
        }
        let now = now();
        self.end.is_none_or(|end| now < end).then_some(due.unwrap_or(now))
    }
}

/// Posts according to the options and reports.
pub(crate) fn run(options: &PostOptions) -> Result<Report, String> {
    let target = options.target()?;
    let schedule = Schedule::new(options);
    let mut report = Report::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..options.connections.max(1))
            .map(|connection| {
                let (target, schedule, fleet) = (&target, &schedule, options.fleet(connection));
                scope.spawn(move || work(target, schedule, fleet, &Bodies::new(options, connection)))
            })
            .collect();
        for worker in workers {
            report.add(worker.join().unwrap_or_default());
        }
    });
    report.finish(schedule.start.elapsed());
    Ok(report)
}

/// The bodies of one connection.
struct Bodies {
    is_always_the_first: bool,
    late: f64,
    late_over_ns: i64,
    seed: u64,
}

impl Bodies {
    fn new(options: &PostOptions, connection: u32) -> Self {
        Self {
            is_always_the_first: options.same_body,
            late: options.late,
            late_over_ns: i64::from(options.late_over) * 1_000_000_000,
            seed: u64::from(connection),
        }
    }

    fn next(&self, fleet: &mut Fleet, lane: u32, rng: &mut fastrand::Rng) -> Body {
        let now_ns = wall_clock_ns();
        if rng.f64() < self.late {
            fleet.late(lane, now_ns - rng.i64(0..self.late_over_ns.max(1)))
        } else {
            fleet.live(lane, now_ns)
        }
    }
}

fn work(target: &Target, schedule: &Schedule, mut fleet: Fleet, bodies: &Bodies) -> Report {
    let connection = Connection::new(target);
    let mut report = Report::default();
    let mut rng = fastrand::Rng::with_seed(bodies.seed);
    let mut body = fleet.live(0, wall_clock_ns());
    let mut lane = 0;
    while let Some(due) = schedule.next() {
        if !bodies.is_always_the_first {
            body = bodies.next(&mut fleet, lane, &mut rng);
            lane = (lane + 1) % fleet.lanes();
        }
        let outcome = connection.post(&body.bytes);
        if outcome.is_err() {
            thread::sleep(PAUSE_AFTER_ERROR);
        }
        // From the time when it was due, so that a slow answer counts for the bodies behind it, too.
        report.count(outcome, due.elapsed(), body.samples());
    }
    report
}

/// Exact up to 2^32 bodies, beyond which pacing by a float is close enough.
fn precise(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::from(u32::MAX), f64::from)
}

#[expect(clippy::disallowed_methods, reason = "the service's Clock does not exist in the vendor's cloud")]
fn now() -> Instant {
    Instant::now()
}
