//! Findings about a running service: whether it has the configuration of its file, and which
//! changes of the file need a restart. The service compares them, because it has their values; none
//! leaves it.

use crate::app::finding::Finding;
use crate::base::Level;
use crate::config::Config;
use crate::control::{Command, Reloaded, ask_data, is_served};

/// Returns the findings; none if no service runs.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let directory = &config.data_directory;
    if !is_served(directory) {
        return Vec::new();
    }
    let asked = ask_data(directory, &Command::Reload { dry_run: true });
    let answer = asked.and_then(|answer| serde_json::from_value::<Reloaded>(answer).map_err(|error| error.to_string()));
    let found = match answer {
        Ok(reloaded) => compared(&reloaded),
        Err(why) => vec![(Level::Warning, format!("the running service cannot be asked: {why}"))],
    };
    found.into_iter().map(|(level, message)| Finding::new("service", level, message)).collect()
}

fn compared(Reloaded { file, applied, restart, faults }: &Reloaded) -> Vec<(Level, String)> {
    if !faults.is_empty() {
        let message = format!("the running service cannot reload {file}: {}", faults.join("; "));
        return vec![(Level::Warning, message)];
    }
    if applied.is_empty() && restart.is_empty() {
        return vec![(Level::Good, format!("the running service has the configuration of {file}"))];
    }
    let mut found = Vec::new();
    if !applied.is_empty() {
        let message = format!("`meterline reload` takes these changes of {file}: {}", applied.join(", "));
        found.push((Level::Warning, message));
    }
    if !restart.is_empty() {
        let message = format!("these changes of {file} need a restart of the service: {}", restart.join(", "));
        found.push((Level::Warning, message));
    }
    found
}
