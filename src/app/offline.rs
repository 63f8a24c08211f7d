//! The control commands without a running service: the same verbs under the data
//! directory's lock.

use super::commands::{is_wanted, parse_time};
use crate::clock::Clock;
use crate::config::Config;
use crate::control::{Answer, Command, ask, is_served};
use crate::dead_letters::{DeadLetters, LetterId, Settlement};
use crate::journal::{Cursor, Journal};

/// Carries a command out: through the running service where there is one, else
/// here, under the lock.
///
/// # Errors
/// A sentence: what stands in the way.
pub fn command(config: &Config, command: Command) -> Result<Vec<String>, String> {
    if is_served(&config.data_directory) {
        return match ask(&config.data_directory, &command).map_err(|error| error.to_string())? {
            Answer::Done { lines } => Ok(lines),
            Answer::Refused { why } => Err(why),
            Answer::Data { data } => Ok(vec![data.to_string()]),
        };
    }
    if !config.journal_directory().is_dir() {
        return Err(format!(
            "{} holds no journal: is this the data directory of a service that has run?",
            config.data_directory.display()
        ));
    }
    match command {
        Command::Replay { source: Some(_), .. } => {
            Err("--source needs the running service: the filter lives in its pump".to_owned())
        }
        Command::Replay { sink, from, source: None } => replay(config, sink.as_deref(), &from),
        Command::Drop { letter } => drop_letter(config, LetterId(letter)),
        Command::Resubmit { .. } => {
            Err("re-submitting goes through the door: start the service with `meterline run` first".to_owned())
        }
        Command::Status => Err("no service is running in this data directory".to_owned()),
    }
}

/// Stores lower cursors; the pumps begin there at the next start.
fn replay(config: &Config, sink: Option<&str>, from: &str) -> Result<Vec<String>, String> {
    let time = parse_time(from)?;
    let clock = Clock::system();
    let (journal, _) =
        Journal::open(super::upkeep::journal_options(config, &clock)).map_err(|error| error.to_string())?;
    let first = journal.first_received_at_or_after(time).map_err(|error| error.to_string())?;
    let mut lines = Vec::new();
    for (name, cursor) in journal.cursors().list() {
        if !is_wanted(&name, sink) {
            continue;
        }
        let next = cursor.and_then(|cursor| cursor.position()).map_or(first, |position| position.next.min(first));
        let cursor = Cursor::at(name.as_str(), journal.position(next), clock.now());
        journal.cursors().store(&cursor).map_err(|error| error.to_string())?;
        lines.push(format!("{name}: will send again from record {next} at the next start"));
    }
    journal.close();
    if lines.is_empty() {
        return Err("there is no such sink in this data directory; `meterline journal` shows the cursors".to_owned());
    }
    Ok(lines)
}

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
    if super::sinks::names(config).contains(&name) {
        return Err(format!("{name} is configured: take it out of the configuration first"));
    }
    let (journal, _) =
        Journal::open(super::upkeep::journal_options(config, &Clock::system())).map_err(|error| error.to_string())?;
    let was_there = journal.cursors().forget(name).map_err(|error| error.to_string())?;
    journal.close();
    if was_there {
        Ok(format!("{name} is forgotten"))
    } else {
        Err(format!("there is no cursor called {name}; `meterline journal` shows those there are"))
    }
}
