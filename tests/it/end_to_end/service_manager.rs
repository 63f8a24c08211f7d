//! meterline under a service manager: its messages, its watchdog, and sockets that outlive it.

use crate::support::load::now_ns;
use crate::support::process::Process;
use crate::support::service::{PASSWORD, PATH, Service, Setup, USER};
use crate::support::stores::of_sqlite;
use crate::support::wait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use meterline_load::{Body, Reading};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);
/// The watchdog's limit of the tests; the service checks every two seconds then.
const WATCHDOG_US: u64 = 8_000_000;

/// The service manager's end of the protocol.
struct Manager {
    socket: UnixDatagram,
    directory: TempDir,
}

impl Manager {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Self { socket, directory }
    }

    /// A shell's line that names it, and the watchdog.
    fn environment(&self) -> String {
        let path = self.directory.path().join("notify");
        format!("export NOTIFY_SOCKET={} WATCHDOG_USEC={WATCHDOG_US}", path.display())
    }

    /// The next message.
    fn next(&self) -> String {
        let mut bytes = [0; 4096];
        let count = self.socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..count].to_vec()).unwrap()
    }

    /// Whether a message comes in this time.
    #[cfg(feature = "test-faults")]
    fn hears_within(&self, limit: Duration) -> bool {
        self.socket.set_read_timeout(Some(limit)).unwrap();
        self.socket.recv(&mut [0; 4096]).is_ok()
    }
}

/// One reading of a meter of its own, this number of seconds before `last_ns`.
fn body(meter: u8, last_ns: i64, before: i64) -> Body {
    let time_ns = (last_ns / 1_000_000_000 - before) * 1_000_000_000;
    Body::new(0, vec![Reading { meter: [meter; 16], time_ns, values: vec![([1, 0, 1, 8, 0, 255], 1.0)] }])
}

/// Posts a body on a connection of its own. The connection is an error that the test shows; the
/// answer may be missing.
fn post(address: SocketAddr, body: &Body) -> std::io::Result<bool> {
    let credentials = BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"));
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {credentials}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n",
        body.bytes.len()
    );
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let mut answer = String::new();
    let sent = socket.write_all(&[head.as_bytes(), &body.bytes].concat());
    Ok(sent.is_ok() && socket.read_to_string(&mut answer).is_ok() && answer.split(' ').nth(1) == Some("200"))
}

#[test]
fn the_service_manager_hears_that_the_service_is_ready_alive_reloading_and_stopping() {
    let mut service = Setup::default().start();
    assert!(service.stop().success());
    let manager = Manager::new();
    service.start_again_after(&manager.environment());
    assert_eq!(manager.next(), "READY=1\n");
    assert!(post(service.webhook_address(), &body(1, now_ns(), 0)).unwrap(), "ready means that bodies are taken");
    assert_eq!((manager.next(), manager.next()), ("WATCHDOG=1\n".to_owned(), "WATCHDOG=1\n".to_owned()));
    let next = |what: &str| wait::until_some(what, LIMIT, || Some(manager.next()).filter(|it| it != "WATCHDOG=1\n"));
    service.process().signal("HUP");
    let reloading = next("the reload");
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(next("its end"), "READY=1\n");
    assert!(service.stop().success());
    assert_eq!(next("the stop"), "STOPPING=1\n");
}

#[cfg(feature = "test-faults")]
#[test]
fn the_watchdog_is_not_answered_while_the_journal_hangs() {
    let mut service = Setup::default().start();
    let next = service.next_sequence();
    assert!(service.stop().success());
    let manager = Manager::new();
    let faults = format!("{} METERLINE_TEST_FAULTS=journal-hangs-at={next}", manager.environment());
    service.start_again_after(&faults);
    assert_eq!((manager.next(), manager.next()), ("READY=1\n".to_owned(), "WATCHDOG=1\n".to_owned()));
    let address = service.webhook_address();
    let sender = std::thread::spawn(move || post(address, &body(2, now_ns(), 0)));
    let said = "the watchdog is not answered";
    wait::until("the watchdog is not answered", LIMIT, || service.log().contains(said));
    manager.socket.set_nonblocking(true).unwrap();
    while manager.socket.recv(&mut [0; 64]).is_ok() {}
    manager.socket.set_nonblocking(false).unwrap();
    assert!(!manager.hears_within(Duration::from_micros(WATCHDOG_US)), "it would not be restarted");
    assert_eq!(service.page("/livez").map(|(status, _)| status), Some(200), "only the data stands still");
    service.kill();
    assert!(!sender.join().unwrap().unwrap(), "what is not synced is not answered");
}

