//! `meterline check`: reports all errors of a configuration.

use super::Failure;
use super::location::DataLocation;
use super::table::{harmless, print_bytes, print_json};
use crate::app::{Finding, findings};
use crate::base::Level;
use crate::base::terminal::has_colours;
use clap::Args;

/// Check a configuration and report all errors at once
///
/// Reads the configuration, the files that it names and the data directory, and checks that
/// the directory can be written or created. Leaves nothing behind and works beside a running
/// service. Run it before each start of the service and after each change of the
/// configuration, as the service's user. If the service runs, it also says which changes of the
/// file `meterline reload` takes, and which need a restart.
#[derive(Debug, Args)]
#[command(after_help = "Example: meterline check --config /etc/meterline/meterline.toml --connect\n\n\
    Exit codes: 0 no faults (there may be warnings), 3 faults.")]
pub(super) struct CheckArgs {
    #[command(flatten)]
    location: DataLocation,
    /// Also connect to each sink and source, and check its credentials, and its table or topic
    #[arg(long)]
    connect: bool,
    /// Also read the whole embedded store and check its integrity. On a large store this takes
    /// minutes, in which its log may grow up to its bound
    #[arg(long)]
    store: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &CheckArgs) -> Result<(), Failure> {
    let found = match arguments.location.read() {
        Ok(config) => findings(&config, arguments.connect, arguments.store),
        Err(faults) => faults.0.iter().map(Finding::from).collect(),
    };
    if arguments.json {
        print_json(&found)?;
    } else {
        let has_colours = has_colours(&std::io::stdout());
        for finding in &found {
            print_bytes(line(finding, has_colours).as_bytes())?;
        }
    }
    let faults = found.iter().filter(|finding| finding.level == Level::Fault).count();
    if faults > 0 {
        let message = format!("faults: {faults} of {} findings; correct them and run the check again", found.len());
        return Err(Failure::Shown { message, code: 3 });
    }
    Ok(())
}

fn line(finding: &Finding, has_colours: bool) -> String {
    let (mark, colour) = match finding.level {
        Level::Good => ("good   ", 32),
        Level::Warning => ("warning", 33),
        Level::Fault => ("FAULT  ", 31),
    };
    let mark = if has_colours { format!("\x1b[{colour}m{mark}\x1b[0m") } else { mark.to_owned() };
    format!("{mark}  {}\n", harmless(&format!("{}: {}", finding.part, finding.message)))
}
