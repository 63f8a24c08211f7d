//! The command line.

use clap::{Args, Parser, Subcommand};
use meterline_load::{Fleet, FleetOptions, Target};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// Posts the bodies of a simulated smart-me fleet, as the vendor's cloud does.
#[derive(Debug, Parser)]
#[command(
    name = "meterline-load",
    after_help = "Examples:\n  \
    meterline-load post --url http://127.0.0.1:8080/smart-me --seconds 10\n  \
    meterline-load post --url http://127.0.0.1:8080/a --user u --password-file pw --devices 50 --rate 200 --json"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Post bodies and print answers and latencies
    Post(PostOptions),
}

#[derive(Debug, Args)]
pub(crate) struct PostOptions {
    /// URL to post to
    #[arg(long)]
    pub(crate) url: String,
    /// User of the Basic credentials; without it none are sent
    #[arg(long, requires = "password_file")]
    user: Option<String>,
    /// File that holds the password
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// Keep-alive connections; a meter is always on one of them
    #[arg(long, default_value_t = 16)]
    pub(crate) connections: u32,
    /// Stop after this number of bodies
    #[arg(long, value_name = "COUNT")]
    pub(crate) bodies: Option<u64>,
    /// Stop after this number of seconds (10 if neither is given)
    #[arg(long)]
    pub(crate) seconds: Option<u64>,
    /// Devices in a body
    #[arg(long, default_value_t = 1)]
    devices: u32,
    /// Values of a device
    #[arg(long, default_value_t = 8)]
    values: u8,
    /// Meters in all; by default a body's worth for each connection
    #[arg(long)]
    meters: Option<u32>,
    /// Bodies per second over all connections; unlimited by default
    #[arg(long)]
    pub(crate) rate: Option<u32>,
    /// Share of the bodies (0 to 1) that are measured in the past, as after an outage
    #[arg(long, default_value_t = 0.0, value_name = "SHARE", conflicts_with = "same_body")]
    pub(crate) late: f64,
    /// Greatest age of such bodies in seconds, evenly spread
    #[arg(long, default_value_t = 86_400, value_name = "SECONDS")]
    pub(crate) late_over: u32,
    /// Post each connection's first body again and again, so that making bodies costs nothing
    #[arg(long)]
    pub(crate) same_body: bool,
    /// Seed of all random values
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

impl PostOptions {
    /// The receiver's address and credentials.
    pub(crate) fn target(&self) -> Result<Target, String> {
        let (Some(user), Some(file)) = (&self.user, &self.password_file) else {
            return Ok(Target::open(&self.url));
        };
        let password =
            std::fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        Ok(Target::with_credentials(&self.url, user, password.trim_end_matches(['\r', '\n'])))
    }

    /// The fleet of one connection: meters of its own, by a seed of its own.
    pub(crate) fn fleet(&self, connection: u32) -> Fleet {
        let meters = self.meters.map_or(self.devices, |all| (all / self.connections.max(1)).max(1));
        Fleet::new(FleetOptions {
            meters,
            devices: self.devices,
            values: self.values,
            seed: self.seed.wrapping_mul(1 << 20).wrapping_add(u64::from(connection)),
        })
    }
}

/// The wall clock: the load generator measures like a meter.
#[expect(clippy::disallowed_methods, reason = "the service's Clock does not exist in the vendor's cloud")]
pub(crate) fn wall_clock_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
