//! The servers and the runs: load, faults one after the other, and the check of the stores.

use crate::options::Block;
use crate::plan::{self, Fault};
use crate::proxy::Proxy;
use crate::scene::{Load, Scene, set_clock};
use crate::service::{Service, Setup};
use crate::volume::Mounted;
use meterline_compare::check::{self, Found};
use meterline_compare::clock;
use meterline_compare::servers::Stores;
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

const JOURNAL_MIB: u32 = 256;
/// The embedded store leaves 64 MiB of its volume free.
const VOLUME_MIB: u32 = 224;
const JOURNAL_VOLUME_MIB: u32 = 160;
/// The result of a seed.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// How often each fault was there. A moment that did not come is in it as a kill at random.
    pub(crate) tried: BTreeMap<String, u64>,
    /// Samples answered with 200.
    pub(crate) answered: u64,
    /// Bodies that were answered otherwise or not at all.
    pub(crate) not_accepted: u64,
    /// QuestDB, Kafka, SQLite.
    pub(crate) found: [Found; 3],
    pub(crate) took: Duration,
    /// Whether samples came late by a replay, so that their order is not promised.
    pub(crate) is_out_of_order: bool,
}

impl Outcome {
    pub(crate) fn lost(&self) -> u64 {
        self.found.iter().map(|store| store.lost).sum()
    }

    pub(crate) fn invented(&self) -> u64 {
        self.found.iter().map(|store| store.invented).sum()
    }

    /// Visible twice in a table.
    pub(crate) fn duplicated(&self) -> u64 {
        self.found[0].duplicated + self.found[2].duplicated
    }

    /// Twice in Kafka.
    pub(crate) fn repeated(&self) -> u64 {
        self.found[1].duplicated
    }

    pub(crate) fn reordered(&self) -> u64 {
        if self.is_out_of_order { 0 } else { self.found[1].reordered }
    }

    pub(crate) fn is_good(&self) -> bool {
        self.lost() + self.invented() + self.duplicated() + self.reordered() == 0
    }
}

/// A run to make.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) block: Block,
    pub(crate) seed: u64,
    pub(crate) faults: Vec<Fault>,
    /// Switches of a test build.
    pub(crate) switches: String,
    /// Whether some rows of QuestDB are there twice in the end, as a table that is broken on purpose.
    pub(crate) doubles_rows: bool,
}

impl Run {
    pub(crate) fn of(block: Block, seed: u64) -> Self {
        Self { block, seed, faults: plan::faults(block, seed), switches: String::new(), doubles_rows: false }
    }
}

/// The servers, and the proxies before them.
#[derive(Debug)]
pub(crate) struct World {
    directory: PathBuf,
    meterline: PathBuf,
    /// The program with switches.
    test_build: PathBuf,
    stores: Stores,
    proxies: [Proxy; 2],
    runs: u32,
}

impl World {
    pub(crate) fn start(directory: &Path, meterline: PathBuf, test_build: PathBuf) -> Result<Self, String> {
        let ((of_questdb, to_questdb), (of_kafka, to_kafka)) = (Proxy::start()?, Proxy::start()?);
        let stores = Stores::start(directory, Some(of_kafka.port))?;
        let address = |text: &str| text.parse::<SocketAddr>().map_err(|error| format!("{text}: {error}"));
        to_questdb.lead_to(address(stores.questdb.trim_start_matches("http://"))?);
        to_kafka.lead_to(address(&stores.kafka)?);
        let directory = directory.to_owned();
        Ok(Self { directory, meterline, test_build, stores, proxies: [of_questdb, of_kafka], runs: 0 })
    }

    /// Makes a run from its first body to the check of the stores.
    pub(crate) fn run(&mut self, run: &Run) -> Result<Outcome, String> {
        let begun = clock::now();
        self.runs += 1;
        let name = format!("{}_{}_{}", run.block, run.seed, self.runs);
        let directory = self.directory.join("service");
        let volumes = volumes(run, &directory)?;
        let clock_file = self.directory.join("clock");
        let needs_switches = run.block == Block::Clock || !run.switches.is_empty();
        let meterline = if needs_switches { &self.test_build } else { &self.meterline }.clone();
        let mut service = Service::new(self.setup(run, &meterline, directory.clone(), name.clone(), &clock_file))?;
        self.stores.migrate(&meterline, &service.configuration())?;
        set_clock(&clock_file, 0)?;
        service.start_well()?;
        let load = Load::start(service.webhook(), matches!(run.block, Block::Kill | Block::Disk))?;
        let mut scene = Scene {
            stores: &mut self.stores,
            proxies: &self.proxies,
            service,
            load: &load,
            volumes: &volumes,
            clock_file,
            tried: BTreeMap::new(),
        };
        let ended = run.faults.iter().try_for_each(|fault| scene.apply(fault)).and_then(|()| scene.wait_for_bodies());
        let Scene { mut service, tried, .. } = scene;
        let (lanes, not_accepted) = load.stop()?;
        ended?;
        if run.block == Block::Clock {
            service.wait_until_delivered()?;
            service.replay()?;
        }
        service.wait_until_delivered()?;
        if run.doubles_rows {
            self.stores.execute(&format!("ALTER TABLE \"{name}\" DEDUP DISABLE"))?;
            self.stores.execute(&format!("INSERT INTO \"{name}\" SELECT * FROM \"{name}\" LIMIT 8"))?;
        }
        let found = [
            check::questdb(&self.stores, &name, &lanes)?,
            check::kafka(&self.stores, &name, &lanes)?,
            check::sqlite(&service.store(), &lanes)?,
        ];
        service.kill();
        drop(volumes);
        self.stores.remove(&name)?;
        Ok(Outcome {
            tried,
            answered: lanes.iter().map(|lane| lane.samples() * lane.accepted.len() as u64).sum(),
            not_accepted,
            found,
            took: begun.elapsed(),
            is_out_of_order: run.faults.iter().any(Fault::sets_aside),
        })
    }

    fn setup<'a>(&self, run: &Run, meterline: &'a Path, directory: PathBuf, name: String, clock: &Path) -> Setup<'a> {
        let switches = match run.block {
            Block::Clock => format!("clock-ahead-file={}", clock.display()),
            _ => run.switches.clone(),
        };
        let journal_mib = if run.block == Block::Disk { 128 } else { JOURNAL_MIB };
        let [questdb, kafka] = [0, 1].map(|at: usize| self.proxies[at].port);
        Setup { meterline, directory, questdb, kafka, name, journal_mib, switches }
    }
}

/// An empty directory of the service; in the block of the disk with the volume of the journal and then of the data.
fn volumes(run: &Run, directory: &Path) -> Result<Vec<Mounted>, String> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(format!("cannot remove {}: {error}", directory.display()));
        }
        _ => {}
    }
    if run.block != Block::Disk {
        return Ok(Vec::new());
    }
    let data = directory.join("data");
    let of_data = Mounted::at(data.clone(), VOLUME_MIB)?;
    let of_journal = plan::has_two_volumes(run.seed).then(|| Mounted::at(data.join("journal"), JOURNAL_VOLUME_MIB));
    // The inner one is unmounted first.
    Ok(of_journal.transpose()?.into_iter().chain([of_data]).collect())
}
