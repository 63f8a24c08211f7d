//! The loads of each scenario.

use crate::options::{Options, Scenario};
use crate::program::Program;
use meterline_compare::fleet::Sizes;
use meterline_compare::schedule::{self, Pace};
use std::time::Duration;

/// Meters of the fleet and the time in which all of them post after a quarter-hour.
const FLEET_METERS: u32 = 100_000;
const BURST: Duration = Duration::from_secs(5);
/// The burst begins this long after the start.
const BURST_AFTER: Duration = Duration::from_secs(2);
const SCALE_METERS: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Samples a second of a scale check: what a QuestDB on the same machine takes beside everything else.
const SCALE_SAMPLES: f64 = 160_000.0;
const SAMPLES_OF_W2: f64 = 400.0;

/// Bodies to post, and what is around them.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) scenario: Scenario,
    pub(crate) name: String,
    pub(crate) meters: u32,
    pub(crate) sizes: Sizes,
    pub(crate) connections: usize,
    pub(crate) pace: Pacing,
    pub(crate) has_stores: bool,
    /// Whether every meter posts once before the measurement.
    pub(crate) is_known: bool,
}

/// How bodies follow each other; the schedule is made when the lanes are known.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pacing {
    Closed { seconds: u64, samples_max: u64 },
    Steady { per_second: f64, seconds: u64 },
    QuarterHour { per_second: f64 },
}

impl Pacing {
    pub(crate) fn pace(self, lanes: usize) -> Pace {
        match self {
            Self::Closed { seconds, samples_max } => Pace::Closed { end: Duration::from_secs(seconds), samples_max },
            Self::Steady { per_second, seconds } => {
                Pace::Open(schedule::steady(per_second, Duration::from_secs(seconds), lanes))
            }
            Self::QuarterHour { per_second } => {
                let length = BURST_AFTER + BURST + BURST_AFTER;
                let others = schedule::steady(per_second, length, lanes);
                Pace::Open(schedule::merged(others, schedule::burst(BURST_AFTER, BURST, lanes)))
            }
        }
    }
}

impl Load {
    /// The loads of a scenario.
    pub(crate) fn of(scenario: Scenario, options: &Options) -> Vec<Self> {
        match scenario {
            Scenario::Pipeline => Self::closed(scenario, options, &[32, 256], options.samples),
            Scenario::Ingest => Self::closed(scenario, options, &[256], u64::MAX),
            Scenario::Latency => Self::latency(options),
            Scenario::Fleet => vec![Self {
                meters: FLEET_METERS,
                sizes: Sizes::Mixed,
                pace: Pacing::QuarterHour { per_second: f64::from(options.rate) },
                ..Self::open("100,000 meters, a quarter-hour", scenario, options)
            }],
            Scenario::Scale => SCALE_METERS.iter().map(|&meters| Self::scale(meters, options)).collect(),
            Scenario::Away => vec![Self { has_stores: false, ..Self::open("W2, both stores away", scenario, options) }],
        }
    }

    fn closed(scenario: Scenario, options: &Options, usual: &[usize], samples_max: u64) -> Vec<Self> {
        let connections = if options.connections.is_empty() { usual } else { &options.connections };
        let pairs = options.bodies.iter().flat_map(|bodies| connections.iter().map(move |count| (bodies, count)));
        pairs
            .map(|(bodies, &connections)| Self {
                scenario,
                name: format!("{}, {connections} connections", bodies.name()),
                meters: u32::from(bodies.meters()) * u32::try_from(connections).unwrap_or(1),
                sizes: Sizes::Same(bodies.meters()),
                connections,
                pace: Pacing::Closed { seconds: options.seconds, samples_max },
                has_stores: scenario == Scenario::Pipeline,
                is_known: false,
            })
            .collect()
    }

    fn latency(options: &Options) -> Vec<Self> {
        let usual = [1, 8, 32, 256, 1_024];
        let connections = if options.connections.is_empty() { &usual[..] } else { &options.connections };
        let (per_second, seconds) = (f64::from(options.rate), options.seconds);
        let both = [Pacing::Closed { seconds, samples_max: u64::MAX }, Pacing::Steady { per_second, seconds }];
        let loads = connections.iter().flat_map(|&connections| both.map(|pace| (connections, pace)));
        loads
            .map(|(connections, pace)| {
                let how = if matches!(pace, Pacing::Closed { .. }) { "closed" } else { "open" };
                Self {
                    scenario: Scenario::Latency,
                    name: format!("W1, {connections} connections, {how}"),
                    meters: 1_024,
                    sizes: Sizes::Same(1),
                    connections,
                    pace,
                    has_stores: false,
                    is_known: false,
                }
            })
            .collect()
    }

    fn scale(meters: u32, options: &Options) -> Self {
        Self {
            meters,
            is_known: true,
            pace: Pacing::Steady { per_second: SCALE_SAMPLES / SAMPLES_OF_W2, seconds: options.seconds },
            ..Self::open(&format!("W2, {meters} meters"), Scenario::Scale, options)
        }
    }

    /// W2 at the given rate, over 256 connections or as many as are wanted.
    fn open(name: &str, scenario: Scenario, options: &Options) -> Self {
        Self {
            scenario,
            name: name.to_owned(),
            meters: 12_800,
            sizes: Sizes::Same(50),
            connections: options.connections.first().copied().unwrap_or(256),
            pace: Pacing::Steady { per_second: f64::from(options.rate), seconds: options.seconds },
            has_stores: true,
            is_known: false,
        }
    }

    /// Measurements of each program: half of them where a comparison is not the purpose.
    pub(crate) fn rounds(&self, wanted: usize) -> usize {
        match self.scenario {
            Scenario::Pipeline | Scenario::Ingest => wanted,
            Scenario::Latency | Scenario::Fleet | Scenario::Scale | Scenario::Away => wanted.div_ceil(2),
        }
    }

    /// Whether the program is measured with this load, if it is not chosen by name.
    pub(crate) fn suits(&self, program: &Program) -> bool {
        match self.scenario {
            Scenario::Pipeline => true,
            Scenario::Ingest => program.can_run_without_stores() && !program.is_variant(),
            Scenario::Fleet => program.stores() && !program.is_variant(),
            Scenario::Latency | Scenario::Scale | Scenario::Away => program.is_meterline() && !program.is_variant(),
        }
    }
}
