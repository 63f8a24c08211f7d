//! `meterline config`: prints the example configuration.

use super::Failure;
use super::table::print_bytes;
use crate::config;
use clap::Args;

/// Print a commented example configuration
///
/// Save it, remove the parts that you do not need, then run `meterline check`.
#[derive(Debug, Args)]
#[command(after_help = "Example: meterline config --example > meterline.toml")]
pub(super) struct ConfigArgs {
    /// Print every key with its meaning and its default
    #[arg(long, required = true)]
    example: bool,
}

pub(super) fn run(_arguments: &ConfigArgs) -> Result<(), Failure> {
    print_bytes(config::EXAMPLE.as_bytes())
}