/// A loop that holds the sockets and starts the service again after each end, as the service
/// manager does.
struct Restarter {
    /// Holds the id of the service's process; the loop ends without it.
    process: PathBuf,
    _loop: Process,
    _directory: TempDir,
}

impl Restarter {
    fn start(service: &Service) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let process = directory.path().join("process");
        std::fs::write(&process, "").unwrap();
        let once = "echo $$ > \"$1\"; shift; export LISTEN_PID=$$; exec \"$@\"";
        let again = format!("while test -e \"$1\"; do sh -c '{once}' sh \"$@\"; done");
        let mut command = Command::new("systemd-socket-activate");
        for address in [service.webhook_address(), service.admin_address()] {
            command.arg("--listen").arg(address.to_string());
        }
        command.args(["sh", "-c", &again, "sh"]).arg(&process).args(service.run_line());
        let log = directory.path().join("log");
        let mut restarter = Self { process, _loop: Process::start(command, &log), _directory: directory };
        restarter.wait_ready(service, "");
        restarter
    }

    /// Waits for a process other than `before`, and returns its id.
    fn wait_ready(&mut self, service: &Service, before: &str) -> String {
        let id = wait::until_some("a process", LIMIT, || {
            // The first connection starts the loop.
            drop(TcpStream::connect(service.admin_address()));
            let id = std::fs::read_to_string(&self.process).unwrap_or_default().trim().to_owned();
            Some(id).filter(|id| !id.is_empty() && id != before)
        });
        wait::until("it is ready", LIMIT, || service.page("/readyz").is_some_and(|(status, _)| status == 200));
        id
    }

    fn restart(&mut self, service: &Service) {
        let id = std::fs::read_to_string(&self.process).unwrap().trim().to_owned();
        terminate(&id);
        self.wait_ready(service, &id);
    }
}

impl Drop for Restarter {
    fn drop(&mut self) {
        let id = std::fs::read_to_string(&self.process).unwrap_or_default().trim().to_owned();
        drop(std::fs::remove_file(&self.process));
        terminate(&id);
        let of_process = Path::new("/proc").join(&id);
        wait::until("its end", LIMIT, || id.is_empty() || !of_process.join("exe").exists());
    }
}

fn terminate(id: &str) {
    if !id.is_empty() {
        Command::new("sh").args(["-c", &format!("kill -TERM {id}")]).status().unwrap();
    }
}

#[test]
fn a_restart_under_load_refuses_no_connection_on_sockets_of_the_service_manager() {
    let mut service = Setup::default().start();
    assert!(service.stop().success());
    let mut restarter = Restarter::start(&service);
    let (address, last_ns, is_over) = (service.webhook_address(), now_ns(), AtomicBool::new(false));
    let send = |meter: u8| {
        let mut answered = 0;
        while !is_over.load(Ordering::SeqCst) {
            let body = body(meter, last_ns, answered);
            // Only an answer that is missing is asked for again.
            while !post(address, &body).unwrap_or_else(|error| panic!("a connection was refused: {error}")) {}
            answered += 1;
        }
        answered
    };
    let send = &send;
    let answered: i64 = std::thread::scope(|scope| {
        let senders: Vec<_> = (1..=8).map(|meter| scope.spawn(move || send(meter))).collect();
        for _ in 0..3 {
            restarter.restart(&service);
        }
        is_over.store(true, Ordering::SeqCst);
        senders.into_iter().map(|sender| sender.join().unwrap()).sum()
    });
    service.wait_for_sink("sqlite");
    drop(restarter);
    let stored = i64::try_from(of_sqlite(&service.sqlite_file()).len()).unwrap();
    assert!(answered > 0 && stored == answered, "{answered} answered, {stored} stored");
    assert!(TcpStream::connect(address).is_err(), "the sockets are closed with their holder");
}

#[test]
fn a_passed_descriptor_that_is_no_socket_is_refused() {
    let mut service = Setup::default().start();
    assert!(service.stop().success());
    let line = "exec 3</dev/null; export LISTEN_FDS=1";
    let refused = service.run_command_after(line).output().unwrap();
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && message.contains("no TCP socket"), "{message}");
}
