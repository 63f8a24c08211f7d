//! The control commands without a running service: the same verbs under the data
//! directory's lock.

use super::commands::{is_wanted, letters_stay, oldest_is, rewind};
use crate::clock::Clock;
use crate::config::Config;
use crate::control::{Answer, Command, Reread, ask, is_served};
use crate::dead_letters::{DeadLetters, LetterId, Settlement};
use crate::deliver::rewind_stored;
use crate::journal::Journal;

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
        Command::Replay { sink, from, source, reread } => {
            replay(config, sink.as_deref(), &from, source.as_deref(), reread)
        }
        Command::TakeBack { .. } => {
            Err("a replay is taken back by the running service: start it with `meterline run` first".to_owned())
        }
        Command::Drop { letter } => drop_letter(config, LetterId(letter)),
        Command::Resubmit { .. } => {
            Err("re-submitting goes through the door: start the service with `meterline run` first".to_owned())
        }
        Command::Source { .. } | Command::Status => Err("no service is running in this data directory".to_owned()),
    }
}

/// Stores lower cursors; the pumps begin there at the next start.
fn replay(
    config: &Config,
    sink: Option<&str>,
    from: &str,
    source: Option<&str>,
    reread: Reread,
) -> Result<Vec<String>, String> {
    let clock = Clock::system();
    let (journal, _) =
        Journal::open(super::upkeep::journal_options(config, &clock)).map_err(|error| error.to_string())?;
    let rewind = rewind(&journal, &clock, from, source, reread)?;
    let mut lines = Vec::new();
    for (name, _) in journal.cursors().list().into_iter().filter(|(name, _)| is_wanted(name, sink)) {
        let rewound = rewind_stored(&journal, &name, &rewind, clock.now()).map_err(|error| error.to_string())?;
        lines.push(match rewound {
            Some(rewound) => format!("{name}: will send again from record {} at the next start", rewound.from),
            None => format!("{name}: has not come that far yet"),
        });
    }
    if lines.is_empty() {
        return Err("there is no such sink in this data directory; `meterline journal` shows the cursors".to_owned());
    }
    lines.extend(oldest_is(&journal, rewind.from));
    lines.extend(letters_stay(rewind.reread));
    journal.close();
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
