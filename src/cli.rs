//! The command line: it parses arguments, calls other modules and prints results.
//!
//! Results go to standard output (with `--json` in a stable form for scripts),
//! everything else to standard error. With `--json` a failure without a result, wrong usage
//! included, is also an object `{"error": ...}` on standard output. Exit codes: 0 success,
//! 1 failure, 2 wrong usage, 3 error in the configuration or in a file that it names.

mod check;
mod configuration;
mod csv;
mod dead_letters;
mod decode;
#[cfg(feature = "demo")]
mod demo;
mod export;
mod failure;
mod gaps;
mod generated;
mod health;
mod journal;
mod location;
mod meters;
mod migrate;
mod probe;
mod progress;
mod query;
mod records;
mod reload;
mod replay;
mod run;
mod shown;
mod smart_me;
mod sources;
#[cfg(feature = "sqlite")]
mod store;
mod table;
mod top;
mod verbosity;

pub use failure::Failure;

use crate::app::telemetry;
use crate::base::build;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use serde_json::json;
use std::process::ExitCode;
use std::sync::LazyLock;
use verbosity::Verbosity;

/// The text of `--version`.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{}\ncommit:   {}\nbuilt:    {}\nfeatures: {}",
        build::VERSION,
        build::COMMIT,
        build::time(),
        build::FEATURES
    )
});

/// The arguments of the program.
#[derive(Debug, Parser)]
#[command(
    name = "meterline",
    version,
    long_version = VERSION.as_str(),
    about = "Takes smart-meter data in and never loses it.",
    long_about = "Takes smart-meter data in and never loses it.\n\n\
        smart-me posts readings to its webhook. meterline answers when a reading is safe on disk, and\n\
        delivers every sample to QuestDB and Kafka. Without a configuration it delivers to a SQLite file.",
    after_help = first_steps()
)]
struct Arguments {
    #[command(flatten)]
    verbosity: Verbosity,
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
    Query(query::QueryArgs),
    Export(export::ExportArgs),
    Journal(journal::JournalArgs),
    Gaps(gaps::GapsArgs),
    DeadLetters(dead_letters::DeadLettersArgs),
    Reload(reload::ReloadArgs),
    Replay(replay::ReplayArgs),
    SmartMe(smart_me::SmartMeArgs),
    Sources(sources::SourcesArgs),
    Health(health::HealthArgs),
    Top(top::TopArgs),
    #[cfg(feature = "sqlite")]
    Store(store::StoreArgs),
    Completions(generated::CompletionsArgs),
    Man(generated::ManArgs),
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

/// Returns the commands with their options, as completions and pages are made from it.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Parses the command line, runs the command and returns its exit code.
pub fn main() -> ExitCode {
    let parsed = command().try_get_matches().and_then(|matches| {
        let arguments = Arguments::from_arg_matches(&matches)?;
        Ok((matches, arguments))
    });
    let (matches, arguments) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return not_parsed(&error),
    };
    let code = match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if wants_json(&matches) && !failure.is_shown() {
                table::print_json(&json!({ "error": failure.to_string() })).ok();
            }
            telemetry::write_failure(&table::harmless(&format!("meterline: {failure}")));
            failure.exit_code()
        }
    };
    telemetry::flush();
    code
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { verbosity, command } = arguments;
    if verbosity.is_verbose() && !command.is_service() {
        telemetry::install(verbosity.level(tracing::Level::WARN), telemetry::Format::Text)?;
    }
    match command {
        Command::Run(arguments) => run::run(&arguments, verbosity),
        #[cfg(feature = "demo")]
        Command::Demo(arguments) => demo::run(&arguments, verbosity),
        Command::Check(arguments) => check::run(&arguments),
        Command::Migrate(arguments) => migrate::run(&arguments, verbosity),
        Command::Config(arguments) => configuration::run(&arguments),
        Command::Decode(arguments) => decode::run(&arguments),
        Command::Probe(arguments) => probe::run(&arguments),
        Command::Meters(arguments) => meters::run(&arguments),
        Command::Query(arguments) => query::run(&arguments),
        Command::Export(arguments) => export::run(&arguments, verbosity),
        Command::Journal(arguments) => journal::run(&arguments),
        Command::Gaps(arguments) => gaps::run(&arguments),
        Command::DeadLetters(arguments) => dead_letters::run(&arguments),
        Command::Reload(arguments) => reload::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments, verbosity),
        Command::SmartMe(arguments) => smart_me::run(&arguments),
        Command::Sources(arguments) => sources::run(&arguments),
        Command::Health(arguments) => health::run(&arguments),
        Command::Top(arguments) => top::run(&arguments),
        #[cfg(feature = "sqlite")]
        Command::Store(arguments) => store::run(&arguments),
        Command::Completions(arguments) => generated::completions(&arguments, self::command()),
        Command::Man(arguments) => generated::man(&arguments, self::command()),
    }
}

impl Command {
    /// Whether it runs the service, which has log levels of its own.
    fn is_service(&self) -> bool {
        match self {
            Self::Run(_) => true,
            #[cfg(feature = "demo")]
            Self::Demo(_) => true,
            _ => false,
        }
    }
}

/// Prints help, the version, or the reason why the arguments are wrong. Output that cannot be
/// written is no further failure.
fn not_parsed(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        error.print().ok();
        return ExitCode::SUCCESS;
    }
    if std::env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        let why = text.split("\n\n").next().unwrap_or(&text).trim_start_matches("error: ").trim();
        table::print_json(&json!({ "error": why })).ok();
    }
    error.print().ok();
    ExitCode::from(2)
}

/// Whether the innermost command has `--json`.
fn wants_json(matches: &ArgMatches) -> bool {
    match matches.subcommand() {
        Some((_, inner)) => wants_json(inner),
        None => matches!(matches.try_get_one("json"), Ok(Some(true))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Commands in `sh` blocks and in backticks. A capital word is to be replaced.
    fn commands(page: &str) -> Vec<&str> {
        let lines = page.lines().filter(|line| line.starts_with("meterline "));
        let quoted = page.split('`').skip(1).step_by(2).filter(|text| text.starts_with("meterline "));
        lines.chain(quoted).collect()
    }

    #[test]
    fn every_command_of_the_runbook_is_valid() {
        // Fences would shift the pairs of backticks.
        let page = include_str!("../docs/runbook.md").replace("```", "");
        let commands = commands(&page);
        assert!(commands.len() > 40, "{commands:?}");
        for command in commands {
            let words = command.replace("TIME", "2026-11-22T00:00:00Z");
            let parsed = Arguments::try_parse_from(words.split_whitespace());
            assert!(parsed.is_ok(), "docs/runbook.md: `{command}`: {}", parsed.unwrap_err());
        }
    }
}
