//! What `check` finds beyond the configuration file itself.

use crate::config::Config;
use serde::Serialize;
use std::path::Path;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// As it should be.
    Good,
    /// It works; something beside it is not as it should be.
    Warning,
    /// It will not work until it is mended.
    Fault,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What was looked at: configuration, data, or a sink's name.
    pub part: &'static str,
    /// How much it matters.
    pub weight: Weight,
    /// What was found, and what to do.
    pub message: String,
}

impl Finding {
    fn new(part: &'static str, weight: Weight, message: impl Into<String>) -> Self {
        Self { part, weight, message: message.into() }
    }
}

/// Looks at the data directory and, with `connect`, at every sink.
#[must_use]
pub fn findings(config: &Config, connect: bool) -> Vec<Finding> {
    let mut found = vec![Finding::new("configuration", Weight::Good, summary(config))];
    found.push(data_directory(&config.data_directory));
    if connect {
        sinks(config, &mut found);
    }
    found
}

fn summary(config: &Config) -> String {
    let accounts = config.webhook.accounts.len();
    let plural = if accounts == 1 { "" } else { "s" };
    format!(
        "{accounts} webhook account{plural} at {}, sinks: {}",
        config.webhook.listen,
        super::sinks::names(config).join(", ")
    )
}

fn data_directory(directory: &Path) -> Finding {
    let shown = directory.display();
    match std::fs::metadata(directory) {
        Ok(metadata) if !metadata.is_dir() => {
            Finding::new("data", Weight::Fault, format!("{shown} is no directory; data_directory must name one"))
        }
        Ok(metadata) if metadata.permissions().readonly() => {
            Finding::new("data", Weight::Fault, format!("{shown} cannot be written to; give it to the service's user"))
        }
        Ok(_) => Finding::new("data", Weight::Good, format!("{shown} is there")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Finding::new("data", Weight::Good, format!("{shown} will be made at the first start"))
        }
        Err(error) => Finding::new("data", Weight::Fault, format!("{shown} cannot be looked at: {error}")),
    }
}

#[cfg_attr(not(any(feature = "questdb", feature = "kafka")), allow(unused_variables, clippy::ptr_arg))]
fn sinks(config: &Config, found: &mut Vec<Finding>) {
    #[cfg(feature = "questdb")]
    if let Some(questdb) = &config.sinks.questdb {
        use crate::sink::questdb::{Level, check};
        found.extend(check(&questdb.sink).into_iter().map(|finding| {
            let weight = match finding.level {
                Level::Good => Weight::Good,
                Level::Warning => Weight::Warning,
                Level::Fault => Weight::Fault,
            };
            Finding::new("questdb", weight, finding.message)
        }));
    }
    #[cfg(feature = "kafka")]
    if let Some(kafka) = &config.sinks.kafka {
        use crate::sink::kafka::{Level, check};
        found.extend(check(kafka).into_iter().map(|finding| {
            let weight = match finding.level {
                Level::Good => Weight::Good,
                Level::Warning => Weight::Warning,
                Level::Fault => Weight::Fault,
            };
            Finding::new("kafka", weight, finding.message)
        }));
    }
}
