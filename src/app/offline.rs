//! The control commands, through a running service where there is one. Without one the
//! same verbs, under the data directory's lock.

use super::replay;
use super::sinks;
use crate::clock::Clock;
use crate::config::Config;
use crate::control::{Answer, Command, Replay, ReplayEstimate, ask, is_served};
use crate::dead_letters::{DeadLetters, LetterId, Settlement};
use crate::deliver::rewind_stored;
use crate::journal::{Journal, inspect};

/// Carries a command out: through the running service where there is one, else here,
/// under the lock. One sentence a line.
///
/// # Errors
/// A sentence: what stands in the way.
pub fn command(config: &Config, command: Command) -> Result<Vec<String>, String> {
    if let Some(answer) = answer_of_the_service(config, &command)? {
        return match answer {
            Answer::Done { lines } => Ok(lines),
            Answer::Refused { why } => Err(why),
            Answer::Data { data } => Ok(vec![data.to_string()]),
        };
    }
    match command {
        Command::Replay(asked) => replay_stored(config, &asked),
        Command::Drop { letter } => drop_letter(config, LetterId(letter)),
        Command::Resubmit { .. } => {
            Err("re-submitting goes through ingest: start the service with `meterline run` first".to_owned())
        }
        Command::EstimateReplay(_) | Command::Source { .. } | Command::Status => {
            Err("no service is running in this data directory".to_owned())
        }
    }
}

/// What a replay would send, by sink. Changes nothing, with or without a running service.
///
/// # Errors
/// A sentence: what stands in the way.
pub fn estimate_replay(config: &Config, asked: Replay) -> Result<Vec<ReplayEstimate>, String> {
    match answer_of_the_service(config, &Command::EstimateReplay(asked.clone()))? {
        Some(Answer::Data { data }) => serde_json::from_value(data).map_err(|error| error.to_string()),
        Some(Answer::Refused { why }) => Err(why),
        Some(Answer::Done { .. }) => Err("the running service did not say what it would send".to_owned()),
        None => estimate_stored(config, &asked),
    }
}

/// `None` where no service runs, but one has run here.
fn answer_of_the_service(config: &Config, command: &Command) -> Result<Option<Answer>, String> {
    if is_served(&config.data_directory) {
        return ask(&config.data_directory, command).map(Some).map_err(|error| error.to_string());
    }
    if config.journal_directory().is_dir() {
        return Ok(None);
    }
    Err(format!(
        "{} holds no journal: is this the data directory of a service that has run?",
        config.data_directory.display()
    ))
}

/// Stores lower cursors; the pumps begin there at the next start.
fn replay_stored(config: &Config, asked: &Replay) -> Result<Vec<String>, String> {
    let clock = Clock::system();
    let (journal, _) = Journal::open(super::journal::options(config, &clock)).map_err(|error| error.to_string())?;
    let rewind = replay::rewind(journal.view(), &clock, asked)?;
    let wanted = |name: &String| replay::is_wanted(name, asked.sink.as_deref());
    let mut lines = Vec::new();
    for (name, _) in journal.cursors().list().into_iter().filter(|(name, _)| wanted(name)) {
        let rewound = rewind_stored(&journal, &name, &rewind, clock.now()).map_err(|error| error.to_string())?;
        lines.push(match rewound {
            Some(rewound) => format!("{name}: will send again from record {} at the next start", rewound.from),
            None => format!("{name}: has not come that far yet"),
        });
    }
    if lines.is_empty() {
        return Err(NO_SINK.to_owned());
    }
    lines.extend(replay::remarks(journal.view(), &rewind));
    journal.close();
    Ok(lines)
}

/// By what the stored cursors say; nothing was measured.
fn estimate_stored(config: &Config, asked: &Replay) -> Result<Vec<ReplayEstimate>, String> {
    let journal = inspect::open(&config.journal_directory()).map_err(|error| error.to_string())?;
    let rewind = replay::rewind(journal.view(), &Clock::system(), asked)?;
    let wanted = journal.cursors().into_iter().filter(|(name, _)| replay::is_wanted(name, asked.sink.as_deref()));
    let sinks = wanted.map(|(name, cursor)| {
        // With a damaged file the sink starts at the oldest record.
        let safe = cursor.map_or_else(|| journal.view().oldest(), |cursor| cursor.position.next);
        replay::Candidate { name, safe, readings_per_second: None }
    });
    let estimates = replay::estimate(journal.view(), &rewind, &sinks::current_rules(config), sinks)?;
    if estimates.is_empty() { Err(NO_SINK.to_owned()) } else { Ok(estimates) }
}

const NO_SINK: &str = "there is no such sink in this data directory; `meterline journal` shows the cursors";

fn drop_letter(config: &Config, id: LetterId) -> Result<Vec<String>, String> {
    let letters =
        DeadLetters::open(config.dead_letters_directory(), Clock::system()).map_err(|error| error.to_string())?;
    letters.settle(id, Settlement::Dropped).map_err(|error| error.to_string())?;
    letters.close();
    Ok(vec![format!("letter {id} is dropped")])
}

/// Removes the cursor of a sink that is configured no more.
///
/// # Errors
/// A sentence: what stands in the way.
pub fn forget_cursor(config: &Config, name: &str) -> Result<String, String> {
    if sinks::names(config).contains(&name) {
        return Err(format!("{name} is configured: take it out of the configuration first"));
    }
    let (journal, _) =
        Journal::open(super::journal::options(config, &Clock::system())).map_err(|error| error.to_string())?;
    let was_there = journal.cursors().forget(name).map_err(|error| error.to_string())?;
    journal.close();
    if was_there {
        Ok(format!("{name} is forgotten"))
    } else {
        Err(format!("there is no cursor called {name}; `meterline journal` shows those there are"))
    }
}
