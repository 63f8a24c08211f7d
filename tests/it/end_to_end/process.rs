//! The process: its signals, its environment and its limit of open files.

use crate::support::load::{fleet, now_ns};
use crate::support::service::{Service, Setup, program};
use crate::support::wait;
use meterline_load::Script;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn signals_without_a_meaning_are_ignored_and_sigterm_stops_in_order() {
    let mut service = Setup::default().start();
    for name in ["USR1", "USR2", "QUIT"] {
        service.process().signal(name);
        wait::until(&format!("SIG{name} is logged"), LIMIT, || service.log().contains(&format!("SIG{name}")));
        assert_eq!(service.process().ended(), None, "SIG{name}");
    }
    service.post_all(&fleet(3).script(&Script::mixed(20, now_ns())));
    assert!(service.stop().success());
    assert!(service.log().ends_with("stopped\n"));
}

#[test]
fn sighup_stops_a_service_in_a_terminal_in_order() {
    let mut service = Setup::default().start();
    assert!(service.stop().success());
    let run = service.run_command_after("true");
    let words: Vec<String> =
        run.get_args().map(|word| format!("'{}'", word.to_string_lossy().replace('\'', "'\\''"))).collect();
    let mut terminal = Command::new("script");
    let log = service.data_directory().with_file_name("terminal.log");
    terminal.args(["-qec", &format!("sh {}", words.join(" ")), "/dev/null"]).stdin(Stdio::piped());
    let mut terminal = terminal.stdout(File::create(&log).unwrap()).spawn().unwrap();
    wait::until("it is ready", LIMIT, || service.page("/readyz").is_some_and(|(status, _)| status == 200));
    let socket = service.control_socket();
    assert!(socket.exists());
    // Its terminal is gone.
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    wait::until("it has stopped", LIMIT, || service.page("/readyz").is_none());
    wait::until("the stop was in order", LIMIT, || !socket.exists());
}

#[test]
fn nohup_keeps_the_service_running_at_a_hangup() {
    let mut service = Setup::default().start();
    assert!(service.stop().success());
    service.start_again_after("trap '' HUP");
    service.process().signal("HUP");
    service.process().signal("USR1");
    wait::until("the signal after it is logged", LIMIT, || service.log().contains("SIGUSR1"));
    assert_eq!(service.process().ended(), None);
    assert!(service.stop().success());
}

#[cfg(feature = "test-faults")]
#[test]
fn a_part_that_hangs_at_the_stop_is_abandoned_after_the_deadline() {
    let mut service = Setup { options: &["--stop-within", "1s"], ..Setup::default() }.start();
    service.restart_with("stop-hangs");
    service.process().terminate();
    assert_eq!(service.process().wait().code(), Some(1));
    assert!(service.log().contains("a part does not end"));
}

/// The variables that Kubernetes gives to every container of a namespace with services of these names.
const SERVICE_LINKS: [(&str, &str); 10] = [
    ("METERLINE_SERVICE_HOST", "10.43.7.9"),
    ("METERLINE_SERVICE_PORT", "8080"),
    ("METERLINE_SERVICE_PORT_WEBHOOK", "8080"),
    ("METERLINE_PORT", "tcp://10.43.7.9:8080"),
    ("METERLINE_PORT_8080_TCP", "tcp://10.43.7.9:8080"),
    ("METERLINE_PORT_8080_TCP_PROTO", "tcp"),
    ("METERLINE_PORT_8080_TCP_PORT", "8080"),
    ("METERLINE_PORT_8080_TCP_ADDR", "10.43.7.9"),
    ("METERLINE_WEBHOOK_TLS_SERVICE_HOST", "10.43.7.10"),
    ("METERLINE_WEBHOOK_TLS_PORT", "tcp://10.43.7.10:8443"),
];

