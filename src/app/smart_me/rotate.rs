//! Rotates the webhook credentials of an account: a new password is accepted beside
//! the old one, the registration at smart-me is replaced, the old one is retired.
//!
//! Every step can be repeated and finds out by itself what is done already. The
//! command writes the files, which the service may only be able to read; a running
//! service is asked to read them again, and to replace the registration within its own
//! budget. Invariant: a password is forgotten only once the registration has another
//! and nobody has presented it for [`QUIET`].

use super::{PATIENCE_BY_HAND, keeper, named};
use crate::clock::Clock;
use crate::config::Config;
use crate::control::{Answer, Command, ask, is_served};
use crate::source::smart_me::{Access, Account, Client, Desk, Memory, PasswordFile, Pause, Registrar};
use std::sync::Arc;
use std::time::Duration;

/// What smart-me had under way with the old password has come by then.
const QUIET: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// An old password that is used for longer stays valid.
const USED_MAX: Duration = Duration::from_mins(2);

/// Rotates the credentials of an account; `say` is told what is done.
///
/// # Errors
/// A sentence: what stands in the way, and that the old password stays valid.
pub fn rotate(config: &Config, account: &str, say: &mut dyn FnMut(&str)) -> Result<(), String> {
    let account = named(config, account)?;
    let file = account.password.as_ref().map_err(|why| format!("{}: {why}", account.name))?;
    if account.wanted.is_none() {
        return Err(format!(
            "{}: [[smart_me]] needs public_url, the address under which smart-me reaches the webhook",
            account.name
        ));
    }
    // A service that cannot do it is found out before anything is changed.
    read_again(config, account)?;
    let is_new = file.begin().map_err(|error| format!("{}: the password cannot be replaced: {error}", account.name))?;
    say(if is_new { "a new password is made" } else { "a rotation that was under way goes on" });
    let done = replace(config, account, file, say);
    done.map_err(|why| {
        format!(
            "{why}\n{}: the old password stays valid beside the new one; run the command again to go on",
            account.name
        )
    })
}

fn replace(config: &Config, account: &Account, file: &PasswordFile, say: &mut dyn FnMut(&str)) -> Result<(), String> {
    read_again(config, account)?;
    say("both passwords are accepted");
    die_at(3);
    let steps = match asked(config, &Command::Register { account: account.name.clone() })? {
        Some(Answer::Done { lines }) => lines,
        Some(_) => return Err("the running service gave no answer to that".to_owned()),
        None => register(config, account, file)?,
    };
    steps.iter().for_each(|step| say(step));
    say("the registration at smart-me has the new password");
    die_at(4);
    wait_until_quiet(config, account)?;
    file.retire().map_err(|error| error.to_string())?;
    die_at(5);
    read_again(config, account)?;
    say("the old password is retired");
    Ok(())
}

/// Lets a running service read the passwords again; how often the old one was
/// presented there. `None` where no service runs.
fn read_again(config: &Config, account: &Account) -> Result<Option<u64>, String> {
    match asked(config, &Command::Credentials { account: account.name.clone() })? {
        Some(Answer::Data { data }) => Ok(data.as_u64()),
        Some(_) => Err("the running service gave no answer to that".to_owned()),
        None => Ok(None),
    }
}

/// `None` where no service runs.
fn asked(config: &Config, command: &Command) -> Result<Option<Answer>, String> {
    if !is_served(&config.data_directory) {
        return Ok(None);
    }
    match ask(&config.data_directory, command).map_err(|error| error.to_string())? {
        Answer::Refused { why } => Err(why),
        answer => Ok(Some(answer)),
    }
}

/// Without a running service.
fn register(config: &Config, account: &Account, file: &PasswordFile) -> Result<Vec<String>, String> {
    let present = file.read().map_err(|error| error.to_string())?.present;
    let desk = account.wanted.clone().map(Desk::new).ok_or("there is no public_url")?;
    desk.want_password(present);
    let access = Access::new(account, &config.data_directory);
    let client = Client::new(account.clone(), access, PATIENCE_BY_HAND, Arc::default(), Clock::system());
    keeper::replaced(&mut Registrar::new(client, desk, Memory::in_directory(&config.data_directory)))
}

/// Where no service runs, nobody is refused.
fn wait_until_quiet(config: &Config, account: &Account) -> Result<(), String> {
    let (pause, clock) = (Pause::default(), Clock::system());
    let began = clock.monotonic();
    let Some(mut used) = read_again(config, account)? else { return Ok(()) };
    let mut used_at = began;
    while clock.elapsed(used_at) < QUIET {
        if clock.elapsed(began) > USED_MAX {
            return Err("somebody still posts with the old password".to_owned());
        }
        pause.wait(LOOK_EVERY).map_err(|_| "stopped".to_owned())?;
        let now = read_again(config, account)?.unwrap_or(used);
        if now != used {
            (used, used_at) = (now, clock.monotonic());
        }
    }
    Ok(())
}

/// A switch of test builds ends the command here.
fn die_at(step: i64) {
    #[cfg(feature = "test-faults")]
    crate::faults::die_at(crate::source::smart_me::DIES_AT, step);
    #[cfg(not(feature = "test-faults"))]
    let _ = step;
}
