//! The generator against real servers on loopback: the null endpoint, and one that stalls.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use meterline_compare::fleet::{Sizes, lanes};
use meterline_compare::generator::{self, Target};
use meterline_compare::schedule::{Due, Pace, steady};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

const STALL: Duration = Duration::from_millis(300);

/// The null endpoint; killed at the end.
struct NullEndpoint(Child, SocketAddr);

impl NullEndpoint {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_null-endpoint"));
        let mut child = command.arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self(child, line.trim().parse().unwrap())
    }
}

impl Drop for NullEndpoint {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn target(address: SocketAddr) -> Target {
    Target { address, path: "/smart-me".to_owned() }
}

#[test]
fn a_closed_loop_ends_at_its_samples_and_notes_each_answered_body() {
    let endpoint = NullEndpoint::start();
    let mut fleet = lanes(200, Sizes::Same(50));
    let pace = Pace::Closed { end: Duration::from_secs(60), samples_max: 400 * 1_000 };
    let tally = generator::run(&target(endpoint.1), 4, &mut fleet, pace).unwrap();
    // Each of the four connections may have one more body under way.
    assert!((1_000..1_004).contains(&tally.accepted()), "{tally:?}");
    assert_eq!((tally.samples, tally.not_accepted()), (tally.accepted() * 400, 0));
    let times: Vec<_> = fleet.iter().flat_map(|lane| &lane.accepted).collect();
    assert_eq!(times.len() as u64, tally.accepted());
    for lane in &fleet {
        assert_eq!(lane.accepted.iter().collect::<BTreeSet<_>>().len(), lane.accepted.len());
    }
}

#[test]
fn an_open_loop_posts_every_body_that_is_due() {
    let endpoint = NullEndpoint::start();
    let mut fleet = lanes(100, Sizes::Mixed);
    let due = steady(2_000.0, Duration::from_millis(500), fleet.len());
    let tally = generator::run(&target(endpoint.1), 8, &mut fleet, Pace::Open(due)).unwrap();
    assert_eq!((tally.accepted(), tally.not_accepted()), (1_000, 0));
}

/// Answers over one connection, the first request only after a stall.
fn stalling_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut input = BufReader::new(stream.try_clone().unwrap());
        let mut is_first = true;
        let mut line = String::new();
        let mut length = 0;
        while input.read_line(&mut line).unwrap() > 0 {
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                input.read_exact(&mut vec![0; length]).unwrap();
                if std::mem::take(&mut is_first) {
                    thread::sleep(STALL);
                }
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
            }
            line.clear();
        }
    });
    address
}

#[test]
fn a_stall_counts_for_every_body_that_was_due_in_it() {
    let mut fleet = lanes(1, Sizes::Same(1));
    let due = (0..20).map(|at| Due { at: Duration::from_millis(at), lane: 0 }).collect();
    let tally = generator::run(&target(stalling_server()), 1, &mut fleet, Pace::Open(due)).unwrap();
    assert_eq!(tally.accepted(), 20);
    let least = (STALL - Duration::from_millis(20)).as_secs_f64() * 1e3;
    assert!(tally.percentile_ms(0.0) >= least, "the last body was due 19 ms after the first: {tally:?}");
}

#[test]
fn a_server_that_is_away_is_an_error_at_the_start() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let pace = Pace::Closed { end: Duration::from_secs(1), samples_max: 1 };
    generator::run(&target(free), 1, &mut lanes(1, Sizes::Same(1)), pace).unwrap_err();
}