#[test]
fn a_kubernetes_service_of_this_name_is_no_error_in_the_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let check = |variables: &[(&str, &str)]| {
        let mut command = program();
        command.arg("check").current_dir(directory.path()).envs(variables.iter().copied());
        command.output().unwrap()
    };
    let output = check(&SERVICE_LINKS);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    // A mistaken name is still an error.
    for variable in [("METERLINE_PORT", "8080"), ("METERLINE_SERVICE_HOSTS", "a"), ("METERLINE_PORT_8080", "tcp://a:1")]
    {
        assert_eq!(check(&[variable]).status.code(), Some(3), "{variable:?}");
    }
}

fn open_files_max(service: &Service) -> f64 {
    service.metric("process_max_fds")
}

/// A service that is prepared by a shell.
fn started_after(line: &str) -> Service {
    let mut service = Setup::default().start();
    assert!(service.stop().success());
    service.start_again_after(line);
    service
}

#[test]
fn the_soft_limit_of_open_files_is_raised_to_the_hard_one() {
    let service = started_after("ulimit -S -n 200 && ulimit -H -n 3000");
    wait::until("the limit is measured", LIMIT, || open_files_max(&service) > 0.0);
    assert_eq!(open_files_max(&service), 3000.0);
    assert_eq!(service.metric("meterline_webhook_connections_max"), 1024.0);
}

#[test]
fn idle_connections_leave_files_and_posts_the_descriptors_that_they_need() {
    let service = started_after("ulimit -n 400");
    let connections_max = service.metric("meterline_webhook_connections_max");
    assert!(connections_max > 0.0 && connections_max < 400.0, "{connections_max}");
    let idle: Vec<_> = (0..500).map(|_| TcpStream::connect(service.webhook_address()).unwrap()).collect();
    wait::until("the connections use their bound", LIMIT, || {
        service.metric("meterline_webhook_connections") >= connections_max
    });
    service.post_all(&fleet(3).script(&Script::mixed(50, now_ns())));
    service.wait_drained();
    service.wait_for_stored_cursors(&["sqlite"]);
    assert_eq!(service.metric("meterline_webhook_accept_errors_total"), 0.0);
    assert!(service.metric("meterline_webhook_connections_closed_total{reason=\"displaced\"}") > 0.0);
    drop(idle);
}

#[test]
fn too_few_descriptors_are_said_by_check_and_refuse_the_start() {
    let mut service = Setup::default().start();
    assert!(service.stop().success());
    let output = service.run_command_after("ulimit -n 24").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("limit of open files") && said.contains("LimitNOFILE"), "{said}");
    let mut command = std::process::Command::new("sh");
    let line = format!("ulimit -n 24 && exec '{}' check", env!("CARGO_BIN_EXE_meterline"));
    let output = command.args(["-c", &line]).current_dir(service.data_directory()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(3) && said.contains("limit of open files"), "{said}");
}

#[test]
fn a_service_that_cannot_accept_is_not_ready_until_it_can() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let mut service = Setup::default().start();
    let process = Pid::from_raw(i32::try_from(service.process().id()).unwrap());
    // A connection that the page needs stays open meanwhile.
    let mut page = KeptPage(TcpStream::connect(service.admin_address()).unwrap());
    assert_eq!(page.status("/readyz"), 200);
    let before = prlimit(process, Resource::Nofile, Rlimit { current: Some(8), maximum: Some(20_000) }).unwrap();
    let _waiting = TcpStream::connect(service.webhook_address()).unwrap();
    wait::until("not ready", LIMIT, || page.status("/readyz") == 503);
    assert_eq!(page.status("/livez"), 200);
    prlimit(process, Resource::Nofile, before).unwrap();
    wait::until("ready again", LIMIT, || page.status("/readyz") == 200);
    assert!(service.metric("meterline_webhook_accept_errors_total") > 0.0);
}

/// A connection to the admin listener that is used again and again.
struct KeptPage(TcpStream);

impl KeptPage {
    /// The status of a page whose text is short.
    fn status(&mut self, path: &str) -> u16 {
        write!(self.0, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut came = [0; 4096];
        let count = self.0.read(&mut came).unwrap();
        std::str::from_utf8(&came[9..count.max(12)][..3]).unwrap().parse().unwrap()
    }
}
