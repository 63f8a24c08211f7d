//! `meterline check`: everything that is wrong with a configuration.

use super::Failure;
use super::location::ConfigLocation;
use super::table::{print, print_json};
use crate::app::{Finding, findings};
use crate::base::Level;
use clap::Args;

/// Says everything that is wrong with a configuration
#[derive(Debug, Args)]
#[command(after_help = "Exit code 0: good, perhaps with warnings; 3: faults.")]
pub(super) struct CheckArgs {
    #[command(flatten)]
    location: ConfigLocation,
    /// Also ask every sink: reachable, its table or topic as wanted, its credentials good
    #[arg(long)]
    connect: bool,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &CheckArgs) -> Result<(), Failure> {
    let config = arguments.location.load()?;
    let found = findings(&config, arguments.connect);
    if arguments.json {
        print_json(&found)?;
    } else {
        for finding in &found {
            print(line(finding))?;
        }
    }
    let faults = found.iter().filter(|finding| finding.level == Level::Fault).count();
    if faults > 0 {
        return Err(Failure::Configuration(format!("{faults} of {} findings are faults", found.len())));
    }
    Ok(())
}

fn line(finding: &Finding) -> String {
    let mark = match finding.level {
        Level::Good => "good   ",
        Level::Warning => "warning",
        Level::Fault => "FAULT  ",
    };
    format!("{mark}  {}: {}", finding.part, finding.message)
}
