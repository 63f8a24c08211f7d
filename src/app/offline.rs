//! Carries out the control commands: through the running service, or without one under
//! the data directory's lock.

use super::data::check_data;
use super::live::Live;
use super::replay;
use super::sinks;
use crate::clock::Clock;
use crate::config::Config;
use crate::contexts::Contexts;
use crate::control::{Answer, Command, Replay, ReplayEstimate, ask, is_served, not_served};
use crate::dead_letters::{DeadLetterError, DeadLetters, LetterId, Settlement};
use crate::deliver::rewind_stored;
use crate::journal::{Journal, inspect};

/// Carries out a command: in the running service, or without one in this process under the
/// lock. Returns one message per line.
///
/// # Errors
/// A message with the reason and the remedy.
pub fn command(config: &Config, command: Command) -> Result<Vec<String>, String> {
    if let Some(answer) = service_answer(config, &command)? {
        return match answer {
            Answer::Done { lines } => Ok(lines),
            Answer::Refused { why } => Err(why),
            Answer::Data { data } => Ok(vec![data.to_string()]),
        };
    }
    match command {
        Command::Replay(request) => replay_stored(config, &request),
        Command::Drop { letter } => drop_letter(config, LetterId(letter)),
        Command::Resubmit { .. } => {
            Err("the service is not running, but re-submit needs it; start it with `meterline run`".to_owned())
        }
        Command::EstimateReplay(_) | Command::Source { .. } | Command::Status | Command::Reload { .. } => {
            Err(not_served(&config.data_directory))
        }
    }
}

/// Estimates a replay for each sink. Changes nothing, with or without a running service.
///
/// # Errors
/// A message with the reason and the remedy.
pub fn estimate_replay(config: &Config, request: Replay) -> Result<Vec<ReplayEstimate>, String> {
    match service_answer(config, &Command::EstimateReplay(request.clone()))? {
        Some(answer) => serde_json::from_value(answer.data()?).map_err(|error| error.to_string()),
        None => estimate_stored(config, &request),
    }
}

/// Returns the service's answer; `None` if no service runs. A directory without a journal is
/// an error.
fn service_answer(config: &Config, command: &Command) -> Result<Option<Answer>, String> {
    check_data(config)?;
    if is_served(&config.data_directory) {
        return ask(&config.data_directory, command).map(Some).map_err(|error| error.to_string());
    }
    Ok(None)
}

/// Stores lower cursors, at which the pumps begin at the next start.
fn replay_stored(config: &Config, request: &Replay) -> Result<Vec<String>, String> {
    let clock = Clock::system();
    let (journal, _) = Journal::open(super::journal::options(config, &clock)).map_err(|error| error.to_string())?;
    let rewind = replay::rewind(journal.view(), &sinks::Store::of(config), &clock, request)?;
    let is_selected = |name: &String| replay::is_selected(name, request.sink.as_deref());
    let mut lines = Vec::new();
    for (name, _) in journal.cursors().list().into_iter().filter(|(name, _)| is_selected(name)) {
        let rewound = rewind_stored(&journal, &name, &rewind, clock.now()).map_err(|error| error.to_string())?;
        lines.push(match rewound {
            Some(rewound) => format!("{name}: will replay from record {} at the next start", rewound.from),
            None => replay::not_reached(&name),
        });
    }
    if lines.is_empty() {
        return Err(NO_SINK.to_owned());
    }
    lines.extend(replay::notes(journal.view(), &rewind));
    journal.close();
    Ok(lines)
}

/// Estimates from the stored cursors; the sinks' speeds are unknown.
fn estimate_stored(config: &Config, request: &Replay) -> Result<Vec<ReplayEstimate>, String> {
    let journal = inspect::open(&config.journal_directory()).map_err(|error| error.to_string())?;
    let rewind = replay::rewind(journal.view(), &sinks::Store::of(config), &Clock::system(), request)?;
    let selected = journal.cursors().into_iter().filter(|(name, _)| replay::is_selected(name, request.sink.as_deref()));
    let sinks = selected.map(|(name, cursor)| {
        // With a damaged cursor file the sink starts at the oldest record.
        let safe = cursor.map_or_else(|| journal.view().oldest(), |cursor| cursor.position.next);
        replay::Candidate { name, safe, readings_per_second: None }
    });
    let live = Live::new(config, Contexts::of(&config.data_directory));
    let estimates = replay::estimate(journal.view(), &rewind, (&live.rules, &live.redecode()), sinks)?;
    if estimates.is_empty() { Err(NO_SINK.to_owned()) } else { Ok(estimates) }
}

const NO_SINK: &str = "no such sink in this data directory; `meterline journal` lists the sinks' cursors";

fn drop_letter(config: &Config, id: LetterId) -> Result<Vec<String>, String> {
    if !config.dead_letters_directory().is_dir() {
        return Err(DeadLetterError::Unknown(id).to_string());
    }
    let letters =
        DeadLetters::open(config.dead_letters_directory(), Clock::system()).map_err(|error| error.to_string())?;
    letters.settle(id, Settlement::Dropped).map_err(|error| error.to_string())?;
    letters.close();
    Ok(vec![format!("letter {id} is dropped")])
}

/// Removes the cursor of a sink that is no longer configured.
///
/// # Errors
/// A message with the reason and the remedy.
pub fn forget_cursor(config: &Config, name: &str) -> Result<String, String> {
    check_data(config)?;
    if sinks::names(config).contains(&name) {
        return Err(format!("{name} is configured; remove it from the configuration first"));
    }
    let (journal, _) =
        Journal::open(super::journal::options(config, &Clock::system())).map_err(|error| error.to_string())?;
    let was_there = journal.cursors().forget(name).map_err(|error| error.to_string())?;
    journal.close();
    if was_there {
        Ok(format!("the undelivered records of {name} are forgotten"))
    } else {
        Err(format!("no cursor is called {name}; `meterline journal` lists the cursors"))
    }
}
