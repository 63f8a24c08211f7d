//! QuestDB: a client of any server, and servers of a test's own.

use super::process::{Process, server_script};
use super::{from_environment, ports, wait};
use meterline_load::http;
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const START_LIMIT: Duration = Duration::from_secs(60);
const REFRESH_LIMIT: Duration = Duration::from_secs(30);

/// Queries a server by SQL.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    url: String,
}

impl Client {
    /// A client of the server that `./test` started for all tests.
    pub(crate) fn shared() -> Self {
        Self::new(&from_environment("METERLINE_TEST_QUESTDB"))
    }

    /// A client of the server at `url`.
    pub(crate) fn new(url: &str) -> Self {
        Self { url: url.to_owned() }
    }

    /// The server's URL, as in the configuration.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The rows of a query. Panics with the server's answer when it refuses.
    pub(crate) fn query(&self, sql: &str) -> Vec<Vec<Value>> {
        self.try_query(sql).unwrap_or_else(|error| panic!("QuestDB refused `{sql}`: {error}"))
    }

    /// The only value of a query.
    pub(crate) fn value(&self, sql: &str) -> Value {
        let rows = self.query(sql);
        assert_eq!(rows.len(), 1, "rows of `{sql}`");
        rows[0][0].clone()
    }

    /// Number of rows of a table; 0 while there is no such table.
    pub(crate) fn count(&self, table: &str) -> u64 {
        match self.try_query(&format!("select count() from {table}")) {
            Ok(rows) => rows[0][0].as_u64().unwrap(),
            Err(_) => 0,
        }
    }

    /// Runs a statement. Panics with the server's answer when it refuses.
    pub(crate) fn execute(&self, sql: &str) {
        self.query(sql);
    }

    /// The rows of a query, or what went wrong.
    pub(crate) fn try_query(&self, sql: &str) -> Result<Vec<Vec<Value>>, String> {
        let encoded: String = sql.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let url = format!("{}/exec?nm=true&query={encoded}", self.url);
        let (status, body) = http::get(&url).map_err(|error| error.to_string())?;
        if status != 200 {
            return Err(format!("{status}: {body}"));
        }
        let json: Value = serde_json::from_str(&body).map_err(|error| format!("{error} in {body}"))?;
        Ok(json["dataset"].as_array().into_iter().flatten().map(|row| row.as_array().unwrap().clone()).collect())
    }

    /// Refreshes the views of a table incrementally, each after the one that it is made from, and waits until
    /// they have every row.
    pub(crate) fn refresh_views(&self, table: &str) {
        for view in ["15m", "hour", "day"].map(|name| format!("{table}_{name}")) {
            self.execute(&format!("REFRESH MATERIALIZED VIEW {view} INCREMENTAL"));
            let sql = format!(
                "SELECT view_name FROM materialized_views() \
                 WHERE view_name = '{view}' AND refresh_base_table_txn = base_table_txn"
            );
            wait::until(&format!("{view} is refreshed"), REFRESH_LIMIT, || !self.query(&sql).is_empty());
            self.execute(&format!("SELECT wait_wal_table('{view}')"));
        }
    }

    /// Whether the server answers.
    pub(crate) fn is_up(&self) -> bool {
        http::get(&format!("{}/ping", self.url)).is_ok_and(|(status, _)| status == 204)
    }
}

/// A server of a test's own; keeps its ports and its data over stop and start.
#[derive(Debug)]
pub(crate) struct Server {
    process: Option<Process>,
    ports: [u16; 3],
    settings: Vec<String>,
    client: Client,
    root: TempDir,
}

impl Server {
    /// Starts a server and waits until it answers.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further lines (`key=value`) in its configuration.
    pub(crate) fn start_with(settings: &[&str]) -> Self {
        let ports = [ports::free(), ports::free(), ports::free()];
        let mut server = Self {
            process: None,
            ports,
            settings: settings.iter().map(|&line| line.to_owned()).collect(),
            client: Client::new(&format!("http://127.0.0.1:{}", ports[0])),
            root: tempfile::tempdir().unwrap(),
        };
        server.start_again();
        server
    }

    /// A client of it.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Adds lines to its configuration, for its next start.
    pub(crate) fn set(&mut self, settings: &[&str]) {
        self.settings.extend(settings.iter().map(|&line| line.to_owned()));
    }

    /// Stops it in order.
    pub(crate) fn stop(&mut self) {
        self.process.take().expect("the server runs").stop();
    }

    /// Keeps a copy of its files, which are whole only while it is stopped.
    pub(crate) fn copy_files(&self) -> TempDir {
        assert!(self.process.is_none(), "the server runs");
        let copy = tempfile::tempdir().unwrap();
        copy_directory(&self.root.path().join("db"), &copy.path().join("db"));
        copy
    }

    /// Replaces its files by a copy.
    pub(crate) fn put_back(&self, copy: &TempDir) {
        assert!(self.process.is_none(), "the server runs");
        let files = self.root.path().join("db");
        std::fs::remove_dir_all(&files).unwrap();
        copy_directory(&copy.path().join("db"), &files);
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        self.process.take().expect("the server runs").kill();
    }

    /// Starts it on the same data and ports, and waits until it answers.
    pub(crate) fn start_again(&mut self) {
        assert!(self.process.is_none(), "the server runs already");
        let mut command = server_script("questdb.sh");
        command.arg(self.root.path()).args(self.ports.map(|port| port.to_string())).args(&self.settings);
        let mut process = Process::start(command, &self.root.path().join("server.log"));
        process.wait_ready("QuestDB answers", START_LIMIT, || self.client.is_up());
        self.process = Some(process);
    }
}

fn copy_directory(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-r").args([from, to]).status().unwrap();
    assert!(copied.success(), "cp -r {} {}: {copied}", from.display(), to.display());
}

/// A QuestDB that has no meters, and never answers a question for samples. Returns its address.
pub(crate) fn half_silent() -> SocketAddr {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = listener.local_addr().unwrap();
    let serve = |mut stream: TcpStream| {
        let mut head = Vec::new();
        let mut byte = [0];
        while stream.read_exact(&mut byte).is_ok() {
            head.push(byte[0]);
            if head.ends_with(b"\r\n\r\n") && !String::from_utf8_lossy(&head).contains("ORDER%20BY%20ts") {
                head.clear();
                let body = "{\"columns\":[{\"name\":\"meter\"}],\"dataset\":[],\"count\":0}";
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
            }
        }
    };
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}
