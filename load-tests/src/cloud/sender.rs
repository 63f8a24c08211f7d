//! The sender of the webhook's posts: it sends the measurements of an account's devices
//! to every registration, live at a pace and at the quarter-hours.
//!
//! It can be paused: measurements of a pause, or of a time without a registration, are
//! never posted. Posts are not repeated, since the vendor documents no repeat. Switches
//! enable repeats, and posts of a device's offline time.

use super::devices::{CloudDevice, SLOT_NS};
use super::registrations::CloudRegistration;
use super::state::State;
use crate::body::{Body, Reading};
use crate::sender::{Connection, Target};
use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use uuid::Uuid;

/// Readings of one post, of 250 bytes at most each: a MiB, the usual `body_max`. More go into the next one.
const READINGS_MAX: usize = 4000;
/// Bound of the posts that wait for a repeat; beyond it the oldest are dropped.
const REPEATS_MAX: usize = 1000;

/// Settings of the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderOptions {
    /// Time between two live readings of a device; registrations are checked as often.
    pub live_every: Duration,
    /// Devices of one post at most.
    pub devices_per_post: usize,
    /// Stored quarter-hours that every device sends at the first registration.
    pub stored: u16,
    /// Whether a device sends the quarter-hours of its offline time when it is back.
    pub stored_come_later: bool,
    /// Whether a post without a success answer is repeated at the next turn.
    pub repeats: bool,
}

impl Default for SenderOptions {
    /// One device per post each second, nothing stored, offline time is sent later,
    /// nothing is repeated.
    fn default() -> Self {
        Self {
            live_every: Duration::from_secs(1),
            devices_per_post: 1,
            stored: 0,
            stored_come_later: true,
            repeats: false,
        }
    }
}

/// Counts of posts and answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// Turns of the sender, including turns in a pause.
    pub turns: u64,
    /// Posts, repeats included.
    pub posts: u64,
    /// Posts answered with success.
    pub taken: u64,
    /// Posts answered otherwise.
    pub refused: u64,
    /// Posts without an answer.
    pub unanswered: u64,
    /// Readings of the posts answered with success.
    pub readings_taken: u64,
    /// Error of the last post that was not accepted.
    pub trouble: Option<String>,
}

/// The running sender; it ends when it is dropped.
#[derive(Debug)]
pub struct CloudSender {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    control: Mutex<Control>,
    changed: Condvar,
    sent: Mutex<Sent>,
}

#[derive(Debug, Default)]
struct Control {
    is_stopping: bool,
    is_paused: bool,
}

