//! The commands. Everything here parses, calls and prints; what is done lies below.
//!
//! Results go to standard output (with `--json` in a stable form for scripts),
//! everything else to standard error. Exit codes: 0 done, 1 failed, 2 wrong
//! usage, 3 the configuration or what it names is at fault.

mod check;
mod configuration;
mod dead_letters;
mod decode;
#[cfg(feature = "demo")]
mod demo;
mod failure;
mod gaps;
mod journal;
mod migrate;
mod place;
mod records;
mod replay;
mod run;
mod smart_me;
mod sources;
mod table;

pub use failure::Failure;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Takes smart-meter data in and never loses it.
#[derive(Debug, Parser)]
#[command(
    name = "meterline",
    version,
    about = "Takes smart-meter data in and never loses it.",
    long_about = "Takes smart-meter data in and never loses it.\n\n\
        A smart-me webhook posts to it; it answers when the data is safe on disk, and feeds every\n\
        sample to QuestDB and Kafka, or, with nothing configured, to an embedded SQLite file.",
    after_help = start_here()
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service until it is told to stop.
    Run(run::RunArgs),
    /// See the service work: a simulated fleet posts to it.
    #[cfg(feature = "demo")]
    Demo(demo::DemoArgs),
    /// Say everything that is wrong with a configuration.
    Check(check::CheckArgs),
    /// Bring QuestDB's tables and Kafka's topic to the state the service needs.
    Migrate(migrate::MigrateArgs),
    /// Show a commented example configuration.
    Config(configuration::ConfigArgs),
    /// Show what is in a body: of a file, or of a source's records.
    Decode(decode::DecodeArgs),
    /// Look into the journal: segments, cursors, records.
    Journal(journal::JournalArgs),
    /// What is missing of the meters' readings, and what became of it.
    Gaps(gaps::GapsArgs),
    /// What could not be delivered: list, show, export, re-submit, drop.
    DeadLetters(dead_letters::DeadLettersArgs),
    /// Deliver again from a time on, by rewinding a sink.
    Replay(replay::ReplayArgs),
    /// The accounts at smart-me: log in; list, register, remove the webhook's registration.
    SmartMe(smart_me::SmartMeArgs),
    /// Show the state of every source of the running service.
    Sources(sources::SourcesArgs),
}

fn start_here() -> String {
    let demo = if cfg!(feature = "demo") {
        "meterline demo                       see it work with a simulated fleet\n  "
    } else {
        ""
    };
    format!(
        "Start here:\n  {demo}\
        meterline config --example           a complete, commented configuration\n  \
        meterline check --config FILE        what is wrong with mine, all at once\n  \
        meterline run --config FILE          run it\n\n\
        Exit codes: 0 done, 1 failed, 2 wrong usage, 3 configuration at fault."
    )
}

/// Parses the command line, carries the command out and returns the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        #[cfg(feature = "demo")]
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Migrate(arguments) => migrate::run(&arguments),
        Command::Config(arguments) => configuration::run(&arguments),
        Command::Decode(arguments) => decode::run(&arguments),
        Command::Journal(arguments) => journal::run(&arguments),
        Command::Gaps(arguments) => gaps::run(&arguments),
        Command::DeadLetters(arguments) => dead_letters::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::SmartMe(arguments) => smart_me::run(&arguments),
        Command::Sources(arguments) => sources::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("meterline: {failure}");
            failure.exit_code()
        }
    }
}
