//! Plays many devices: half KSEM, half DSMR-loggers. Prints one line for each, `ksem URL` or
//! `dsmr_logger URL`. A line on standard input begins the measurement; its end prints how regularly
//! the devices were polled, and ends them.

use meterline_load::devices::{Clock, DsmrLogger, Ksem};
use std::io::{BufRead as _, Error, Read as _, Write as _};
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

enum Device {
    Ksem(Ksem),
    DsmrLogger(DsmrLogger),
}

impl Device {
    fn polls(&self) -> Vec<Instant> {
        match self {
            Self::Ksem(device) => device.polls(),
            Self::DsmrLogger(device) => device.polls(),
        }
    }
}

fn main() -> ExitCode {
    let count = std::env::args().nth(1).and_then(|text| text.parse().ok());
    match count.ok_or_else(|| Error::other("usage: meterline-devices COUNT")).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("meterline-devices: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(count: usize) -> Result<(), Error> {
    let clock = Clock::new(seconds);
    let (mut devices, mut output) = (Vec::new(), std::io::stdout());
    for number in 0..count {
        if number % 2 == 0 {
            let device = Ksem::start_with(clock.clone(), &number.to_string())?;
            writeln!(output, "ksem {}", device.url())?;
            devices.push(Device::Ksem(device));
        } else {
            let device = DsmrLogger::start_with(clock.clone(), &format!("E{number:04}"))?;
            writeln!(output, "dsmr_logger {}", device.url())?;
            devices.push(Device::DsmrLogger(device));
        }
    }
    let mut input = std::io::stdin().lock();
    input.read_line(&mut String::new())?;
    let begun = now();
    input.read_to_end(&mut Vec::new())?;
    let ended = now();
    let (mut fewest, mut longest_ms) = (usize::MAX, 0);
    for device in &devices {
        let polls: Vec<Instant> = device.polls().into_iter().filter(|at| *at >= begun).collect();
        fewest = fewest.min(polls.len());
        let times: Vec<Instant> = [&[begun], &polls[..], &[ended]].concat();
        let waits = times.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_millis());
        longest_ms = longest_ms.max(waits.max().unwrap_or(0));
    }
    if devices.is_empty() {
        Ok(())
    } else {
        writeln!(output, "polled at least {fewest} times, {longest_ms} ms apart at most")
    }
}

#[expect(clippy::disallowed_methods, reason = "the service's Clock does not exist in a device")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the same")]
fn seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
