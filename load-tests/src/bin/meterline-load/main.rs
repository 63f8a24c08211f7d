//! Posts the bodies of a small fleet to a receiver and reports answers and latencies. For much load there is `compare`.

mod options;
mod post;
mod report;

use clap::Parser as _;
use options::{Arguments, Command};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Command::Post(options) = Arguments::parse().command;
    match post::run(&options).and_then(|report| report.print(options.json)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("meterline-load: {sentence}");
            ExitCode::FAILURE
        }
    }
}
