//! `meterline completions` and `meterline man`: files made from the command line itself, for
//! packages.

use super::Failure;
use super::table::print_bytes;
use clap::{Args, Command};
use clap_complete::Shell;
use std::path::PathBuf;

/// Print the completions of a shell
#[derive(Debug, Args)]
#[command(after_help = "Example: meterline completions bash > ~/.local/share/bash-completion/completions/meterline")]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Write the manual pages into a directory
///
/// One page for the program and one for each command, in section 1.
#[derive(Debug, Args)]
#[command(after_help = "Example: meterline man /usr/local/share/man/man1")]
pub(super) struct ManArgs {
    /// The directory, which must exist
    directory: PathBuf,
}

pub(super) fn completions(arguments: &CompletionsArgs, mut command: Command) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "meterline", &mut text);
    print_bytes(&text)
}

pub(super) fn man(arguments: &ManArgs, command: Command) -> Result<(), Failure> {
    let directory = &arguments.directory;
    clap_mangen::generate_to(command, directory)
        .map_err(|error| Failure::failed(format!("the pages cannot be written to {}: {error}", directory.display())))
}
