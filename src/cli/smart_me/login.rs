//! `meterline smart-me login`: logs a user in, once.

use super::accounts::{access, block_on, named};
use crate::cli::failure::Failure;
use crate::cli::location::DataLocation;
use crate::cli::table::print;
use crate::source::smart_me::{PersonLogin, Prompt};
use clap::Args;
use std::io::Write as _;

/// Log in once as a user; needed for a [[smart_me]] table with client_id and token_key_file
///
/// Without --browser the command prints a code. Confirm it in a browser on any machine.
/// The refresh token is encrypted with the key in token_key_file and stored in the data
/// directory; a missing key file is created. Run the command as the service's user. A
/// running service without a login uses the new login within seconds. A service that
/// already has a login uses the new one from its next token renewal on.
#[derive(Debug, Args)]
#[command(after_help = "Example: meterline smart-me login --config meterline.toml --account building-a\n\n\
    Exit codes: 0 logged in, 1 failure, 3 error in the configuration.")]
pub(super) struct LoginArgs {
    #[command(flatten)]
    location: DataLocation,
    /// The account: the name in its [[smart_me]] table
    #[arg(long, short, value_name = "NAME")]
    account: String,
    /// Log in with a browser on this machine (authorization code with PKCE)
    #[arg(long)]
    browser: bool,
    /// The port of the redirect URI; register http://127.0.0.1:PORT/smart-me-login at smart-me
    #[arg(long, value_name = "PORT", default_value_t = 8470)]
    port: u16,
}

pub(super) fn run(arguments: &LoginArgs) -> Result<(), Failure> {
    let config = arguments.location.load()?;
    let account = named(&config, &arguments.account)?;
    let login = PersonLogin::new(account, access(&config, account), &config.data_directory).map_err(Failure::failed)?;
    let outcome = block_on(async {
        if arguments.browser {
            let show = |address: &str| show("Open this address in a browser on this machine:", address);
            login.by_browser(arguments.port, show).await
        } else {
            login.by_device(prompt).await
        }
    })?;
    outcome.map_err(Failure::failed)?;
    print(format!("{}: logged in", arguments.account))
}

fn prompt(prompt: &Prompt) {
    show("Open this address in any browser and confirm the code there:", &prompt.address);
    say(&format!("\n  code: {}", prompt.code));
    if let Some(complete) = &prompt.complete {
        show("\nOr open this address, which contains the code:", complete);
    }
    say(&format!("\nWaiting up to {} minutes for the confirmation ...", prompt.lasts.as_secs().div_ceil(60)));
}

fn show(instruction: &str, address: &str) {
    say(&format!("{instruction}\n\n  {address}"));
}

/// Instructions go to standard error, because they are not the result. The user sees
/// where they cannot be written.
fn say(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}
