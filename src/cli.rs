//! The command line: it parses arguments, calls other modules and prints results.
//!
//! Results go to standard output (with `--json` in a stable form for scripts),
//! everything else to standard error. With `--json` a failure without a result is also an
//! object `{"error": ...}` on standard output. Exit codes: 0 success, 1 failure, 2 wrong
//! usage, 3 error in the configuration or in a file that it names.

mod check;
mod configuration;
mod dead_letters;
mod decode;
#[cfg(feature = "demo")]
mod demo;
mod failure;
mod gaps;
mod journal;
mod location;
mod meters;
mod migrate;
mod probe;
mod records;
mod replay;
mod run;
mod shown;
mod smart_me;
mod sources;
#[cfg(feature = "sqlite")]
mod store;
mod store_reader;
mod table;

pub use failure::Failure;

use crate::app::telemetry;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use serde_json::json;
use std::process::ExitCode;

/// The arguments of the program.
#[derive(Debug, Parser)]
#[command(
    name = "meterline",
    version,
    about = "Takes smart-meter data in and never loses it.",
    long_about = "Takes smart-meter data in and never loses it.\n\n\
        smart-me posts readings to its webhook. meterline answers when a reading is safe on disk, and\n\
        delivers every sample to QuestDB and Kafka. Without a configuration it delivers to a SQLite file.",
    after_help = first_steps()
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// The commands. Their help texts are at their arguments.
#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunArgs),
    #[cfg(feature = "demo")]
    Demo(demo::DemoArgs),
    Check(check::CheckArgs),
    Migrate(migrate::MigrateArgs),
    Config(configuration::ConfigArgs),
    Decode(decode::DecodeArgs),
    Probe(probe::ProbeArgs),
    Meters(meters::MetersArgs),
    Journal(journal::JournalArgs),
    Gaps(gaps::GapsArgs),
    DeadLetters(dead_letters::DeadLettersArgs),
    Replay(replay::ReplayArgs),
    SmartMe(smart_me::SmartMeArgs),
    Sources(sources::SourcesArgs),
    #[cfg(feature = "sqlite")]
    Store(store::StoreArgs),
}

fn first_steps() -> String {
    let demo = if cfg!(feature = "demo") {
        "meterline demo                       try it with a simulated fleet\n  "
    } else {
        ""
    };
    format!(
        "Start here:\n  {demo}\
        meterline config --example           print a complete, commented configuration\n  \
        meterline check --config FILE        check your configuration\n  \
        meterline run --config FILE          run the service\n\n\
        Exit codes: 0 success, 1 failure, 2 wrong usage, 3 error in the configuration."
    )
}

/// Parses the command line, runs the command and returns its exit code.
pub fn main() -> ExitCode {
    let matches = Arguments::command().get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let outcome = match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        #[cfg(feature = "demo")]
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Migrate(arguments) => migrate::run(&arguments),
        Command::Config(arguments) => configuration::run(&arguments),
        Command::Decode(arguments) => decode::run(&arguments),
        Command::Probe(arguments) => probe::run(&arguments),
        Command::Meters(arguments) => meters::run(&arguments),
        Command::Journal(arguments) => journal::run(&arguments),
        Command::Gaps(arguments) => gaps::run(&arguments),
        Command::DeadLetters(arguments) => dead_letters::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::SmartMe(arguments) => smart_me::run(&arguments),
        Command::Sources(arguments) => sources::run(&arguments),
        #[cfg(feature = "sqlite")]
        Command::Store(arguments) => store::run(&arguments),
    };
    let code = match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if wants_json(&matches) && !failure.is_shown() {
                table::print_json(&json!({ "error": failure.to_string() })).ok();
            }
            telemetry::write_failure(&format!("meterline: {failure}"));
            failure.exit_code()
        }
    };
    telemetry::flush();
    code
}

/// Whether the innermost command has `--json`.
fn wants_json(matches: &ArgMatches) -> bool {
    match matches.subcommand() {
        Some((_, inner)) => wants_json(inner),
        None => matches!(matches.try_get_one("json"), Ok(Some(true))),
    }
}
