//! Log output and printed results, where the reader is gone, stalled or out of room.

use crate::support::load::{fleet, now_ns};
use crate::support::service::{Service, Setup, program};
use crate::support::wait;
use meterline_load::Script;
use std::fs::File;
use std::io::{Read as _, Write as _, pipe};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
/// The bound of a library's event in a minute, and a second minute if one begins meanwhile.
const LINES_OF_A_KIND_MAX: usize = 2 * 10;

fn stopped_service() -> Service {
    let mut service = Setup::default().start();
    assert!(service.stop().success());
    service
}

fn dropped(service: &Service, reason: &str) -> f64 {
    service.metric(&format!("meterline_log_lines_dropped_total{{reason=\"{reason}\"}}"))
}

/// Makes a connection that the service logs at debug.
fn cause_a_line(service: &Service) {
    let mut peer = TcpStream::connect(service.webhook_address()).unwrap();
    peer.write_all(b"no request\r\n\r\n").unwrap();
    // A reset ends it as well.
    let _ended = peer.read_to_end(&mut Vec::new());
}

#[test]
fn a_service_whose_log_reader_is_gone_takes_data_and_stops_in_order() {
    let mut service = stopped_service();
    let (reader, writer) = pipe().unwrap();
    service.start_again_with(writer, &[("METERLINE_LOG", "debug")]);
    drop(reader);
    service.post_all(&fleet(3).script(&Script::mixed(20, now_ns())));
    wait::until("lines are counted as dropped", LIMIT, || {
        cause_a_line(&service);
        dropped(&service, "unwritable") > 0.0
    });
    assert!(service.stop().success());
}

#[test]
fn a_service_whose_log_is_on_a_full_disk_takes_data_and_stops_in_order() {
    let mut service = stopped_service();
    service.start_again_with(File::options().write(true).open("/dev/full").unwrap(), &[]);
    service.post_all(&fleet(3).script(&Script::mixed(20, now_ns())));
    assert!(service.stop().success());
}

#[test]
fn a_log_reader_that_stalls_holds_up_no_request_and_dropped_lines_are_counted() {
    let mut service = stopped_service();
    let (mut reader, writer) = pipe().unwrap();
    service.start_again_with(writer, &[("METERLINE_LOG", "debug")]);
    wait::until("the log is full", LIMIT, || {
        for _ in 0..500 {
            cause_a_line(&service);
        }
        dropped(&service, "full") > 0.0
    });
    service.post_all(&fleet(3).script(&Script::mixed(50, now_ns())));
    assert_eq!(service.page("/readyz").unwrap().0, 200);
    // When the log is read again, the lines that were kept arrive whole.
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text)
    });
    assert!(service.stop().success());
    let text = reading.join().unwrap().unwrap();
    assert!(text.contains("log lines were dropped") && text.ends_with('\n'), "{}", &text[text.len() - 2000..]);
}

#[test]
fn a_peer_that_abuses_http_2_is_cut_off_and_does_not_fill_the_log() {
    let service = Setup::default().start();
    let mut peer = TcpStream::connect(service.webhook_address()).unwrap();
    peer.set_write_timeout(Some(LIMIT)).unwrap();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
    // Acknowledgements of a PING that was never sent.
    let acknowledgements = b"\x00\x00\x08\x06\x01\x00\x00\x00\x00meterlin".repeat(20_000);
    peer.write_all(preface).unwrap();
    // The connection may end before all of it is written.
    let _written = peer.write_all(&acknowledgements);
    wait::until("the connection is closed", LIMIT, || {
        service.metric("meterline_webhook_connections_closed_total{reason=\"flood\"}") == 1.0
    });
    let log = service.log();
    let lines = log.lines().filter(|line| line.contains("PING")).count();
    assert!(lines <= LINES_OF_A_KIND_MAX, "{lines} lines");
}

#[test]
fn commands_whose_output_is_gone_or_full_say_so_by_their_exit_code() {
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    let gone = || Stdio::from(pipe().unwrap().1);
    let example = ["config", "--example"];
    let refused = ["check", "--config", "/no/such/file"];
    let output = program().args(example).stdout(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("No space left"), "it says why");
    // A closed pipe is how `| head` ends.
    assert_eq!(program().args(example).stdout(gone()).stderr(gone()).status().unwrap().code(), Some(0));
    assert_eq!(program().args(example).stdout(full()).stderr(full()).status().unwrap().code(), Some(1));
    for stderr in [full(), gone()] {
        assert_eq!(program().args(refused).stdout(Stdio::null()).stderr(stderr).status().unwrap().code(), Some(3));
    }
    assert_eq!(program().arg("--help").stdout(full()).stderr(full()).status().unwrap().code(), Some(0));
}
