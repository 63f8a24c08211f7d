//! Where the configuration and the data are: shared options of the commands.

use super::Failure;
use crate::config::{self, Config};
use clap::Args;
use std::path::PathBuf;

/// Names the configuration.
#[derive(Debug, Clone, Args)]
pub(super) struct ConfigLocation {
    /// The configuration file; without one the embedded defaults are used
    #[arg(long, short, value_name = "FILE", env = "METERLINE_CONFIG")]
    pub(super) config: Option<PathBuf>,
}

impl ConfigLocation {
    pub(super) fn load(&self) -> Result<Config, Failure> {
        Ok(config::load(self.config.as_deref())?)
    }
}

/// Names the data directory, directly or by the configuration.
#[derive(Debug, Clone, Args)]
pub(super) struct DataLocation {
    #[command(flatten)]
    config: ConfigLocation,
    /// The data directory; by default the configuration's
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
