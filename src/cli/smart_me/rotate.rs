//! `meterline smart-me rotate`: replaces the webhook password. The new password is accepted
//! beside the old one, the registration at smart-me is replaced, the old password is retired.
//!
//! Every step can be repeated and skips finished work. The command writes the password
//! files, because the service may have read access only. It asks a running service to read
//! them again, and to replace the registration within the service's request budget.
//! Invariant: the old password is retired only after the registration has the new one and
//! no request has used the old one for [`QUIET_PERIOD`].

use super::accounts::{block_on, failed, named, registrar};
use crate::cli::failure::Failure;
use crate::cli::location::DataLocation;
use crate::cli::table::print;
use crate::clock::Clock;
use crate::config::Config;
use crate::control::{Command, ask_data, is_served};
use crate::source::smart_me::{Account, PasswordFile, RELOAD_CREDENTIALS, REPLACE_REGISTRATION};
use clap::Args;
use serde_json::Value;
use std::time::Duration;

/// Posts that smart-me sent with the old password arrive within this time.
const QUIET_PERIOD: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// The maximum wait for the last use of the old password. After it, the old password stays valid.
const WAIT_MAX: Duration = Duration::from_mins(2);

/// Replace the webhook password, here and at smart-me, without refusing a reading
///
/// The command writes a new random password to the account's password_file. The service
/// also accepts the old one, which is kept in FILE.before. Then the registration at
/// smart-me is replaced. When no request has used the old password for ten seconds, it is
/// retired. The service may be running or not. The user of the command must be able to
/// write in the file's directory, and the service must be able to read both files. If the
/// command is killed or smart-me is unreachable, both passwords stay valid: run it again.
#[derive(Debug, Args)]
#[command(after_help = "Example: meterline smart-me rotate --config meterline.toml --account building-a\n\n\
    Exit codes: 0 success, 1 failure (the old password stays valid), 3 error in the configuration.")]
pub(super) struct RotateArgs {
    #[command(flatten)]
    location: DataLocation,
    /// The account: the name in its [[smart_me]] table
    #[arg(long, short, value_name = "NAME")]
    account: String,
}

pub(super) fn run(arguments: &RotateArgs) -> Result<(), Failure> {
    let config = arguments.location.load()?;
    let account = named(&config, &arguments.account)?;
    let file = account.password.as_ref().map_err(|why| failed(account, why))?;
    let rotation = Rotation { config: &config, account, file };
    // Detects a missing public_url and a service that cannot reload, before anything is changed.
    registrar(&config, account)?;
    rotation.reload()?;
    let is_new = file.begin().map_err(|error| failed(account, format!("the password cannot be replaced: {error}")))?;
    rotation.say(if is_new { "created a new password" } else { "continuing an unfinished rotation" })?;
    rotation.replace().map_err(|why| {
        Failure::Failed(format!(
            "{why}\n{}: the old password stays valid beside the new one; run the command again to continue",
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

    /// Makes a running service read the passwords again. Returns how often requests used the
    /// old one; `None` if no service runs.
    fn reload(&self) -> Result<Option<u64>, Failure> {
        Ok(self.ask(RELOAD_CREDENTIALS)?.and_then(|uses| uses.as_u64()))
    }

    fn replace_registration(&self) -> Result<Vec<String>, Failure> {
        if let Some(steps) = self.ask(REPLACE_REGISTRATION)? {
            return Ok(serde_json::from_value(steps)?);
        }
        // No service runs, so this process replaces the registration. The configuration was
        // read before the new password was created.
        let mut account = self.account.clone();
        let present = self.file.read()?.present;
        if let Some((_, password)) = account.wanted.as_mut().and_then(|wanted| wanted.credentials.as_mut()) {
            *password = present;
        }
        let registrar = registrar(self.config, &account)?;
        block_on(registrar.replace_credentials())?.map_err(|error| failed(&account, error))
    }

    /// Returns the answer of the running service; `None` if none runs.
    fn ask(&self, action: &str) -> Result<Option<Value>, Failure> {
        let directory = &self.config.data_directory;
        if !is_served(directory) {
            return Ok(None);
        }
        let command = Command::Source { source: self.account.name.clone(), action: action.to_owned() };
        ask_data(directory, &command).map(Some).map_err(Failure::Failed)
    }

    /// Waits until no request uses the old password. Without a running service there is none.
    fn wait_until_quiet(&self) -> Result<(), Failure> {
        let clock = Clock::system();
        let began = clock.monotonic();
        let Some(mut used) = self.reload()? else { return Ok(()) };
        let mut used_at = began;
        while clock.elapsed(used_at) < QUIET_PERIOD {
            if clock.elapsed(began) > WAIT_MAX {
                return Err(Failure::failed("a sender still uses the old password"));
            }
            block_on(async { tokio::time::sleep(POLL_INTERVAL).await })?;
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

/// Ends the command here in test builds if the test asks for it.
fn die_at(step: i64) {
    #[cfg(feature = "test-faults")]
    crate::faults::die_at(crate::source::smart_me::DIES_AT, step);
    #[cfg(not(feature = "test-faults"))]
    let _ = step;
}
