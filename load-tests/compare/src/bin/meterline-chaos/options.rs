//! The command line.

use clap::{Parser, ValueEnum};
use std::fmt;
use std::path::PathBuf;

/// Breaks meterline and what is around it on purpose, and compares the stores with the answers
///
/// Starts a QuestDB, a Kafka and meterline, posts bodies through the webhook, and breaks one thing after the other as
/// a seed says. At the end each store must have every sample that was answered with 200, and no other. Prints one line
/// for each seed and a table. Ends with 1 if a sample was lost, invented, visible twice in a table, or behind a later
/// one of its meter in Kafka; with 2 if the command line is wrong.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "meterline-chaos",
    after_help = "Blocks:\n  \
    kill     SIGKILL at random, at chosen system calls under load, and while a start recovers\n  \
    disk     the volume full, read-only, failing, with a sync of 2 s; journal and store on two volumes\n  \
    servers  Kafka and QuestDB stopped, killed, paused, slow, answers lost after the commit; SQLite locked, deleted\n  \
    clock    the clock jumps by an hour, a day, two years, both ways (a build with test-faults)\n\n\
    Examples, after `cargo build --workspace --features meterline/test-faults`:\n  \
    target/debug/meterline-chaos --block kill --seed 17         # one seed again\n  \
    target/debug/meterline-chaos --block kill --runs 40         # the next 40 seeds of the file of seeds\n  \
    unshare -rm target/debug/meterline-chaos --minutes 30       # every block in turn; volumes need `unshare -rm`\n  \
    target/debug/meterline-chaos --prove                        # broken services, each of which must be found\n  \
    ./test long chaos --block servers                           # builds a release and writes docs/reliability.md\n\n\
    The words: lost = answered with 200 and not in the store; invented = in the store and never answered; duplicated = \
    visible twice (in Kafka the same reading twice, which is allowed); reordered = in Kafka behind a later reading of \
    its meter."
)]
pub(crate) struct Options {
    /// Blocks to run, with commas between them; all in turn without it
    #[arg(long = "block", value_enum, value_delimiter = ',')]
    pub(crate) blocks: Vec<Block>,
    /// Seeds to run again, with commas between them; without it the next ones of the file of seeds
    #[arg(long = "seed", value_delimiter = ',', requires = "blocks")]
    pub(crate) seeds: Vec<u64>,
    /// Number of new seeds for each block; without it as many as the time allows
    #[arg(long, conflicts_with = "seeds")]
    pub(crate) runs: Option<u64>,
    /// No seed begins after this time
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=40))]
    pub(crate) minutes: u64,
    /// Break the service on purpose in each way, and fail unless the check of the stores finds it (needs a build with test-faults)
    #[arg(long, conflicts_with_all = ["blocks", "seeds", "runs"])]
    pub(crate) prove: bool,
    /// One chosen seed of each block, and --prove: two minutes
    #[arg(long, conflicts_with_all = ["blocks", "seeds", "runs", "prove"])]
    pub(crate) brief: bool,
    /// meterline's program; the one beside this program without it
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) meterline: Option<PathBuf>,
    /// meterline's program for the block `clock` and for --prove, built with test-faults; else the same one
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) test_build: Option<PathBuf>,
    /// The file of seeds; new ones are added to it
    #[arg(long, value_name = "FILE")]
    pub(crate) book: Option<PathBuf>,
    /// Also put the tables of the file of seeds into this page, between its lines `<!-- chaos -->` and `<!-- end of chaos -->`
    #[arg(long, value_name = "FILE")]
    pub(crate) page: Option<PathBuf>,
    /// Where the data of meterline and the servers is kept; emptied before, and after a run without a fault
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) data: Option<PathBuf>,
    /// Print every seed as a line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl Options {
    /// Whether the seeds are new ones, which the file of seeds gets.
    pub(crate) fn are_new(&self) -> bool {
        self.seeds.is_empty() && !self.brief
    }
}

/// A kind of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub(crate) enum Block {
    /// SIGKILL
    Kill,
    /// The disk of meterline
    Disk,
    /// Kafka, QuestDB and the file of SQLite
    Servers,
    /// The wall clock
    Clock,
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "kill",
            Self::Disk => "disk",
            Self::Servers => "servers",
            Self::Clock => "clock",
        })
    }
}
