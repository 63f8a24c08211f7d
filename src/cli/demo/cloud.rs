//! The simulated smart-me cloud: a few connections, each posting its meters'
//! readings every second; a device that comes back posts the quarter-hours it had
//! stored, so that every time scale occurs.

use crate::clock::Clock;
use meterline_load::{Body, Connection, Fleet, FleetOptions, Target};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

const CONNECTIONS: u32 = 4;
const PACE: Duration = Duration::from_secs(1);
/// A day and one quarter-hour: the scales days, hours and minutes all occur.
const BURST_QUARTER_HOURS: u16 = 97;

/// The running cloud.
#[derive(Debug)]
pub(super) struct Cloud {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stopping: AtomicBool,
    answered_readings: AtomicU64,
    not_taken: AtomicU64,
    trouble: Mutex<Option<String>>,
}

impl Cloud {
    /// Starts posting.
    pub(super) fn start(target: Target, meters: u32, clock: Clock) -> Self {
        let shared = Arc::<Shared>::default();
        let threads = (0..CONNECTIONS.min(meters))
            .map(|number| {
                let (shared, target, clock) = (Arc::clone(&shared), target.clone(), clock.clone());
                let own = meters / CONNECTIONS.min(meters) + u32::from(number < meters % CONNECTIONS.min(meters));
                let options =
                    FleetOptions { meters: own, devices: own.div_ceil(4), values: 8, seed: u64::from(number) + 1 };
                std::thread::spawn(move || post_until_stopped(&shared, &target, Fleet::new(options), &clock))
            })
            .collect();
        Self { shared, threads }
    }

    /// Readings whose body was answered 200.
    pub(super) fn answered_readings(&self) -> u64 {
        self.shared.answered_readings.load(Ordering::Relaxed)
    }

    /// Bodies that were not answered 200, and the last reason.
    pub(super) fn trouble(&self) -> Option<String> {
        let count = self.shared.not_taken.load(Ordering::Relaxed);
        let last = self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(format!("{count} bodies not taken, last: {last}"))
    }

    /// Stops posting.
    pub(super) fn stop(self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a connection of the simulated cloud had panicked");
            }
        }
    }
}

fn post_until_stopped(shared: &Shared, target: &Target, mut fleet: Fleet, clock: &Clock) {
    let connection = Connection::new(target);
    for lane in 0..fleet.lanes() {
        let burst = fleet.quarter_hours(lane, clock.now().0, BURST_QUARTER_HOURS);
        post(shared, &connection, &burst);
    }
    while !shared.stopping.load(Ordering::Relaxed) {
        let start = clock.monotonic();
        for lane in 0..fleet.lanes() {
            let live = fleet.live(lane, clock.now().0);
            post(shared, &connection, &live);
        }
        std::thread::sleep(PACE.saturating_sub(clock.elapsed(start)));
    }
}

fn post(shared: &Shared, connection: &Connection, body: &Body) {
    let trouble = match connection.post(&body.bytes) {
        Ok(answer) if answer.is_ok() => {
            shared.answered_readings.fetch_add(body.readings.len() as u64, Ordering::Relaxed);
            return;
        }
        Ok(answer) => format!("answered {}", answer.status),
        Err(error) => error.to_string(),
    };
    shared.not_taken.fetch_add(1, Ordering::Relaxed);
    *shared.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
}
