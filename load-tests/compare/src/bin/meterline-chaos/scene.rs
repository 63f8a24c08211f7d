//! A run while things break: the load, each fault and its end.

use crate::plan::{AT_RANDOM, Fault, How, Server, Volume};
use crate::proxy::{Mode, Proxy};
use crate::service::Service;
use crate::trace::{self, Attached};
use crate::volume::Mounted;
use meterline_compare::fleet::{self, Lane, Sizes};
use meterline_compare::generator::{self, Target};
use meterline_compare::schedule::{Control, Pace};
use meterline_compare::servers::Stores;
use meterline_compare::{body, clock};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Meters, and meters of a body. Every lane has one connection, so the bodies of a meter follow each other.
const METERS: u32 = 40;
const METERS_OF_A_BODY: u16 = 4;
const CONNECTIONS: usize = 5;
const PAUSE: Duration = Duration::from_millis(25);
/// Bytes behind the readings of one lane, so that segments fill soon.
const PADDING_BYTES: usize = 300 << 10;
/// Bodies answered between two faults.
const BODIES_BETWEEN: u64 = 20;
const BODIES_LIMIT: Duration = Duration::from_secs(90);
/// A system call that is chosen for a kill comes within this time, or the kill comes without it.
const MOMENT_LIMIT: Duration = Duration::from_secs(5);
const END_LIMIT: Duration = Duration::from_secs(30);
/// The clock is ahead by this before and after a jump, so that an hour back is not before the build.
const CLOCK_AHEAD_S: i64 = 3 * 86_400;

/// Sets the clock of the service ahead of the machine's, beside what it is always ahead.
pub(crate) fn set_clock(file: &Path, ahead_s: i64) -> Result<(), String> {
    // A reader sees the file before or after, never a part of it.
    let next = file.with_extension("next");
    fs::write(&next, (CLOCK_AHEAD_S + ahead_s).to_string())
        .and_then(|()| fs::rename(&next, file))
        .map_err(|error| format!("{} cannot be written: {error}", file.display()))
}

/// Bodies that are posted while things break.
pub(crate) struct Load {
    control: Arc<Control>,
    thread: JoinHandle<Result<(Vec<Lane>, u64), String>>,
}

impl Load {
    pub(crate) fn start(address: SocketAddr, is_padded: bool) -> Result<Self, String> {
        let mut lanes = fleet::lanes(METERS, Sizes::Same(METERS_OF_A_BODY));
        if is_padded {
            lanes.iter_mut().take(1).for_each(|lane| lane.padding = body::padding(PADDING_BYTES));
        }
        let control = Arc::new(Control::default());
        let pace = Pace::Until { control: Arc::clone(&control), pause: PAUSE };
        let target = Target { address, path: "/smart-me".to_owned() };
        let thread = thread::spawn(move || {
            let tally = generator::run(&target, CONNECTIONS, &mut lanes, pace).map_err(|error| error.to_string())?;
            Ok((lanes, tally.not_accepted()))
        });
        Ok(Self { control, thread })
    }

    /// Ends it. Returns the meters with their times, and the number of bodies that were not accepted.
    pub(crate) fn stop(self) -> Result<(Vec<Lane>, u64), String> {
        self.control.stop();
        self.thread.join().map_err(|_| "the load ended early".to_owned())?
    }
}

/// A run, while things break. In the block of the disk the first volume is the journal's, the last one the store's.
pub(crate) struct Scene<'a, 'b> {
    pub(crate) stores: &'a mut Stores,
    pub(crate) proxies: &'a [Proxy; 2],
    pub(crate) service: Service<'b>,
    pub(crate) load: &'a Load,
    pub(crate) volumes: &'a [Mounted],
    pub(crate) clock_file: PathBuf,
    /// How often each fault was there.
    pub(crate) tried: BTreeMap<String, u64>,
}

