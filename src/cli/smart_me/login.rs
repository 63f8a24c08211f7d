//! `meterline smart-me login`: a person logs in, once.

use super::DataPlace;
use super::Failure;
use crate::app::{LoginWay, log_in};
use crate::cli::table::print;
use crate::source::smart_me::Prompt;
use clap::Args;
use std::io;

/// Log in as a person, once, for a table with client_id and token_key_file
///
/// Without --browser a code is shown that is confirmed in a browser anywhere, so it
/// works on a machine without one. What comes of it (a refresh token) is sealed with
/// the key in token_key_file, which is made where it is missing, and lies in the data
/// directory. Run it as the service's user. A running service uses the login within
/// seconds where it had none, and from its next renewal on where it had another.
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
    /// In a browser of another machine: paste the address that it ends at
    #[arg(long, conflicts_with = "browser")]
    paste: bool,
    /// The port that the browser comes back to; register http://127.0.0.1:PORT/smart-me-login at smart-me
    #[arg(long, value_name = "PORT", default_value_t = 8470)]
    port: u16,
}

pub(super) fn run(arguments: &LoginArgs) -> Result<(), Failure> {
    let config = arguments.place.load()?;
    let way = if arguments.browser {
        LoginWay::Browser(
            arguments.port,
            Box::new(|address| show("Open this address in a browser of this machine:", address)),
        )
    } else if arguments.paste {
        let show = |address: &str| {
            show("Open this address in any browser:", address);
            say("\nAt the end it cannot reach a page, and shows an address that begins with http://127.0.0.1.");
            say("Paste that address here:");
        };
        LoginWay::Paste(arguments.port, Box::new(show), Box::new(pasted))
    } else {
        LoginWay::Device(Box::new(prompt))
    };
    log_in(&config, &arguments.account, way).map_err(Failure::Failed)?;
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

/// One line of standard input, up to a bound.
fn pasted() -> io::Result<String> {
    use std::io::{BufRead, Read};
    const LINE_BYTES_MAX: u64 = 16 * 1024;
    let mut line = String::new();
    io::stdin().lock().take(LINE_BYTES_MAX).read_line(&mut line)?;
    Ok(line)
}
