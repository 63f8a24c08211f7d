//! Who is logged in at smart-me: said at the start and by `check`, and brought about by
//! hand.

use super::super::check::Finding;
use crate::clock::Clock;
use crate::config::Config;
use crate::sink::Level;
use crate::source::smart_me::{Access, Account, LoggingIn, Login, PasswordFile, Prompt};
use std::io;

const PART: &str = "smart-me";

/// How a person logs in.
pub enum LoginWay<'a> {
    /// By a code that is confirmed on any machine; it is handed the code.
    Device(Box<dyn FnOnce(&Prompt) + 'a>),
    /// In a browser of this machine, which comes back to this port; it is handed the address to open.
    Browser(u16, Box<dyn FnOnce(&str) + 'a>),
    /// In a browser of any machine; it is handed the address to open, and then asked
    /// for the one that the browser ended at.
    Paste(u16, Box<dyn FnOnce(&str) + 'a>, Box<dyn FnOnce() -> io::Result<String> + 'a>),
}

impl std::fmt::Debug for LoginWay<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LoginWay")
    }
}

/// Logs a person in for an account and stores what comes of it.
///
/// # Errors
/// A sentence: no such account, or why nobody is logged in now.
pub fn log_in(config: &Config, account: &str, way: LoginWay<'_>) -> Result<(), String> {
    let account = super::named(config, account)?;
    let logging_in = LoggingIn::new(account, &config.data_directory, Clock::system()).map_err(sentence)?;
    match way {
        LoginWay::Device(show) => logging_in.by_device(show),
        LoginWay::Browser(port, show) => logging_in.by_browser(port, show),
        LoginWay::Paste(port, show, read) => logging_in.by_pasting(port, show, read),
    }
    .map_err(sentence)
}

/// Says what is wrong or will be, before anything is asked.
pub(super) fn say(account: &Account, access: &Access) {
    if let Some(warning) = obsolete(account) {
        tracing::warn!("{warning}");
    }
    if is_rotating(account) {
        tracing::warn!("{}", unfinished(account));
    }
    // It says so itself.
    access.look().ok();
}

/// What is to be said of the accounts without asking smart-me.
pub(in crate::app) fn findings(config: &Config) -> Vec<Finding> {
    let rotating = config.smart_me.iter().filter(|account| is_rotating(account));
    let rotating = rotating.map(|account| Finding::new(PART, Level::Warning, unfinished(account)));
    rotating.chain(logins(config)).collect()
}

fn is_rotating(account: &Account) -> bool {
    account.password.as_ref().is_ok_and(PasswordFile::is_rotating)
}

fn unfinished(account: &Account) -> String {
    let name = &account.name;
    format!(
        "the webhook password of account '{name}' is being rotated, and the old one is valid still: \
         `meterline smart-me rotate --account {name}` goes on"
    )
}

fn logins(config: &Config) -> impl Iterator<Item = Finding> {
    let of = move |account: &Account| {
        if let Some(warning) = obsolete(account) {
            return Some(Finding::new(PART, Level::Warning, warning));
        }
        let Login::User { key_file, .. } = &account.login else { return None };
        if key_file.starts_with(&config.data_directory) {
            let message = format!(
                "token_key_file of account '{}' lies in the data directory, so that a copy of that gives the login away: \
                 put it elsewhere",
                account.name
            );
            return Some(Finding::new(PART, Level::Warning, message));
        }
        Some(match Access::new(account, &config.data_directory).look() {
            Ok(()) => Finding::new(PART, Level::Good, format!("account '{}' is logged in", account.name)),
            Err(error) => Finding::new(PART, Level::Warning, error.to_string()),
        })
    };
    config.smart_me.iter().filter_map(of)
}

fn obsolete(account: &Account) -> Option<String> {
    matches!(account.login, Login::Basic { .. }).then(|| {
        format!(
            "account '{}' logs in at smart-me with a username and password, which smart-me has announced to remove: \
             make a key in its portal and name it as api_key_file",
            account.name
        )
    })
}

fn sentence(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;
    use std::collections::BTreeMap;

    #[test]
    fn a_login_that_is_obsolete_missing_or_given_away_is_a_warning_that_says_what_to_do() {
        for (lines, says) in [
            ("username = \"u\"\npassword_env = \"SECRET\"", "announced to remove"),
            ("client_id = \"c\"\ntoken_key_file = \"/data/key\"", "put it elsewhere"),
            ("client_id = \"c\"\ntoken_key_file = \"/elsewhere/key\"", "`meterline smart-me login --account a`"),
        ] {
            let text = format!(
                "data_directory = \"/data\"\n[[webhook.account]]\nname = \"a\"\npath = \"/a\"\n\
                 [[smart_me]]\naccount = \"a\"\n{lines}"
            );
            let environment = BTreeMap::from([("SECRET".to_owned(), "hunter2".to_owned())]);
            let found = findings(&parse("m.toml", &text, &environment).unwrap());
            assert_eq!((found.len(), found[0].level), (1, Level::Warning), "{lines}");
            assert!(found[0].message.contains(says) && !found[0].message.contains("hunter2"), "{found:?}");
        }
    }
}
