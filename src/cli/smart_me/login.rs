//! `meterline smart-me login`: a person logs in, once.

use super::accounts::{access, block_on, named};
use crate::cli::failure::Failure;
use crate::cli::place::DataPlace;
use crate::cli::table::print;
use crate::source::smart_me::{PersonLogin, Prompt};
use clap::Args;

/// Log in as a person, once, for a table with client_id and token_key_file
///
/// Without --browser a code is shown. Confirm it in a browser on any machine. The
/// resulting refresh token is sealed with the key in token_key_file and kept in the data
/// directory; a missing key file is made. Run the command as the service's user. A
/// running service without a login uses the new one within seconds, and a service with
/// another login from its next renewal on.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 logged in, 1 not, 3 configuration at fault.")]
pub(super) struct LoginArgs {
    #[command(flatten)]
    place: DataPlace,
    /// The account
    #[arg(long, short, value_name = "NAME")]
    account: String,
    /// In a browser of this machine (authorization code with PKCE)
    #[arg(long)]
    browser: bool,
    /// The port that the browser comes back to; register http://127.0.0.1:PORT/smart-me-login at smart-me
    #[arg(long, value_name = "PORT", default_value_t = 8470)]
    port: u16,
}

pub(super) fn run(arguments: &LoginArgs) -> Result<(), Failure> {
    let config = arguments.place.load()?;
    let account = named(&config, &arguments.account)?;
    let login = PersonLogin::new(account, access(&config, account), &config.data_directory).map_err(Failure::failed)?;
    let outcome = block_on(async {
        if arguments.browser {
            let show = |address: &str| show("Open this address in a browser of this machine:", address);
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
        show("\nOr, with the code in it:", complete);
    }
    say(&format!("\nWaiting for it, {} minutes at most ...", prompt.lasts.as_secs().div_ceil(60)));
}

fn show(what: &str, address: &str) {
    say(&format!("{what}\n\n  {address}"));
}

/// What a person is to do goes to standard error, as everything that is no result.
fn say(text: &str) {
    eprintln!("{text}");
}
