//! QuestDB and Kafka, started by the scripts of the tests.

use crate::children::Process;
use crate::clock;
use crate::ports;
use meterline_load::http;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const START_LIMIT: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(100);

/// The root of the tree.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A server with its data, which outlives a restart.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    directory: PathBuf,
    arguments: Vec<String>,
    process: Option<Process>,
}

impl Server {
    /// Starts it, also again. It may not answer yet.
    ///
    /// # Errors
    /// If its script does not start.
    pub fn start(&mut self) -> Result<(), String> {
        let log = self.log();
        let log = File::options().create(true).append(true).open(&log);
        let log = log.map_err(|error| format!("the log of {} cannot be written: {error}", self.name))?;
        let both = log.try_clone().map_err(|error| error.to_string())?;
        let mut command = Command::new(root().join("tests/servers").join(format!("{}.sh", self.name)));
        command.arg(self.directory.join(self.name)).args(&self.arguments);
        command.stdin(Stdio::null()).stdout(log).stderr(both);
        self.process = Some(Process::spawn(&mut command)?);
        Ok(())
    }

    /// Its process, while it was not killed.
    pub fn process(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.process = None;
    }

    fn log(&self) -> PathBuf {
        self.directory.join(format!("{}.log", self.name))
    }
}

/// The servers.
#[derive(Debug)]
pub struct Stores {
    /// URL.
    pub questdb: String,
    /// Brokers.
    pub kafka: String,
    /// QuestDB and Kafka.
    pub servers: [Server; 2],
}

impl Stores {
    /// Fetches what is missing, starts both servers and waits until they answer. Clients of Kafka are sent to
    /// `advertised`, a port of this machine, if it is given.
    ///
    /// # Errors
    /// If they cannot be fetched or do not answer.
    pub fn start(directory: &Path, advertised: Option<u16>) -> Result<Self, String> {
        let fetched = Command::new(root().join("tests/servers/fetch.sh")).stdout(Stdio::null()).status();
        if !fetched.as_ref().is_ok_and(std::process::ExitStatus::success) {
            return Err(format!("tests/servers/fetch.sh failed: {fetched:?}"));
        }
        let ports: Vec<String> =
            (0..5).map(|_| ports::free().map(|port| port.to_string())).collect::<Result<_, _>>()?;
        let mut of_kafka = ports[3..].to_vec();
        of_kafka.extend(advertised.map(|port| format!("advertised.listeners=PLAINTEXT://127.0.0.1:{port}")));
        let server = |name, arguments: &[String]| {
            let (directory, arguments) = (directory.to_owned(), arguments.to_vec());
            Server { name, directory, arguments, process: None }
        };
        let mut stores = Self {
            questdb: format!("http://127.0.0.1:{}", ports[0]),
            kafka: format!("127.0.0.1:{}", ports[3]),
            servers: [server("questdb", &ports[..3]), server("kafka", &of_kafka)],
        };
        for server in &mut stores.servers {
            server.start()?;
        }
        stores.wait_until_they_answer()?;
        Ok(stores)
    }

    /// Waits until both answer.
    ///
    /// # Errors
    /// If one has ended, or does not answer for too long.
    pub fn wait_until_they_answer(&mut self) -> Result<(), String> {
        let begun = clock::now();
        let ping = format!("{}/ping", self.questdb);
        while !http::get(&ping).is_ok_and(|(status, _)| status == 204) || TcpStream::connect(&self.kafka).is_err() {
            let mut processes = self.servers.iter_mut().map(Server::process);
            let has_ended = processes.any(|process| !process.is_some_and(Process::is_running));
            if has_ended || begun.elapsed() > START_LIMIT {
                let logs: Vec<String> = self.servers.iter().map(|server| last_lines(&server.log())).collect();
                return Err(format!("QuestDB and Kafka do not answer; the ends of their logs:\n{}", logs.concat()));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Makes the table and the topic of a configuration.
    ///
    /// # Errors
    /// If `meterline migrate` keeps failing.
    pub fn migrate(&self, meterline: &Path, configuration: &Path) -> Result<(), String> {
        // A broker that listens may still not lead its partitions.
        let begun = clock::now();
        loop {
            let output = Command::new(meterline).args(["migrate", "--config"]).arg(configuration).output();
            let output = output.map_err(|error| format!("{} does not start: {error}", meterline.display()))?;
            if output.status.success() {
                return Ok(());
            }
            if begun.elapsed() > START_LIMIT {
                return Err(format!("meterline migrate: {}", String::from_utf8_lossy(&output.stderr)));
            }
            std::thread::sleep(POLL);
        }
    }

    /// The lines of a query's answer as CSV, without the head.
    ///
    /// # Errors
    /// If QuestDB refuses the query.
    pub fn query(&self, sql: &str) -> Result<Vec<String>, String> {
        Ok(self.answer("exp", sql)?.lines().skip(1).map(|line| line.replace('"', "")).collect())
    }

    /// Runs a statement that gives no rows.
    ///
    /// # Errors
    /// If QuestDB refuses it.
    pub fn execute(&self, sql: &str) -> Result<(), String> {
        self.answer("exec", sql).map(drop)
    }

    fn answer(&self, path: &str, sql: &str) -> Result<String, String> {
        let encoded: String = sql.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = http::get(&format!("{}/{path}?query={encoded}", self.questdb));
        match answer.map_err(|error| format!("QuestDB: {error}"))? {
            (200, text) => Ok(text),
            (status, text) => Err(format!("QuestDB answered {status} to `{sql}`: {text}")),
        }
    }

    /// Removes the table, its views and the topic.
    ///
    /// # Errors
    /// If a server does not take the request.
    pub fn remove(&self, name: &str) -> Result<(), String> {
        for view in ["day", "hour", "15m"] {
            self.execute(&format!("DROP MATERIALIZED VIEW IF EXISTS \"{name}_{view}\""))?;
        }
        self.execute(&format!("DROP TABLE IF EXISTS \"{name}\""))?;
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &self.kafka).create().map_err(|error| error.to_string())?;
        let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
        runtime.block_on(admin.delete_topics(&[name], &AdminOptions::new())).map_err(|error| error.to_string())?;
        Ok(())
    }
}

fn last_lines(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(10);
    format!("{}:\n{}\n", path.display(), lines[from..].join("\n"))
}
