//! meterline as a process: configured, started, killed, queried.

use super::process::Process;
use super::{ports, wait};
use meterline_load::{Body, Connection, Target, http};
use serde_json::Value;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The account that every service of the tests has.
pub(crate) const ACCOUNT: &str = "acme";
pub(crate) const USER: &str = "smart-me-cloud";
/// A secret that no output of the service may contain.
pub(crate) const PASSWORD: &str = "correct-horse-battery-staple";
pub(crate) const PATH: &str = "/smart-me/3f0c6b1e9a";

const START_LIMIT: Duration = Duration::from_secs(60);
const DRAIN_LIMIT: Duration = Duration::from_secs(120);

/// The configuration of a service beside its ports and its embedded store.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setup {
    /// Server and table.
    pub(crate) questdb: Option<(String, String)>,
    /// Brokers and topic.
    pub(crate) kafka: Option<(String, String)>,
    /// Further lines of its Kafka sink.
    pub(crate) kafka_lines: &'static str,
    /// Brokers and topic that QuestDB reads instead of the journal.
    pub(crate) kafka_log: Option<(String, String)>,
    /// Further lines of the webhook.
    pub(crate) webhook: &'static str,
    /// Further lines of the account.
    pub(crate) account: &'static str,
    /// Further accounts, by their names; their paths are `/NAME`, their credentials the same.
    pub(crate) others: &'static [&'static str],
    /// Further tables.
    pub(crate) tables: &'static str,
    /// Options of `meterline run`.
    pub(crate) options: &'static [&'static str],
    /// The size in bytes of a file system for the data directory alone, which only the
    /// service sees and which ends with it.
    pub(crate) volume_bytes: Option<u64>,
}

impl Setup {
    /// All sinks, with the shared servers' table and topic of this name.
    #[cfg(feature = "kafka")]
    pub(crate) fn with_all_sinks(name: &str) -> Self {
        let questdb = Some((super::questdb::Client::shared().url().to_owned(), name.to_owned()));
        let kafka = Some((super::kafka::shared(), name.to_owned()));
        Self { questdb, kafka, ..Self::default() }
    }

    /// Creates tables and topics and starts the service.
    pub(crate) fn start(self) -> Service {
        let service = self.place();
        let migrated = service.command(&["migrate"]);
        assert!(migrated.status.success(), "meterline migrate: {migrated:?}");
        service.started()
    }

    /// Starts the service with the sinks as they are.
    pub(crate) fn start_unmigrated(self) -> Service {
        self.place().started()
    }

    fn place(self) -> Service {
        let directory = tempfile::tempdir().unwrap();
        let (webhook_port, admin_port) = (ports::free(), ports::free());
        let service = Service {
            process: None,
            webhook_port,
            admin_port,
            options: self.options,
            faults: "",
            volume_bytes: self.volume_bytes,
            directory,
        };
        std::fs::write(service.file("password"), PASSWORD).unwrap();
        std::fs::write(service.file("meterline.toml"), self.toml(&service)).unwrap();
        service
    }

    fn toml(&self, service: &Service) -> String {
        let Service { webhook_port, admin_port, .. } = service;
        let mut toml = format!(
            "data_directory = {:?}\n[webhook]\nlisten = \"127.0.0.1:{webhook_port}\"\n{}\n\
             [[webhook.account]]\nname = \"{ACCOUNT}\"\npath = \"{PATH}\"\nusername = \"{USER}\"\npassword_file = {:?}\n{}\n\
             [admin]\nlisten = \"127.0.0.1:{admin_port}\"\n[sink.sqlite]\n{}\n",
            service.file("data"),
            self.webhook,
            service.file("password"),
            self.account,
            self.tables,
        );
        for name in self.others {
            let password = service.file("password");
            writeln!(
                toml,
                "[[webhook.account]]\nname = \"{name}\"\npath = \"/{name}\"\nusername = \"{USER}\"\npassword_file = {password:?}"
            )
            .unwrap();
        }
        if let Some((url, table)) = &self.questdb {
            writeln!(toml, "[sink.questdb]\nurl = \"{url}\"\ntable = \"{table}\"\nlate_flush = \"1s\"").unwrap();
        }
        if let Some((brokers, topic)) = &self.kafka {
            writeln!(toml, "[sink.kafka]\nbrokers = \"{brokers}\"\ntopic = \"{topic}\"\npartitions = 4").unwrap();
            writeln!(toml, "{}", self.kafka_lines).unwrap();
        }
        if let Some((brokers, topic)) = &self.kafka_log {
            writeln!(toml, "[kafka_log]\nbrokers = \"{brokers}\"\ntopic = \"{topic}\"").unwrap();
            writeln!(toml, "group = \"{topic}\"\nsession_timeout = \"6s\"").unwrap();
        }
        toml
    }
}

