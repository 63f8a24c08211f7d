//! A fleet that posts in the background, and the answers to its bodies.

use super::wait;
use meterline_load::{Body, Expected, Fleet, FleetOptions, Outcome, Script, Target, send_all};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Readings of one round; the fleet checks for a stop before every body.
const ROUND_READINGS: usize = 400;
/// Between rounds, so that a test's length does not decide how much is sent.
const ROUND_PAUSE: Duration = Duration::from_millis(100);

/// Sent bodies, by their answers.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// Answered with 200: must be in every sink.
    pub(crate) answered: Vec<Body>,
    /// Not answered, or refused: may be anywhere or nowhere.
    pub(crate) open: Vec<Body>,
}

impl Sent {
    /// Sorts bodies by their answers.
    pub(crate) fn new(bodies: Vec<Body>, outcomes: Vec<Option<Outcome>>) -> Self {
        let mut sent = Self::default();
        for (body, outcome) in bodies.into_iter().zip(outcomes) {
            match outcome {
                Some(Ok(answer)) if answer.status == 200 => sent.answered.push(body),
                Some(_) => sent.open.push(body),
                None => {}
            }
        }
        sent
    }

    /// The expected content of a store; panics unless everything was answered.
    pub(crate) fn expected(&self) -> Expected {
        assert_eq!(self.open.len(), 0, "bodies without an answer of 200");
        Expected::of(&self.answered)
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.answered.extend(other.answered);
        self.open.extend(other.open);
    }
}

/// The fleet of most tests: small bodies, several meters each.
pub(crate) fn fleet(seed: u64) -> Fleet {
    Fleet::new(FleetOptions { meters: 96, devices: 3, values: 4, seed })
}

/// Nanoseconds since 1970.
pub(crate) fn now_ns() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap()
}

/// A fleet at work.
#[derive(Debug)]
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    unanswered: Arc<AtomicBool>,
    thread: JoinHandle<(Fleet, Sent)>,
}

impl Load {
    /// Lets a fleet post over `connections` until [`Load::stop`]. `script` returns the bodies
    /// for a number of readings and a time.
    pub(crate) fn start(
        mut fleet: Fleet,
        target: Target,
        connections: u32,
        script: impl Fn(usize, i64) -> Script + Send + 'static,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let unanswered = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&unanswered);
        let thread = thread::spawn(move || {
            let mut sent = Sent::default();
            while !seen.load(Ordering::Relaxed) {
                let bodies = fleet.script(&script(ROUND_READINGS, now_ns()));
                let outcomes = send_all(&target, &bodies, connections, &seen);
                sent.extend(Sent::new(bodies, outcomes));
                flag.store(!sent.open.is_empty(), Ordering::Relaxed);
                thread::sleep(ROUND_PAUSE);
            }
            (fleet, sent)
        });
        Self { stop, unanswered, thread }
    }

    /// Waits until a body, in progress or later, has no answer of 200.
    pub(crate) fn wait_for_unanswered(&self) {
        wait::until("a body without an answer", Duration::from_secs(30), || self.unanswered.load(Ordering::Relaxed));
    }

    /// Ends the load once it has noticed that the service was killed, and adds its bodies to those before.
    pub(crate) fn stop_after_kill(self, sent: &mut Sent) -> Fleet {
        self.wait_for_unanswered();
        let (fleet, of_round) = self.stop();
        sent.extend(of_round);
        fleet
    }

    /// Ends the load; the fleet may be started again.
    pub(crate) fn stop(self) -> (Fleet, Sent) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Settings of the webhook that take padded bodies.
pub(crate) const TAKES_PADDED: &str =
    "body_max = \"4MiB\"\naccount_in_flight_max = \"16MiB\"\nin_flight_max = \"16MiB\"";

/// The same body with three megabytes in an unknown field, which a decoder skips.
pub(crate) fn padded(body: &[u8]) -> Vec<u8> {
    const BYTES: usize = 3 << 20;
    // Field 1000, with a length.
    let mut padded = [body, &[0xc2, 0x3e]].concat();
    let mut length = BYTES;
    while length >= 0x80 {
        padded.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    padded.push(u8::try_from(length).unwrap());
    padded.resize(padded.len() + BYTES, b'x');
    padded
}
