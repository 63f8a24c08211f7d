//! One measurement: a program, a load, the stores.

use crate::instructions::Instructions;
use crate::load::Load;
use crate::options::Scenario;
use crate::program::{self, Program, Running};
use meterline_compare::check::{self, Found};
use meterline_compare::clock;
use meterline_compare::fleet::{self, Lane};
use meterline_compare::generator::{self, Target};
use meterline_compare::schedule::{self, Pace};
use meterline_compare::servers::Stores;
use meterline_compare::tally::Tally;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// A look at the metrics takes a millisecond of the program's CPU time.
const POLL: Duration = Duration::from_millis(250);
const DELIVERY_LIMIT: Duration = Duration::from_secs(600);
/// Every meter of a scale check posts once within this time, before the measurement.
const FIRST_BODIES: Duration = Duration::from_secs(5);

/// The result of a measurement.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) scenario: Scenario,
    pub(crate) load: String,
    pub(crate) program: String,
    pub(crate) round: usize,
    pub(crate) tally: Tally,
    /// CPU time of the process from the first body until the stores have everything.
    pub(crate) cpu: Duration,
    /// From the first body until the stores have everything.
    pub(crate) until_stored: Duration,
    pub(crate) peak_mib: f64,
    pub(crate) instructions: Option<u64>,
    /// QuestDB and Kafka against the answers.
    pub(crate) found: Option<[Found; 2]>,
}

impl Cell {
    /// CPU-seconds for a million accepted samples.
    pub(crate) fn cpu_per_million(&self) -> f64 {
        self.cpu.as_secs_f64() / (self.tally.samples.max(1) as f64) * 1e6
    }

    /// Microseconds of CPU for an accepted body.
    pub(crate) fn cpu_us_per_body(&self) -> f64 {
        self.cpu.as_secs_f64() / (self.tally.accepted().max(1) as f64) * 1e6
    }

    /// Instructions for a sample.
    pub(crate) fn instructions_per_sample(&self) -> Option<f64> {
        self.instructions.map(|count| count as f64 / self.tally.samples.max(1) as f64)
    }
}

/// The part that all measurements share.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    pub(crate) directory: &'a Path,
    pub(crate) stores: Option<&'a Stores>,
    /// meterline's program, which makes tables and topics.
    pub(crate) meterline: &'a Path,
}

impl Bench<'_> {
    /// Measures a program with a load. `number` is different in each measurement.
    pub(crate) fn measure(&self, program: &Program, load: &Load, round: usize, number: usize) -> Result<Cell, String> {
        let directory = self.directory.join("program");
        let name = format!("compare{number}");
        let stores = self.stores.filter(|_| load.has_stores && program.stores());
        if let Some(stores) = stores {
            program::migrate(self.meterline, &directory, stores, &name)?;
        }
        let running = program.start(&directory, stores, &name)?;
        let mut lanes = fleet::lanes(load.meters, load.sizes);
        if load.is_known {
            let everyone = Pace::Open(schedule::burst(Duration::ZERO, FIRST_BODIES, lanes.len()));
            self.post(&running, load, &mut lanes, everyone)?;
            wait_until_delivered(&running, stores, &lanes)?;
        }
        let mut cell = self.posted(program, load, &running, stores, &mut lanes)?;
        cell.round = round;
        drop(running);
        if let Some(stores) = stores {
            cell.found = Some([check::questdb(stores, &name, &lanes)?, check::kafka(stores, &name, &lanes)?]);
            stores.remove(&name)?;
        }
        fs::remove_dir_all(&directory).map_err(|error| format!("cannot remove {}: {error}", directory.display()))?;
        Ok(cell)
    }

    /// The measured part.
    fn posted(
        &self,
        program: &Program,
        load: &Load,
        running: &Running,
        stores: Option<&Stores>,
        lanes: &mut Vec<Lane>,
    ) -> Result<Cell, String> {
        let instructions = Instructions::start(running.id(), self.directory);
        let (begun, cpu) = (clock::now(), running.cpu()?);
        let pace = load.pace.pace(lanes.len());
        let tally = self.post(running, load, lanes, pace)?;
        wait_until_delivered(running, stores, lanes)?;
        Ok(Cell {
            scenario: load.scenario,
            load: load.name.clone(),
            program: program.name.clone(),
            round: 0,
            tally,
            cpu: running.cpu()? - cpu,
            until_stored: begun.elapsed(),
            peak_mib: running.peak_mib(),
            instructions: instructions.and_then(Instructions::end),
            found: None,
        })
    }

    fn post(&self, running: &Running, load: &Load, lanes: &mut Vec<Lane>, pace: Pace) -> Result<Tally, String> {
        let target = Target { address: running.webhook, path: "/smart-me".to_owned() };
        generator::run(&target, load.connections, lanes, pace).map_err(|error| format!("posting failed: {error}"))
    }
}

fn wait_until_delivered(running: &Running, stores: Option<&Stores>, lanes: &[Lane]) -> Result<(), String> {
    let bodies: usize = lanes.iter().map(|lane| lane.accepted.len()).sum();
    let begun = clock::now();
    while stores.is_some() && !running.is_delivered(bodies)? {
        if begun.elapsed() > DELIVERY_LIMIT {
            return Err(format!("the stores did not get everything within {DELIVERY_LIMIT:?}"));
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}
