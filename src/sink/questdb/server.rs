//! The server's HTTP endpoints: `/write`, `/exec`, `/settings`.
//!
//! Does not know rows or records. The calling thread waits for the answer and runs the
//! connections meanwhile, so there is one request at a time. Invariant: after
//! [`Server::disconnect`] no request uses an earlier connection. Otherwise rows could be
//! lost: the server acknowledges and discards the next rows of a connection that wrote to
//! a table before it was dropped.

use super::config::{Config, Credentials, ServerUrl, TableName};
use super::fault::{self, Fault};
use super::sql::Answer;
use crate::deliver::SinkError;
use crate::http::{Bounds, CaFile, Client, HttpError, Response, basic_authorization};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::http::request::Builder;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use std::cell::OnceCell;
use std::fmt::Display;
use tokio::runtime::Runtime;

/// The largest answer in bytes; QuestDB sends none that is longer.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// A QuestDB server and the connections to it.
#[derive(Debug)]
pub struct Server {
    url: ServerUrl,
    table: TableName,
    /// Marked sensitive, so that `Debug` hides it.
    authorization: Option<HeaderValue>,
    bounds: Bounds,
    ca_file: Option<CaFile>,
    /// Created with the first request.
    connections: OnceCell<Connections>,
}

/// Open connections, and the runtime that drives them during a request.
#[derive(Debug)]
struct Connections {
    client: Client,
    runtime: Runtime,
}

/// The server's version and protocols.
#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    #[serde(rename = "release.version")]
    pub(super) version: String,
    /// Supported versions of ILP.
    #[serde(rename = "line.proto.support.versions", default)]
    pub(super) protocols: Vec<u32>,
    /// The interfaces that take writes; absent in older servers.
    #[serde(rename = "accepting.writes")]
    accepting_writes: Option<Vec<String>>,
}

impl Settings {
    /// Whether the server takes writes over HTTP, as far as it says.
    pub(super) fn takes_writes(&self) -> bool {
        self.accepting_writes.as_ref().is_none_or(|interfaces| interfaces.iter().any(|interface| interface == "http"))
    }
}

#[derive(Deserialize)]
struct SettingsAnswer {
    config: Settings,
}

impl Server {
    /// The server of a configuration; connects with the first request.
    pub fn new(config: &Config) -> Self {
        Self {
            url: config.url.clone(),
            table: config.table.clone(),
            authorization: authorization(&config.credentials),
            bounds: Bounds { timeout: config.request_timeout, answer_bytes_max: ANSWER_BYTES_MAX },
            ca_file: config.ca_file.clone(),
            connections: OnceCell::new(),
        }
    }

    /// The server's address.
    pub(super) fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// The table that takes the samples.
    pub(super) fn table(&self) -> &TableName {
        &self.table
    }

    /// Closes all connections.
    pub(super) fn disconnect(&mut self) {
        if let Some(Connections { runtime, .. }) = self.connections.take() {
            // Dropping it would wait for a running name lookup.
            runtime.shutdown_background();
        }
    }

    /// Sends rows: all of them are in the table's log afterwards, or none.
    pub(super) fn write(&self, rows: Bytes) -> Result<(), Fault> {
        let request = hyper::Request::post(format!("{}/write?precision=n", self.url));
        let answer = self.send(request, rows)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        Err(fault::of_write(&self.url, &self.table, status.as_u16(), &String::from_utf8_lossy(answer.body())))
    }

    /// Runs one SQL statement.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses the statement.
    pub fn execute(&self, statement: &str) -> Result<Answer, SinkError> {
        let answer = self.get(&of_statement(statement))?;
        self.answer(&answer)
    }

    /// The same, unless `end` comes first: then there is no answer, and the server ends the statement as soon as this
    /// is dropped.
    ///
    /// # Errors
    /// As [`Server::execute`].
    pub fn execute_until(&self, statement: &str, end: impl Future<Output = ()>) -> Result<Option<Answer>, SinkError> {
        let request = hyper::Request::get(format!("{}{}", self.url, of_statement(statement)));
        let answer = self.send_until(request, Bytes::new(), end)?;
        answer.map(|answer| self.answer(&answer)).transpose()
    }

    fn answer(&self, answer: &Response) -> Result<Answer, SinkError> {
        let status = answer.status().as_u16();
        match serde_json::from_slice::<Answer>(answer.body()) {
            Ok(answer) if answer.error.is_none() && status == 200 => Ok(answer),
            Ok(Answer { error: Some(error), .. }) => Err(fault::of_statement(&self.url, status, &error)),
            _ => Err(fault::of_statement(&self.url, status, &String::from_utf8_lossy(answer.body()))),
        }
    }

    /// Reads the server's settings.
    pub(super) fn settings(&self) -> Result<Settings, SinkError> {
        let answer = self.get("/settings")?;
        let status = answer.status().as_u16();
        match serde_json::from_slice::<SettingsAnswer>(answer.body()) {
            Ok(settings) if status == 200 => Ok(settings.config),
            _ => Err(fault::of_statement(&self.url, status, &String::from_utf8_lossy(answer.body()))),
        }
    }

    fn get(&self, path: &str) -> Result<Response, SinkError> {
        self.send(hyper::Request::get(format!("{}{path}", self.url)), Bytes::new())
    }

