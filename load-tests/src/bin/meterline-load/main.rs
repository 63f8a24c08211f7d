//! Posts the bodies of a small fleet to a receiver and reports answers and
//! latencies, or writes one body to standard output. For much load there is `compare`.

mod options;
mod post;
mod report;

use clap::Parser as _;
use options::{Arguments, Command};
use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Post(options) => post::run(&options).and_then(|report| report.print(options.json)),
        Command::Body(options) => {
            let body = options.fleet().late(0, options.time_ns());
            std::io::stdout().write_all(&body.bytes).map_err(|error| error.to_string())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("meterline-load: {sentence}");
            ExitCode::FAILURE
        }
    }
}
