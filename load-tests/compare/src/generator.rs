//! Posts bodies over many connections from one thread, in a closed or in an open loop.
//!
//! In an open loop a thread of its own lets a body go at each intended time; the first free connection takes it.
//! So a late answer delays the bodies behind it, and their latency counts from the intended time nevertheless.

use crate::body::{Template, Ticks};
use crate::clock;
use crate::fleet::Lane;
use crate::schedule::{Due, Pace};
use crate::tally::Tally;
use crate::wire::Wire;
use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

/// After an error a connection waits, so that a receiver that is away costs nothing.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);
/// Bodies still unsent so long after the last intended time stay unsent.
const GRACE: Duration = Duration::from_secs(10);
/// An answer that takes longer counts as none.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// The receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its address.
    pub address: SocketAddr,
    /// The path to post to.
    pub path: String,
}

impl Target {
    fn head(&self) -> String {
        let Self { address, path } = self;
        format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/octet-stream\r\n")
    }
}

/// The state that the connections share.
#[derive(Debug)]
struct Shared {
    start: Cell<Instant>,
    connections: usize,
    pace: Pace,
    /// Bodies taken from the schedule.
    taken: Cell<usize>,
    /// Samples posted in a closed loop.
    posted: Cell<u64>,
    due: Arc<Semaphore>,
    template: Template,
    lanes: RefCell<Vec<Lane>>,
    tally: RefCell<Tally>,
}

/// Posts bodies of these lanes; their accepted and unanswered times are added to them.
///
/// # Errors
/// If a connection cannot be opened at the start.
pub fn run(target: &Target, connections: usize, lanes: &mut Vec<Lane>, pace: Pace) -> io::Result<Tally> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shared = Rc::new(Shared {
        start: Cell::new(clock::now()),
        connections: connections.max(1),
        pace,
        taken: Cell::new(0),
        posted: Cell::new(0),
        due: Arc::new(Semaphore::new(0)),
        template: Template::default(),
        lanes: RefCell::new(std::mem::take(lanes)),
        tally: RefCell::default(),
    });
    let ended = LocalSet::new().block_on(&runtime, all(target, &shared));
    *lanes = shared.lanes.take();
    ended?;
    let mut tally = shared.tally.take();
    if let Pace::Open(all) = &shared.pace {
        tally.unsent = all.len().saturating_sub(shared.taken.get()) as u64;
    }
    Ok(tally)
}

async fn all(target: &Target, shared: &Rc<Shared>) -> io::Result<()> {
    let mut wires = Vec::new();
    for _ in 0..shared.connections {
        let mut wire = Wire::new(target.address, target.head());
        wire.open().await?;
        wires.push(wire);
    }
    shared.start.set(clock::now());
    let clockwork = shared.let_go();
    let tasks: Vec<_> = wires
        .into_iter()
        .enumerate()
        .map(|(own, wire)| tokio::task::spawn_local(connection(shared.clone(), own, wire)))
        .collect();
    for task in tasks {
        task.await.map_err(io::Error::other)?;
    }
    if let Some(clockwork) = clockwork {
        clockwork.join().map_err(|_| io::Error::other("the thread of the open loop ended early"))?;
    }
    shared.tally.borrow_mut().elapsed = shared.start.get().elapsed();
    Ok(())
}

impl Shared {
    /// Starts the thread that lets each body go at its time.
    fn let_go(&self) -> Option<thread::JoinHandle<()>> {
        let Pace::Open(all) = &self.pace else { return None };
        let (times, due, start): (Vec<Duration>, _, _) =
            (all.iter().map(|due| due.at).collect(), self.due.clone(), self.start.get());
        let connections = self.connections;
        Some(thread::spawn(move || {
            let mut gone = 0;
            while gone < times.len() {
                thread::sleep(times[gone].saturating_sub(start.elapsed()));
                let now = start.elapsed();
                let ready = times[gone..].iter().take_while(|at| **at <= now).count();
                due.add_permits(ready);
                gone += ready;
            }
            // The connections that wait find nothing left, and end.
            due.add_permits(connections);
        }))
    }

    /// The lane whose body a connection posts next, and the intended time in an open loop; `None` at the end.
    async fn next(&self, turn: usize) -> Option<(usize, Option<Instant>)> {
        match &self.pace {
            Pace::Closed { end, samples_max } => {
                let is_over = self.start.get().elapsed() >= *end || self.posted.get() >= *samples_max;
                (!is_over).then(|| (turn % self.lanes.borrow().len().max(1), None))
            }
            Pace::Until { control, .. } => {
                (!control.is_over()).then(|| (turn % self.lanes.borrow().len().max(1), None))
            }
            Pace::Open(all) => {
                self.due.acquire().await.ok()?.forget();
                let last = all.last()?.at;
                let Due { at, lane } = *all.get(self.taken.get())?;
                if self.start.get().elapsed() > last + GRACE {
                    return None;
                }
                self.taken.set(self.taken.get() + 1);
                Some((lane, Some(self.start.get() + at)))
            }
        }
    }
}

async fn connection(shared: Rc<Shared>, own: usize, mut wire: Wire) {
    let mut turn = own;
    while let Some((lane, intended)) = shared.next(turn).await {
        turn += shared.connections;
        // A body that was never sent is in no store, and is not unanswered.
        if let Err(error) = wire.open().await {
            shared.tally.borrow_mut().failed(&error);
            tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            continue;
        }
        let sent = clock::now();
        let begun = shared.begin(lane, &mut wire);
        let Ok((time, samples)) = begun else { return };
        let exchange = tokio::time::timeout(ANSWER_LIMIT, wire.exchange()).await;
        let outcome = exchange.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let is_answered = outcome.is_ok();
        match outcome {
            Ok(status) => {
                let latency = intended.unwrap_or(sent).elapsed();
                shared.tally.borrow_mut().answered(status, latency, samples);
                if status == 200 {
                    shared.accepted(lane, time);
                }
            }
            Err(error) => {
                shared.tally.borrow_mut().failed(&error);
                shared.lanes.borrow_mut()[lane].unanswered.push(time);
            }
        }
        if !is_answered {
            tokio::time::sleep(PAUSE_AFTER_ERROR).await;
        } else if let Pace::Until { pause, .. } = &shared.pace {
            tokio::time::sleep(*pause).await;
        }
    }
}

impl Shared {
    fn accepted(&self, lane: usize, time: Ticks) {
        self.lanes.borrow_mut()[lane].accepted.push(time);
        if let Pace::Until { control, .. } = &self.pace {
            control.note_accepted();
        }
    }

    /// Puts a body of the lane into the connection's request. Returns its time and its number of samples.
    fn begin(&self, lane: usize, wire: &mut Wire) -> io::Result<(Ticks, u64)> {
        let mut lanes = self.lanes.borrow_mut();
        let lane = &mut lanes[lane];
        let time = lane.body(&self.template, wire.begin(lane.body_bytes())?);
        self.posted.set(self.posted.get() + lane.samples());
        Ok((time, lane.samples()))
    }
}
