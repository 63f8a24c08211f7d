//! The options `--config` and `--data`, shared by the commands, and the store of a configuration.

use super::Failure;
use crate::app::check_data;
use crate::config::{self, Config, Faults};
use crate::query::Store;
use clap::Args;
use std::path::PathBuf;

/// The location of the configuration.
#[derive(Debug, Clone, Args)]
pub(super) struct ConfigLocation {
    /// The configuration file; without one the defaults apply
    #[arg(long, short, value_name = "FILE", env = "METERLINE_CONFIG", hide_env_values = true)]
    pub(super) config: Option<PathBuf>,
}

impl ConfigLocation {
    pub(super) fn load(&self) -> Result<Config, Failure> {
        Ok(config::load(self.config.as_deref())?)
    }
}

/// The location of the data directory: given directly or by the configuration. A command
/// that reads or changes data loads it with [`DataLocation::load_existing`], so that a
/// mistyped directory is an error and not an empty result.
#[derive(Debug, Clone, Args)]
pub(super) struct DataLocation {
    #[command(flatten)]
    config: ConfigLocation,
    /// The data directory; by default the one in the configuration
    #[arg(long, short, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl DataLocation {
    /// The path of the configuration file, from the root directory.
    pub(super) fn file(&self) -> Option<PathBuf> {
        self.config.config.as_ref().map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()))
    }

    pub(super) fn read(&self) -> Result<Config, Faults> {
        let mut config = config::load(self.config.config.as_deref())?;
        if let Some(data) = &self.data {
            config.move_data(data);
        }
        Ok(config)
    }

    pub(super) fn load(&self) -> Result<Config, Failure> {
        Ok(self.read()?)
    }

    /// Loads the configuration and checks that the data directory holds data.
    pub(super) fn load_existing(&self) -> Result<Config, Failure> {
        let config = self.load()?;
        check_data(&config).map_err(Failure::Failed)?;
        Ok(config)
    }
}

/// The store of a configuration, for the commands that read history.
pub(super) fn history(config: &Config) -> Result<Store, Failure> {
    Store::open(&config.sinks).ok_or_else(|| {
        Failure::failed(
            "the configuration has no store with history: add [sink.sqlite] or [sink.questdb]; a Kafka topic cannot be queried",
        )
    })
}
