//! `meterline smart-me rotate`: a new webhook password is accepted beside the old one, the
//! registration at smart-me is replaced, the old password is retired.
//!
//! Every step can be repeated and finds out by itself what is done already. The command
//! writes the files, which the service may only be able to read; a running service is
//! asked to read them again, and to replace the registration within its own budget.
//! Invariant: a password is forgotten only once the registration has another and nobody
//! has presented it for [`QUIET`].

use super::accounts::{block_on, failed, named, registrar};
use crate::cli::failure::Failure;
use crate::cli::place::DataPlace;
use crate::cli::table::print;
use crate::clock::Clock;
use crate::config::Config;
use crate::control::{Answer, Command, ask, is_served};
use crate::source::smart_me::{Account, PasswordFile, RELOAD_CREDENTIALS, REPLACE_REGISTRATION};
use clap::Args;
use serde_json::Value;
use std::time::Duration;

/// Posts that smart-me had under way with the old password have come by then.
const QUIET: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// An old password that is used for longer stays valid.
const USED_MAX: Duration = Duration::from_mins(2);

/// Replace the webhook password of an account, here and at smart-me
///
/// A new random password is written into the account's password_file and accepted
/// beside the old one, which is kept in FILE.before. The registration at smart-me is
/// replaced. Once nobody has presented the old password for ten seconds, it is retired.
/// The command works beside a running service and without one. Its user must be able to
/// write in the file's directory, and the service must be able to read both files. After
/// a kill, or while smart-me cannot be reached, both passwords stay valid: run it again.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 done, 1 not (the old password stays valid), 3 configuration at fault.")]
pub(super) struct RotateArgs {
    #[command(flatten)]
    place: DataPlace,
    /// The account
    #[arg(long, short, value_name = "NAME")]
    account: String,
}

pub(super) fn run(arguments: &RotateArgs) -> Result<(), Failure> {
    let config = arguments.place.load()?;
    let account = named(&config, &arguments.account)?;
    let file = account.password.as_ref().map_err(|why| failed(account, why))?;
    let rotation = Rotation { config: &config, account, file };
    // A service that cannot do its part is found out before anything is changed.
    rotation.reload()?;
    let is_new = file.begin().map_err(|error| failed(account, format!("the password cannot be replaced: {error}")))?;
    rotation.say(if is_new { "a new password is made" } else { "an unfinished rotation goes on" })?;
    rotation.replace().map_err(|why| {
        Failure::Failed(format!(
            "{why}\n{}: the old password stays valid beside the new one; run the command again to go on",
            account.name
        ))
    })
}

struct Rotation<'a> {
    config: &'a Config,
    account: &'a Account,
    file: &'a PasswordFile,
}

impl Rotation<'_> {
    fn replace(&self) -> Result<(), Failure> {
        self.reload()?;
        self.say("both passwords are accepted")?;
        die_at(3);
        for step in self.replace_registration()? {
            self.say(&step)?;
        }
        self.say("the registration at smart-me has the new password")?;
        die_at(4);
        self.wait_until_quiet()?;
        self.file.retire()?;
        die_at(5);
        self.reload()?;
        self.say("the old password is retired")
    }

    /// Lets a running service read the passwords again; how often the old one was
    /// presented there. `None` where no service runs.
    fn reload(&self) -> Result<Option<u64>, Failure> {
        Ok(self.ask(RELOAD_CREDENTIALS)?.and_then(|uses| uses.as_u64()))
    }

    fn replace_registration(&self) -> Result<Vec<String>, Failure> {
        if let Some(steps) = self.ask(REPLACE_REGISTRATION)? {
            return Ok(serde_json::from_value(steps)?);
        }
        // No service runs: its registration is replaced from here. The configuration was
        // read before the new password was made.
        let mut account = self.account.clone();
        let present = self.file.read()?.present;
        if let Some((_, password)) = account.wanted.as_mut().and_then(|wanted| wanted.credentials.as_mut()) {
            *password = present;
        }
        let registrar = registrar(self.config, &account)?;
        block_on(registrar.replace_credentials())?.map_err(|error| failed(&account, error))
    }

    /// The answer of the running service; `None` where none runs.
    fn ask(&self, action: &str) -> Result<Option<Value>, Failure> {
        let directory = &self.config.data_directory;
        if !is_served(directory) {
            return Ok(None);
        }
        let command = Command::Source { source: self.account.name.clone(), action: action.to_owned() };
        match ask(directory, &command).map_err(Failure::failed)? {
            Answer::Data { data } => Ok(Some(data)),
            Answer::Refused { why } => Err(Failure::Failed(why)),
            Answer::Done { .. } => Err(Failure::failed("the running service gave another answer than expected")),
        }
    }

    /// Waits until nobody presents the old password. Without a running service nobody can.
    fn wait_until_quiet(&self) -> Result<(), Failure> {
        let clock = Clock::system();
        let began = clock.monotonic();
        let Some(mut used) = self.reload()? else { return Ok(()) };
        let mut used_at = began;
        while clock.elapsed(used_at) < QUIET {
            if clock.elapsed(began) > USED_MAX {
                return Err(Failure::failed("somebody still posts with the old password"));
            }
            block_on(async { tokio::time::sleep(LOOK_EVERY).await })?;
            let now = self.reload()?.unwrap_or(used);
            if now != used {
                (used, used_at) = (now, clock.monotonic());
            }
        }
        Ok(())
    }

    fn say(&self, step: &str) -> Result<(), Failure> {
        print(format!("{}: {step}", self.account.name))
    }
}

/// A switch of test builds ends the command here.
fn die_at(step: i64) {
    #[cfg(feature = "test-faults")]
    crate::faults::die_at(crate::source::smart_me::DIES_AT, step);
    #[cfg(not(feature = "test-faults"))]
    let _ = step;
}