impl CloudSender {
    pub(super) fn start(
        state: Arc<Mutex<State>>,
        how: SenderOptions,
        now_ns: impl Fn() -> i64 + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let for_thread = Arc::clone(&shared);
        let mut state = SenderState {
            state,
            how,
            shared: for_thread,
            sent_until: HashMap::new(),
            correcting: HashSet::new(),
            connections: HashMap::new(),
            repeats: VecDeque::new(),
        };
        let thread = std::thread::Builder::new().name("cloud-sender".to_owned()).spawn(move || {
            while let Some(is_paused) = state.shared.next(state.how.live_every) {
                state.turn(now_ns(), is_paused);
                locked(&state.shared.sent).turns += 1;
            }
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Sends nothing from now on; measurements of this time are lost.
    pub fn pause(&self) {
        locked(&self.shared.control).is_paused = true;
    }

    /// Sends again.
    pub fn resume(&self) {
        locked(&self.shared.control).is_paused = false;
    }

    /// The counts until now.
    #[must_use]
    pub fn sent(&self) -> Sent {
        locked(&self.shared.sent).clone()
    }

    /// Ends the sender and returns its counts.
    #[must_use]
    pub fn stop(mut self) -> Sent {
        self.end();
        self.sent()
    }

    fn end(&mut self) {
        locked(&self.shared.control).is_stopping = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Drop for CloudSender {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    /// Waits for the next turn; returns whether the sender is paused, `None` at the end.
    fn next(&self, wait: Duration) -> Option<bool> {
        let control = locked(&self.control);
        let waited = self.changed.wait_timeout_while(control, wait, |control| !control.is_stopping);
        let (control, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (!control.is_stopping).then_some(control.is_paused)
    }
}

/// The thread's state.
struct SenderState {
    state: Arc<Mutex<State>>,
    how: SenderOptions,
    shared: Arc<Shared>,
    /// The last quarter-hour of each device that was sent, or lost.
    sent_until: HashMap<Uuid, i64>,
    /// Devices that have sent a wrong value and correct it next.
    correcting: HashSet<Uuid>,
    /// Posts to repeat, by registration.
    connections: HashMap<Uuid, (Target, Connection)>,
    repeats: VecDeque<(CloudRegistration, Body)>,
}

impl SenderState {
    fn turn(&mut self, now_ns: i64, is_paused: bool) {
        let (registrations, accounts) = {
            let state = locked(&self.state);
            (state.registrations.clone(), state.accounts.clone())
        };
        self.connections.retain(|id, _| registrations.iter().any(|it| it.id == *id));
        if !is_paused {
            for (registration, body) in std::mem::take(&mut self.repeats) {
                self.post(&registration, body);
            }
        }
        for account in accounts {
            let own: Vec<_> = registrations.iter().filter(|it| it.account == account.name && it.kind != 0).collect();
            let is_registered = !own.is_empty();
            let due: Vec<_> =
                account.devices.into_iter().map(|device| self.due(device, now_ns, is_registered)).collect();
            for registration in own.into_iter().filter(|_| !is_paused) {
                self.post_all(registration, &due, now_ns);
            }
        }
    }

    /// A device and its readings of quarter-hours that are due.
    fn due(&mut self, device: CloudDevice, now_ns: i64, is_registered: bool) -> (CloudDevice, Vec<Reading>) {
        let last = now_ns.div_euclid(SLOT_NS) * SLOT_NS;
        let begins = last - i64::from(device.stored.unwrap_or(self.how.stored)) * SLOT_NS;
        if !is_registered && !self.sent_until.contains_key(&device.id) {
            return (device, Vec::new());
        }
        let until = self.sent_until.entry(device.id).or_insert(begins);
        if device.is_offline && self.how.stored_come_later {
            return (device, Vec::new());
        }
        let times = std::iter::successors(Some(*until + SLOT_NS), |time| Some(time + SLOT_NS));
        let times = times.take_while(|time| *time <= last).filter(|time| !device.is_offline && !device.loses(*time));
        let mut readings = Vec::new();
        if self.correcting.remove(&device.id) {
            readings.extend(device.corrects.map(|time| device.reading(time)));
        }
        for time in times {
            let is_wrong = device.corrects == Some(time) && self.correcting.insert(device.id);
            readings.push(if is_wrong { device.wrong_reading(time) } else { device.reading(time) });
        }
        *until = (*until).max(last);
        (device, readings)
    }

    fn post_all(&mut self, registration: &CloudRegistration, due: &[(CloudDevice, Vec<Reading>)], now_ns: i64) {
        let is_wanted = |device: &CloudDevice| registration.kind != 1 || registration.meter == Some(device.id);
        let wanted: Vec<_> = due.iter().filter(|(device, _)| is_wanted(device)).collect();
        let live_ns = now_ns - now_ns.rem_euclid(100);
        for devices in wanted.chunks(self.how.devices_per_post.max(1)) {
            let stored: Vec<Reading> = devices.iter().flat_map(|(_, stored)| stored.iter().cloned()).collect();
            let online = devices.iter().filter(|(device, _)| device.is_live && !device.is_offline);
            let live: Vec<Reading> = online.map(|(device, _)| device.reading(live_ns)).collect();
            for readings in stored.chunks(READINGS_MAX).chain(live.chunks(READINGS_MAX)) {
                self.post(registration, Body::new(0, readings.to_vec()));
            }
        }
    }

    fn post(&mut self, registration: &CloudRegistration, body: Body) {
        let target = match (&registration.username, &registration.password) {
            (Some(user), Some(password)) => Target::with_credentials(&registration.url, user, password),
            _ => Target::open(&registration.url),
        };
        let opened = || (target.clone(), Connection::new(&target));
        let known = self.connections.entry(registration.id).or_insert_with(opened);
        if known.0 != target {
            *known = opened();
        }
        let outcome = known.1.post(&body.bytes);
        let mut sent = locked(&self.shared.sent);
        sent.posts += 1;
        match outcome {
            Ok(answer) if answer.is_ok() => {
                sent.taken += 1;
                sent.readings_taken += body.readings.len() as u64;
                return;
            }
            Ok(answer) => {
                sent.refused += 1;
                sent.trouble = Some(format!("answered {}", answer.status));
            }
            Err(error) => {
                sent.unanswered += 1;
                sent.trouble = Some(error.to_string());
            }
        }
        drop(sent);
        if self.how.repeats {
            self.repeats.push_back((registration.clone(), body));
            if self.repeats.len() > REPEATS_MAX {
                self.repeats.pop_front();
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
