//! QuestDB and Kafka, started by the scripts of the tests.

use crate::children::Process;
use crate::program::{configuration, free_port};
use meterline_compare::clock;
use meterline_load::http;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const START_LIMIT: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(100);

/// The servers.
#[derive(Debug)]
pub(crate) struct Stores {
    /// URL.
    pub(crate) questdb: String,
    /// Brokers.
    pub(crate) kafka: String,
    servers: Vec<Process>,
}

/// The root of the tree.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Stores {
    /// Fetches what is missing, starts both servers and waits until they answer.
    pub(crate) fn start(directory: &Path) -> Result<Self, String> {
        let scripts = root().join("tests/servers");
        let fetched = Command::new(scripts.join("fetch.sh")).stdout(Stdio::null()).status();
        if !fetched.as_ref().is_ok_and(std::process::ExitStatus::success) {
            return Err(format!("tests/servers/fetch.sh failed: {fetched:?}"));
        }
        let ports: Vec<String> = (0..5).map(|_| free_port().map(|port| port.to_string())).collect::<Result<_, _>>()?;
        let mut stores = Self {
            questdb: format!("http://127.0.0.1:{}", ports[0]),
            kafka: format!("127.0.0.1:{}", ports[3]),
            servers: Vec::new(),
        };
        for (name, ports) in [("questdb", &ports[..3]), ("kafka", &ports[3..])] {
            let log = directory.join(format!("{name}.log"));
            let log = File::create(&log).map_err(|error| format!("cannot write {}: {error}", log.display()))?;
            let both = log.try_clone().map_err(|error| error.to_string())?;
            let mut command = Command::new(scripts.join(format!("{name}.sh")));
            command.arg(directory.join(name)).args(ports).stdin(Stdio::null()).stdout(log).stderr(both);
            stores.servers.push(Process::spawn(&mut command)?);
        }
        stores.wait_until_they_answer(directory)?;
        Ok(stores)
    }

    fn wait_until_they_answer(&mut self, directory: &Path) -> Result<(), String> {
        let begun = clock::now();
        let ping = format!("{}/ping", self.questdb);
        while !http::get(&ping).is_ok_and(|(status, _)| status == 204) || TcpStream::connect(&self.kafka).is_err() {
            let has_ended = self.servers.iter_mut().any(|server| matches!(server.0.try_wait(), Ok(Some(_))));
            if has_ended || begun.elapsed() > START_LIMIT {
                let logs = ["questdb.log", "kafka.log"].map(|name| last_lines(&directory.join(name)));
                return Err(format!("QuestDB and Kafka do not answer; the ends of their logs:\n{}", logs.concat()));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Makes a table and a topic of this name, as meterline has them.
    pub(crate) fn migrate(&self, meterline: &Path, directory: &Path, name: &str) -> Result<(), String> {
        fs::create_dir_all(directory).map_err(|error| format!("cannot create {}: {error}", directory.display()))?;
        let file = directory.join("migrate.toml");
        let text = configuration(directory, free_port()?, free_port()?, Some(self), name);
        fs::write(&file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        // A broker that listens may still not lead its partitions.
        let begun = clock::now();
        loop {
            let output = Command::new(meterline).args(["migrate", "--config"]).arg(&file).output();
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
    pub(crate) fn query(&self, sql: &str) -> Result<Vec<String>, String> {
        Ok(self.answer("exp", sql)?.lines().skip(1).map(|line| line.replace('"', "")).collect())
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
    pub(crate) fn remove(&self, name: &str) -> Result<(), String> {
        for view in ["day", "hour", "15m"] {
            self.answer("exec", &format!("DROP MATERIALIZED VIEW IF EXISTS \"{name}_{view}\""))?;
        }
        self.answer("exec", &format!("DROP TABLE IF EXISTS \"{name}\""))?;
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
