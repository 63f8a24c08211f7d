//! The options `--config` and `--data`, shared by the commands.

use super::Failure;
use crate::config::{self, Config};
use clap::Args;
use std::path::PathBuf;

/// The location of the configuration.
#[derive(Debug, Clone, Args)]
pub(super) struct ConfigLocation {
    /// The configuration file; without one the defaults apply
    #[arg(long, short, value_name = "FILE", env = "METERLINE_CONFIG")]
    pub(super) config: Option<PathBuf>,
}

impl ConfigLocation {
    pub(super) fn load(&self) -> Result<Config, Failure> {
        Ok(config::load(self.config.as_deref())?)
    }
}

/// The location of the data directory: given directly or by the configuration.
#[derive(Debug, Clone, Args)]
pub(super) struct DataLocation {
    #[command(flatten)]
    config: ConfigLocation,
    /// The data directory; by default the one in the configuration
    #[arg(long, short, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl DataLocation {
    pub(super) fn load(&self) -> Result<Config, Failure> {
        let mut config = self.config.load()?;
        if let Some(data) = &self.data {
            config.move_data(data);
        }
        Ok(config)
    }
}
