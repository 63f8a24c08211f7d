//! Attacks a webhook for a while, and prints its connections and bytes: `load-tests/hostility.sh` runs it beside honest senders.

use clap::Parser;
use meterline_load::hostile::{Attack, Attackers, Victim};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Attacks a webhook on this machine
#[derive(Debug, Parser)]
struct Arguments {
    /// The attack: idle, handshakes, heads, bodies, bombs, flood, resets, settings, pings, continuations
    attack: Attack,
    /// The address of the webhook, on loopback
    #[arg(long)]
    address: SocketAddr,
    /// The path of the account that goes wrong
    #[arg(long)]
    path: String,
    /// Its user
    #[arg(long)]
    user: String,
    /// The file with its password
    #[arg(long)]
    password_file: PathBuf,
    /// Connections
    #[arg(long, default_value_t = 200)]
    connections: usize,
    /// Seconds
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("meterline-hostile: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), String> {
    let Arguments { attack, address, path, user, password_file, connections, seconds } = arguments;
    if !address.ip().is_loopback() {
        return Err(format!("{address} is not on this machine: only services here may be attacked"));
    }
    let password = std::fs::read_to_string(&password_file)
        .map_err(|error| format!("{} cannot be read: {error}", password_file.display()))?;
    let victim = Victim { address, path, credentials: (user, password.trim_end().to_owned()) };
    let attackers = Attackers::start(attack, &victim, connections).map_err(|error| error.to_string())?;
    std::thread::sleep(Duration::from_secs(seconds));
    let counts = attackers.stop();
    println!("{} connections, {} closed, {} MiB sent", counts.opened, counts.closed, counts.bytes >> 20);
    Ok(())
}