    fn send(&self, request: Builder, body: Bytes) -> Result<Response, SinkError> {
        let answer = self.send_until(request, body, std::future::pending())?;
        answer.ok_or_else(|| self.unreachable(&"the request was left"))
    }

    fn send_until(
        &self,
        request: Builder,
        body: Bytes,
        end: impl Future<Output = ()>,
    ) -> Result<Option<Response>, SinkError> {
        let request = match &self.authorization {
            Some(value) => request.header(AUTHORIZATION, value),
            None => request,
        };
        let request = request.body(Full::new(body)).map_err(|error| self.unreachable(&error))?;
        let Connections { client, runtime } = self.connections()?;
        let answer = runtime.block_on(async {
            tokio::select! {
                answer = client.send(request) => Some(answer),
                () = end => None,
            }
        });
        answer.transpose().map_err(|error| self.no_answer(&error))
    }

    fn connections(&self) -> Result<&Connections, SinkError> {
        if let Some(connections) = self.connections.get() {
            return Ok(connections);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| self.unreachable(&error))?;
        let client = Client::trusting(self.bounds, self.ca_file.as_ref());
        Ok(self.connections.get_or_init(|| Connections { client, runtime }))
    }

    fn no_answer(&self, error: &HttpError) -> SinkError {
        let url = &self.url;
        match error {
            HttpError::Tls { why, .. } => {
                SinkError::blocked(format!("QuestDB at {url} offers no trusted TLS ({why}): fix its certificate"))
            }
            HttpError::Timeout { timeout, .. } => SinkError::waiting(format!(
                "QuestDB at {url} did not answer within {} s: it is overloaded, hangs or cannot be reached; retrying",
                timeout.as_secs()
            )),
            HttpError::Connect { why, .. } | HttpError::Broken { why, .. } => self.unreachable(why),
            HttpError::TooLarge { .. } | HttpError::NoBudget => self.unreachable(error),
        }
    }

    fn unreachable(&self, why: &dyn Display) -> SinkError {
        SinkError::waiting(format!(
            "QuestDB at {} cannot be reached ({why}): start it, or correct the sink's url; retrying",
            self.url
        ))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.disconnect();
    }
}

fn of_statement(statement: &str) -> String {
    format!("/exec?query={}", utf8_percent_encode(statement, NON_ALPHANUMERIC))
}

fn authorization(credentials: &Credentials) -> Option<HeaderValue> {
    let text = match credentials {
        Credentials::None => return None,
        Credentials::Basic { user, password } => return basic_authorization(user, password),
        Credentials::Token(token) => format!("Bearer {}", token.expose()),
    };
    // A token with control characters cannot be sent; without it the server answers 401.
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::SinkErrorKind;
    use crate::secret::Secret;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    /// A server that does this with each connection.
    fn served(scheme: &str, serve: impl Fn(TcpStream) + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = ServerUrl::parse(&format!("{scheme}://{}", listener.local_addr().unwrap())).unwrap();
        std::thread::spawn(move || listener.incoming().for_each(|stream| serve(stream.unwrap())));
        Server::new(&Config { request_timeout: Duration::from_secs(1), ..Config::new(url) })
    }

    fn answer(stream: &mut TcpStream) {
        let mut head = [0; 4096];
        while stream.read(&mut head).is_ok_and(|read| read > 0) {
            let port = stream.peer_addr().unwrap().port();
            let body = format!("{{\"columns\":[{{\"name\":\"port\"}}],\"dataset\":[[{port}]]}}");
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
    }

    #[test]
    fn a_connection_is_kept_until_disconnect() {
        let mut server = served("http", |mut stream| answer(&mut stream));
        let port = |server: &Server| server.execute("SELECT 1").unwrap().rows().next().unwrap().integer("port");
        let first = port(&server);
        assert_eq!(port(&server), first);
        server.disconnect();
        assert_ne!(port(&server), first);
    }

    #[test]
    fn a_missing_answer_says_why_and_whether_the_sink_waits_or_blocks() {
        let silent = served("http", |mut stream| drop(std::io::copy(&mut stream, &mut std::io::sink())));
        let closing = served("http", drop);
        let plain = served("https", |mut stream| stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap());
        let unreachable = Server::new(&Config::new(ServerUrl::parse("http://127.0.0.1:1").unwrap()));
        for (server, trouble, words) in [
            (silent, SinkErrorKind::Waiting, "did not answer within 1 s"),
            (closing, SinkErrorKind::Waiting, "cannot be reached"),
            (plain, SinkErrorKind::Blocked, "offers no trusted TLS"),
            (unreachable, SinkErrorKind::Waiting, "cannot be reached (Connection refused"),
        ] {
            let error = server.execute("SELECT 1").unwrap_err();
            assert!(error.kind == trouble && error.message.contains(words), "{error:?}");
        }
    }

    #[test]
    fn no_debug_of_the_server_shows_its_credentials() {
        let mut config = Config::new(ServerUrl::parse("http://127.0.0.1:1").unwrap());
        for (credentials, sent) in [
            (Credentials::Basic { user: "admin".into(), password: Secret::new("hunter2") }, "YWRtaW46aHVudGVyMg=="),
            (Credentials::Token(Secret::new("hunter2")), "hunter2"),
        ] {
            config.credentials = credentials;
            let shown = format!("{config:?} {:?}", Server::new(&config));
            assert!(!shown.contains("hunter2") && !shown.contains(sent), "{shown}");
        }
    }
}
