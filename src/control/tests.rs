use super::*;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The maximum wait of the tests.
const TIMEOUT: Duration = Duration::from_secs(30);

fn served(handler: impl Fn(Command) -> Answer + Send + Sync + 'static) -> (TempDir, Control) {
    let directory = tempfile::tempdir().unwrap();
    let control = Control::start(directory.path(), Arc::new(handler)).unwrap();
    (directory, control)
}

/// The deadline of a stop.
fn soon() -> Instant {
    crate::clock::Clock::system().monotonic() + TIMEOUT
}

fn done(_: Command) -> Answer {
    Answer::Done { lines: Vec::new() }
}

fn connect(directory: &TempDir) -> UnixStream {
    let stream = UnixStream::connect(socket_path(directory.path())).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream
}

fn said(stream: UnixStream) -> String {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

#[test]
fn only_its_owner_may_use_the_socket_and_a_stale_one_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(socket_path(directory.path()), "stale").unwrap();
    std::fs::create_dir(directory.path().join("control.new")).unwrap();
    let control = Control::start(directory.path(), Arc::new(done)).unwrap();
    let mode = std::fs::metadata(socket_path(directory.path())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left over");
    assert!(matches!(ask(directory.path(), &Command::Status), Ok(Answer::Done { .. })));
    control.stop(soon());
    assert!(!socket_path(directory.path()).exists() && !is_served(directory.path()));
}

#[test]
fn two_commands_at_once_follow_each_other_and_both_are_answered() {
    let inside = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&inside);
    let (directory, control) = served(move |command| {
        assert_eq!(seen.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
        std::thread::sleep(Duration::from_millis(20));
        seen.fetch_sub(1, Ordering::SeqCst);
        Answer::Refused { why: format!("{command:?}") }
    });
    let threads: Vec<_> = (0..8)
        .map(|letter| {
            let path = directory.path().to_owned();
            std::thread::spawn(move || (letter, ask(&path, &Command::Drop { letter }).unwrap()))
        })
        .collect();
    for thread in threads {
        let (letter, answer) = thread.join().unwrap();
        assert_eq!(answer, Answer::Refused { why: format!("{:?}", Command::Drop { letter }) });
    }
    control.stop(soon());
}

#[test]
fn a_command_whose_client_dies_is_carried_out_and_an_incomplete_one_is_not() {
    let carried_out = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&carried_out);
    let (directory, control) = served(move |command| {
        if let Command::Drop { .. } = command {
            seen.fetch_add(1, Ordering::SeqCst);
        }
        Answer::Done { lines: vec!["x".repeat(1 << 20)] }
    });
    connect(&directory).write_all(b"{\"command\":\"drop\",\"letter\":7}\n").unwrap();
    connect(&directory).write_all(b"{\"command\":\"drop\",\"letter\":7").unwrap();
    // This command is sent after both and is answered.
    ask(directory.path(), &Command::Status).unwrap();
    assert_eq!(carried_out.load(Ordering::SeqCst), 1);
    control.stop(soon());
}

#[test]
fn a_client_with_an_unfinished_request_blocks_others_only_briefly() {
    let (directory, control) = served(done);
    let _silent = connect(&directory);
    let mut trickling = connect(&directory);
    let trickle = std::thread::spawn(move || {
        while trickling.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    assert!(matches!(ask(directory.path(), &Command::Status), Ok(Answer::Done { .. })));
    trickle.join().unwrap();
    control.stop(soon());
}

#[test]
fn an_invalid_command_is_refused_with_a_message() {
    let (directory, control) = served(done);
    for request in ["nonsense\n", "{\"command\":\"reboot\"}\n", "{\"command\":\"drop\"}\n", "\n"] {
        let mut stream = connect(&directory);
        stream.write_all(request.as_bytes()).unwrap();
        let answer = said(stream);
        assert!(answer.contains("refused") && answer.contains("invalid command"), "{request}: {answer}");
    }
    let mut long = connect(&directory);
    // It may be cut off before all of it is written.
    let _written = long.write_all(&vec![b' '; 100 * 1024]);
    let mut rest = String::new();
    // A reset ends it as well.
    let _read = long.read_to_string(&mut rest);
    assert!(!rest.contains("done"), "{rest}");
    assert!(matches!(ask(directory.path(), &Command::Status), Ok(Answer::Done { .. })));
    control.stop(soon());
}

#[test]
fn an_action_of_a_source_that_waits_holds_up_neither_other_commands_nor_the_stop() {
    let (release, released) = std::sync::mpsc::sync_channel::<()>(0);
    let released = parking_lot::Mutex::new(released);
    let (begun, has_begun) = std::sync::mpsc::sync_channel(1);
    let (directory, control) = served(move |command| {
        if let Command::Source { .. } = command {
            begun.send(()).unwrap();
            released.lock().recv().ok();
        }
        Answer::Done { lines: Vec::new() }
    });
    let action = Command::Source { source: "a".to_owned(), action: "b".to_owned() };
    let mut waiting = connect(&directory);
    waiting.write_all(serde_json::to_string(&action).unwrap().as_bytes()).unwrap();
    waiting.write_all(b"\n").unwrap();
    has_begun.recv_timeout(TIMEOUT).unwrap();
    let mut other = connect(&directory);
    other.write_all(b"{\"command\":\"status\"}\n").unwrap();
    assert!(said(other).contains("done"));
    control.stop(crate::clock::Clock::system().monotonic());
    assert!(!socket_path(directory.path()).exists());
    drop(release);
}