/// A service of a test's own; keeps its ports and its data over stop and start.
#[derive(Debug)]
pub(crate) struct Service {
    process: Option<Process>,
    webhook_port: u16,
    admin_port: u16,
    options: &'static [&'static str],
    /// Switches of test builds that the next start has.
    faults: &'static str,
    volume_bytes: Option<u64>,
    directory: TempDir,
}

impl Service {
    /// The webhook's address with the account's credentials.
    pub(crate) fn target(&self) -> Target {
        Target::with_credentials(self.webhook_url(), USER, PASSWORD)
    }

    /// Posts bodies one after the other; each must be accepted.
    pub(crate) fn post_all<'a>(&self, bodies: impl IntoIterator<Item = &'a Body>) {
        let connection = Connection::new(&self.target());
        for body in bodies {
            assert_eq!(connection.post(&body.bytes).unwrap().status, 200);
        }
    }

    /// The webhook's address for another account.
    pub(crate) fn target_of(&self, name: &str) -> Target {
        Target::with_credentials(format!("http://{}/{name}", self.webhook_address()), USER, PASSWORD)
    }

    /// The webhook's listen address.
    pub(crate) fn webhook_address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.webhook_port))
    }

    /// Its configuration.
    pub(crate) fn configuration_file(&self) -> PathBuf {
        self.file("meterline.toml")
    }

    /// The control socket.
    pub(crate) fn control_socket(&self) -> PathBuf {
        self.file("data/control.sock")
    }

    /// The account's URL.
    pub(crate) fn webhook_url(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.webhook_port)
    }

    /// The embedded store.
    pub(crate) fn sqlite_file(&self) -> PathBuf {
        self.file("data/meterline.sqlite")
    }

    /// The whole log, over all its starts.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.file("service.log")).unwrap()
    }

    /// Status and text of a page of the admin listener; `None` while it does not answer.
    pub(crate) fn page(&self, path: &str) -> Option<(u16, String)> {
        http::get(&format!("http://127.0.0.1:{}{path}", self.admin_port)).ok()
    }

    /// The built-in page's data.
    pub(crate) fn status(&self) -> Value {
        let (status, text) = self.page("/status.json").expect("the admin listener answers");
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The built-in page's data of a sink.
    pub(crate) fn sink(&self, name: &str) -> Value {
        let status = self.status();
        let sinks = status["sinks"].as_array().unwrap();
        sinks.iter().find(|sink| sink["name"] == name).unwrap_or_else(|| panic!("no sink {name} in {status}")).clone()
    }

    /// The built-in page's data of a source; null if there is none.
    pub(crate) fn source(&self, name: &str, kind: &str) -> Value {
        let status = self.status();
        let mut sources = status["sources"].as_array().unwrap().iter();
        sources.find(|it| it["name"] == name && it["kind"] == kind).cloned().unwrap_or_default()
    }

    /// The sequence of the next record.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.status()["journal"]["next_sequence"].as_u64().unwrap()
    }

    /// The value of a metric line that begins with `series`; 0 where there is none.
    pub(crate) fn metric(&self, series: &str) -> f64 {
        let (_, text) = self.page("/metrics").expect("the admin listener answers");
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    /// Waits until a sink has everything that is in the journal now.
    pub(crate) fn wait_for_sink(&self, name: &str) {
        let goal = self.next_sequence();
        wait::until(&format!("{name} has all up to {goal}"), DRAIN_LIMIT, || {
            self.sink(name)["next_sequence"].as_u64() >= Some(goal)
        });
    }

    /// Waits until every store has everything that is in the journal now. Coverage is
    /// left out: it stores its position only every minute.
    pub(crate) fn wait_drained(&self) {
        let status = self.status();
        for sink in status["sinks"].as_array().unwrap().iter().filter(|sink| sink["name"] != "coverage") {
            self.wait_for_sink(sink["name"].as_str().unwrap());
        }
    }

    /// Waits until the stored cursors of these sinks are at the journal's end.
    pub(crate) fn wait_for_stored_cursors(&self, sinks: &[&str]) {
        wait::until(&format!("stored cursors of {sinks:?}"), DRAIN_LIMIT, || {
            let journal: Value = serde_json::from_str(&self.text_of(&["journal", "--json"])).unwrap();
            let cursors = journal["cursors"].as_array().unwrap();
            sinks.iter().all(|sink| {
                cursors
                    .iter()
                    .any(|cursor| cursor["name"] == *sink && cursor["next_sequence"] == journal["next_sequence"])
            })
        });
    }

    /// Waits until a sink is in this state.
    pub(crate) fn wait_for_state(&self, name: &str, state: &str) {
        wait::until(&format!("{name} is {state}"), DRAIN_LIMIT, || self.sink(name)["state"] == state);
    }

    /// Runs a command of the program on this service's configuration.
    pub(crate) fn command(&self, arguments: &[&str]) -> Output {
        let mut program = program();
        program.env("METERLINE_TEST_FAULTS", self.faults);
        program.args(arguments).arg("--config").arg(self.file("meterline.toml")).output().unwrap()
    }

    /// Starts a command with piped streams.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        let mut program = program();
        program.env("METERLINE_TEST_FAULTS", self.faults);
        program.args(arguments).arg("--config").arg(self.file("meterline.toml"));
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs a command, which must succeed; its standard output.
    pub(crate) fn text_of(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments);
        assert!(output.status.success(), "meterline {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Gives it another configuration, for its next start.
    pub(crate) fn set_setup(&mut self, setup: &Setup) {
        std::fs::write(self.file("meterline.toml"), setup.toml(self)).unwrap();
    }

    /// Runs a command, which must be refused; returns what it prints.
    pub(crate) fn refusal_of(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments);
        assert!(!output.status.success(), "meterline {arguments:?} is done: {output:?}");
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.take().expect("the service runs").kill();
    }

    /// SIGTERM, and waits for the end.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.process.take().expect("the service runs").stop()
    }

    /// The running process.
    pub(crate) fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("the service runs")
    }

    /// Starts it again after [`Service::kill`], [`Service::stop`] or its own end, and
    /// waits until it is ready.
    pub(crate) fn start_again(&mut self) {
        self.process = None;
        let process = Process::start(self.run_command(), &self.file("service.log"));
        self.wait_ready(process);
    }

    /// The same, with another way to see that it is ready, such as by TLS.
    pub(crate) fn start_again_until(&mut self, is_ready: impl Fn(&Self) -> bool) {
        self.process = None;
        let mut process = Process::start(self.run_command(), &self.file("service.log"));
        process.wait_ready("meterline is ready", START_LIMIT, || is_ready(self));
        self.process = Some(process);
    }

    /// The same with this standard error and these environment variables.
    pub(crate) fn start_again_with(&mut self, stderr: impl Into<Stdio>, variables: &[(&str, &str)]) {
        self.process = None;
        let mut command = self.run_command();
        command.envs(variables.iter().copied());
        let process = Process::start_with_stderr(command, &self.file("service.log"), stderr);
        self.wait_ready(process);
    }

    /// The same by a shell that prepares the process with this line.
    pub(crate) fn start_again_after(&mut self, line: &str) {
        self.process = None;
        let command = self.run_command_after(line);
        let process = Process::start(command, &self.file("service.log"));
        self.wait_ready(process);
    }

    /// `meterline run` by a shell that prepares the process with this line.
    pub(crate) fn run_command_after(&self, line: &str) -> Command {
        let run = self.run_command();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{line} && exec \"$@\""), "sh"]).arg(run.get_program()).args(run.get_args());
        command.env_remove("METERLINE_CONFIG").env_remove("METERLINE_LOG");
        command
    }

    /// The program and the arguments that run it.
    pub(crate) fn run_line(&self) -> Vec<OsString> {
        let run = self.run_command();
        std::iter::once(run.get_program()).chain(run.get_args()).map(ToOwned::to_owned).collect()
    }

    fn run_command(&self) -> Command {
        let mut command = match self.volume_bytes {
            None => program(),
            Some(bytes) => self.program_on_volume(bytes),
        };
        command.arg("run").arg("--config").arg(self.file("meterline.toml")).args(self.options);
        command.env("METERLINE_TEST_FAULTS", self.faults);
        command
    }

    fn wait_ready(&mut self, mut process: Process) {
        process.wait_ready("meterline is ready", START_LIMIT, || {
            self.page("/readyz").is_some_and(|(status, _)| status == 200)
        });
        self.process = Some(process);
    }

    /// The address of the admin listener.
    pub(crate) fn admin_address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.admin_port))
    }

    /// The program in a mount namespace of its own, with a file system as its data directory.
    fn program_on_volume(&self, bytes: u64) -> Command {
        std::fs::create_dir_all(self.file("data")).unwrap();
        let mut command = Command::new("unshare");
        let script = format!("mount -t tmpfs -o size={bytes} tmpfs \"$0\" && exec \"$@\"");
        command.args(["-rm", "sh", "-c", &script]).arg(self.file("data")).arg(env!("CARGO_BIN_EXE_meterline"));
        command
    }

    /// A file of the data directory as the running service sees it.
    pub(crate) fn file_on_volume(&self, name: &str) -> PathBuf {
        let process = self.process.as_ref().expect("the service runs").id();
        let data = self.file("data");
        PathBuf::from(format!("/proc/{process}/root{}/{name}", data.display()))
    }

    /// The data directory.
    pub(crate) fn data_directory(&self) -> PathBuf {
        self.file("data")
    }

    /// Sets the switches of test builds for the next start and for commands from now on.
    pub(crate) fn set_faults(&mut self, faults: &'static str) {
        self.faults = faults;
    }

    /// Stops it, and starts it with other switches of test builds.
    pub(crate) fn restart_with(&mut self, faults: &'static str) {
        assert!(self.stop().success());
        self.set_faults(faults);
        self.start_again();
    }

    /// Changes the configuration, for the next start.
    pub(crate) fn reconfigure(&self, before: &str, after: &str) {
        let file = self.file("meterline.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(before), "no {before:?} in {text}");
        std::fs::write(&file, text.replace(before, after)).unwrap();
    }

    /// Adds to the configuration, for the next start.
    pub(crate) fn append_configuration(&self, tables: &str) {
        let file = self.file("meterline.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, format!("{text}\n{tables}\n")).unwrap();
    }

    /// A file that holds a secret, for the configuration to name.
    pub(crate) fn secret_file(&self, name: &str, secret: &str) -> PathBuf {
        std::fs::write(self.file(name), secret).unwrap();
        self.file(name)
    }

    /// The small files in the data directory, as text.
    pub(crate) fn data_texts(&self) -> Vec<(String, String)> {
        let files = std::fs::read_dir(self.file("data")).unwrap().map(|entry| entry.unwrap());
        let texts = files.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "json"));
        texts
            .map(|entry| (entry.path().display().to_string(), std::fs::read_to_string(entry.path()).unwrap()))
            .collect()
    }

    fn started(mut self) -> Self {
        self.start_again();
        self
    }

    fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// The program, without the environment variables of a developer's shell.
pub(crate) fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_meterline"));
    program.env_remove("METERLINE_CONFIG").env_remove("METERLINE_LOG");
    program
}
