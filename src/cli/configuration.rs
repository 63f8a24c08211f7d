//! `meterline config`: the commented example.

use super::Failure;
use crate::config;
use clap::Args;
use std::io::Write;

/// Shows a commented example configuration
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// Print a complete configuration with every key, its meaning and its default
    #[arg(long, required = true)]
    example: bool,
}

pub(super) fn run(_arguments: &ConfigArgs) -> Result<(), Failure> {
    std::io::stdout().write_all(config::EXAMPLE.as_bytes())?;
    Ok(())
}