impl Scene<'_, '_> {
    /// Waits until some bodies were answered.
    pub(crate) fn wait_for_bodies(&self) -> Result<(), String> {
        let (begun, wanted) = (clock::now(), self.load.control.accepted() + BODIES_BETWEEN);
        while self.load.control.accepted() < wanted {
            if begun.elapsed() > BODIES_LIMIT || self.load.thread.is_finished() {
                return Err(format!(
                    "bodies are not accepted again within {BODIES_LIMIT:?}{}",
                    self.service.last_lines()
                ));
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Breaks one thing, and mends it.
    pub(crate) fn apply(&mut self, fault: &Fault) -> Result<(), String> {
        self.wait_for_bodies()?;
        let mut name = fault.to_string();
        match *fault {
            Fault::Kill { after } => {
                thread::sleep(after);
                self.kill_and_start()?;
            }
            Fault::KillAt { calls, when, .. } => {
                if !self.kill_at(calls, when)? {
                    AT_RANDOM.clone_into(&mut name);
                }
            }
            Fault::KillInStart { calls, when, .. } => {
                if !self.kill_in_start(calls, when)? {
                    AT_RANDOM.clone_into(&mut name);
                }
            }
            Fault::Calls { rule, length, .. } => {
                let attached = Attached::to(self.service.id()?, rule, &self.service.trace_log())?;
                thread::sleep(length);
                attached.detach()?;
            }
            Fault::Full { volume, length } => {
                let (first, last) = (self.volumes.first(), self.volumes.last());
                let volume = if volume == Volume::Journal { first } else { last }.ok_or("there is no volume")?;
                volume.fill()?;
                thread::sleep(length);
                volume.empty()?;
            }
            Fault::Server { server, how, length } => self.break_server(server, how, length)?,
            Fault::StoreLocked { length } => self.lock_store(length)?,
            Fault::StoreDeleted => self.delete_store()?,
            Fault::Clock { ahead_s, length } => {
                for ahead_s in [ahead_s, 0] {
                    let jumps = self.service.clock_jumps()?;
                    set_clock(&self.clock_file, ahead_s)?;
                    self.service.wait_for_jump(jumps)?;
                    thread::sleep(length);
                }
            }
            Fault::Dies => {
                if !self.service.ends_within(BODIES_LIMIT) {
                    return Err("the service does not die: is it a build with test-faults?".to_owned());
                }
                self.service.use_no_switches();
                self.service.start_well()?;
            }
        }
        *self.tried.entry(name).or_default() += 1;
        Ok(())
    }

    fn kill_and_start(&mut self) -> Result<(), String> {
        self.service.kill();
        self.service.start_well()
    }

    /// Returns whether the moment came.
    fn kill_at(&mut self, calls: &str, when: u32) -> Result<bool, String> {
        let rule = trace::kill_at(calls, when);
        let attached = Attached::to(self.service.id()?, &rule, &self.service.trace_log())?;
        let came = self.service.ends_within(MOMENT_LIMIT);
        self.kill_and_start()?;
        drop(attached);
        Ok(came)
    }

    fn kill_in_start(&mut self, calls: &str, when: u32) -> Result<bool, String> {
        self.service.kill();
        self.service.start(Some(&trace::kill_at(calls, when)))?;
        let came = !self.service.wait_until_ready()?;
        self.kill_and_start()?;
        Ok(came)
    }

    fn break_server(&mut self, server: Server, how: How, length: Duration) -> Result<(), String> {
        let at = if server == Server::QuestDb { 0 } else { 1 };
        let mode = |mode| self.proxies[at].set(mode);
        let of_server = &mut self.stores.servers[at];
        match how {
            How::Slow | How::AnswersLost => {
                mode(if how == How::Slow { Mode::Slow } else { Mode::LoseAnswers });
                thread::sleep(length);
                mode(Mode::Pass);
            }
            How::Paused => {
                let process = of_server.process().ok_or("the server does not run")?;
                process.signal(Signal::STOP)?;
                thread::sleep(length);
                process.signal(Signal::CONT)?;
            }
            How::Stopped | How::Killed => {
                let process = of_server.process().ok_or("the server does not run")?;
                if how == How::Stopped {
                    process.signal(Signal::TERM)?;
                    let begun = clock::now();
                    while process.is_running() && begun.elapsed() < END_LIMIT {
                        thread::sleep(PAUSE);
                    }
                }
                of_server.kill();
                thread::sleep(length);
                of_server.start()?;
                self.stores.wait_until_they_answer()?;
            }
        }
        Ok(())
    }

    fn lock_store(&self, length: Duration) -> Result<(), String> {
        let failed = |error: rusqlite::Error| format!("the embedded store cannot be locked: {error}");
        let store = rusqlite::Connection::open(self.service.store()).map_err(failed)?;
        store.busy_timeout(END_LIMIT).map_err(failed)?;
        store.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
        thread::sleep(length);
        store.execute_batch("ROLLBACK").map_err(failed)
    }

    fn delete_store(&self) -> Result<(), String> {
        for end in ["", "-wal", "-shm"] {
            let mut file = self.service.store().into_os_string();
            file.push(end);
            match fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(format!("{} cannot be deleted: {error}", Path::new(&file).display()));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
