//! `meterline config`: prints the example configuration and the schema.

use super::Failure;
use super::table::{print_bytes, print_json};
use crate::config;
use clap::{Args, Subcommand};

/// Print a commented example configuration, or its JSON schema
///
/// Save the example, remove the parts that you do not need, then run `meterline check`.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  \
        meterline config --example > meterline.toml\n  \
        meterline config schema > meterline.schema.json"
)]
pub(super) struct ConfigArgs {
    /// Print every key with its meaning and its default
    #[arg(long)]
    example: bool,
    #[command(subcommand)]
    print: Option<Print>,
}

#[derive(Debug, Subcommand)]
enum Print {
    /// Print the JSON schema of the configuration, for editors that complete and check TOML
    Schema,
    /// Print the reference of all keys as Markdown
    #[command(hide = true)]
    Reference,
}

pub(super) fn run(arguments: &ConfigArgs) -> Result<(), Failure> {
    match arguments.print {
        Some(Print::Schema) => print_json(&config::schema()),
        Some(Print::Reference) => print_bytes(config::reference().as_bytes()),
        None => print_bytes(config::EXAMPLE.as_bytes()),
    }
}
