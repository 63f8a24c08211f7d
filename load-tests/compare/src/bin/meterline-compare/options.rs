//! The command line.

use clap::{Parser, ValueEnum};
use std::path::PathBuf;

/// Measures meterline beside an endpoint that stores nothing and two services written by hand
///
/// Starts a QuestDB, a Kafka and one program after the other, posts bodies, waits until both stores have
/// everything, and compares the stores with the answers. The programs take turns in each round; the tables
/// have medians and, in brackets, the lowest and the highest round.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "meterline-compare",
    after_help = "Programs:\n  \
    null             reads the body, stores nothing (hyper)\n  \
    at-once          by hand: axum, prost, rdkafka, questdb-rs; answers at once, loses its queue when killed\n  \
    after-sinks      the same, but answers after both stores have the body\n  \
    meterline        this tree, default configuration\n  \
    meterline-plain  the same without compression towards Kafka\n  \
    meterline-transactional  the same with transactions in Kafka\n  \
    baseline, baseline-plain  the same two of --baseline PROGRAM\n\n\
    Examples, after `cargo build --release --workspace`:\n  \
    target/release/meterline-compare                       # the whole comparison\n  \
    target/release/meterline-compare pipeline --connections 256 --bodies w2 --programs null,meterline-plain\n  \
    target/release/meterline-compare ingest --baseline ../before/target/release/meterline --rounds 6\n  \
    target/release/meterline-compare scale --seconds 20 --json > scale.json\n  \
    ./test long load --rounds 2 --seconds 4                # builds, and writes docs/performance.md\n\n\
    Read ratios, not rates: the generator, the stores and the program share the processor. On a busy machine use \
    more rounds."
)]
pub(crate) struct Options {
    /// Scenarios to measure; all in this order without one
    #[arg(value_enum)]
    pub(crate) scenarios: Vec<Scenario>,
    /// Programs to measure, with commas between them; each scenario has those that make sense in it
    #[arg(long, value_delimiter = ',')]
    pub(crate) programs: Vec<String>,
    /// Another build of meterline to compare with
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) baseline: Option<PathBuf>,
    /// meterline's program; the one beside this program without it
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) meterline: Option<PathBuf>,
    /// Measurements of each program with each load of pipeline and ingest; half as many of the other scenarios
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,
    /// Seconds of posting in a measurement
    #[arg(long, default_value_t = 5)]
    pub(crate) seconds: u64,
    /// A closed loop into the stores ends after this number of samples, since they take them slower than ingest
    #[arg(long, default_value_t = 2_000_000, value_name = "SAMPLES")]
    pub(crate) samples: u64,
    /// Numbers of connections, with commas between them; each scenario has its own without it
    #[arg(long, value_delimiter = ',')]
    pub(crate) connections: Vec<usize>,
    /// Bodies of the pipeline and ingest, with commas between them
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Bodies::W1, Bodies::W2])]
    pub(crate) bodies: Vec<Bodies>,
    /// Bodies a second of the open loops
    #[arg(long, value_name = "BODIES", default_value_t = 1_000)]
    pub(crate) rate: u32,
    /// Where the data of the programs and the stores is kept; emptied before and after
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) data: Option<PathBuf>,
    /// Also write the tables to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Also put the tables into this page, between its lines `<!-- tables -->` and `<!-- end of tables -->`
    #[arg(long, value_name = "FILE")]
    pub(crate) page: Option<PathBuf>,
    /// Print every measurement as JSON instead of the tables
    #[arg(long)]
    pub(crate) json: bool,
}

/// A scenario: a kind of load, and the programs that suit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Scenario {
    /// Closed loop into QuestDB and Kafka: CPU of a sample, memory, latencies, exact stores
    Pipeline,
    /// Closed loop with both stores away: requests a second and their CPU
    Ingest,
    /// 1 to 1,024 connections, closed and open loop, both stores away: latencies
    Latency,
    /// Open loop, 100,000 meters in bodies of 1 to 50, all of them once within 5 seconds of a quarter-hour
    Fleet,
    /// Open loop, 1,000 to 1,000,000 meters that the program knows: CPU of a sample
    Scale,
    /// Open loop of W2 with both stores away: memory
    Away,
}

/// The shape of all bodies of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bodies {
    /// One meter with 8 values
    W1,
    /// 50 meters with 8 values each
    W2,
}

impl Bodies {
    /// Meters of a body.
    pub(crate) fn meters(self) -> u16 {
        match self {
            Self::W1 => 1,
            Self::W2 => 50,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::W1 => "W1",
            Self::W2 => "W2",
        }
    }
}
