//! The server's HTTP endpoints: `/write`, `/exec`, `/settings`.
//!
//! Knows nothing of rows or records. Invariant: after [`Server::disconnect`] no
//! request goes over a connection that was open before. That matters because a
//! connection that wrote to a table before it was dropped has its next rows
//! acknowledged and thrown away.

use super::config::{Config, Credentials, ServerUrl, TableName};
use super::fault::{self, Fault};
use super::sql::Answer;
use crate::deliver::SinkError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::time::Duration;
use ureq::http::{HeaderValue, Response, header::AUTHORIZATION};
use ureq::{Agent, Body};

/// An answer's body at most; a longer one is no answer of QuestDB's.
const ANSWER_BYTES_MAX: u64 = 4 << 20;

/// A QuestDB server and the connections to it.
#[derive(Debug)]
pub(super) struct Server {
    url: ServerUrl,
    table: TableName,
    /// Marked sensitive, so that no `Debug` shows it.
    authorization: Option<HeaderValue>,
    request_timeout: Duration,
    agent: Agent,
}

/// What the server says of itself.
#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    #[serde(rename = "release.version")]
    pub(super) version: String,
    /// Versions of ILP it takes.
    #[serde(rename = "line.proto.support.versions", default)]
    pub(super) protocols: Vec<u32>,
}

#[derive(Deserialize)]
struct SettingsAnswer {
    config: Settings,
}

impl Server {
    /// The server of a configuration; connects with the first request.
    pub(super) fn new(config: &Config) -> Self {
        Self {
            url: config.url.clone(),
            table: config.table.clone(),
            authorization: authorization(&config.credentials),
            request_timeout: config.request_timeout,
            agent: agent(config.request_timeout),
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
        self.agent = agent(self.request_timeout);
    }

    /// Sends rows: all of them are in the table's log afterwards, or none.
    pub(super) fn write(&self, rows: &[u8]) -> Result<(), Fault> {
        let request = self.agent.post(format!("{}/write?precision=n", self.url));
        let request = match &self.authorization {
            Some(value) => request.header(AUTHORIZATION, value),
            None => request,
        };
        let mut answer = request.send(rows).map_err(|error| self.no_answer(&error))?;
        let status = answer.status().as_u16();
        let body = self.body(&mut answer)?;
        if answer.status().is_success() { Ok(()) } else { Err(fault::of_write(&self.url, &self.table, status, &body)) }
    }

    /// Runs one SQL statement.
    pub(super) fn execute(&self, statement: &str) -> Result<Answer, SinkError> {
        let (status, body) = self.get("/exec", &[("query", statement)])?;
        let answer = serde_json::from_str::<Answer>(&body);
        match answer {
            Ok(answer) if answer.error.is_none() && status == 200 => Ok(answer),
            Ok(Answer { error: Some(error), .. }) => Err(fault::of_statement(&self.url, status, &error)),
            _ => Err(fault::of_statement(&self.url, status, &body)),
        }
    }

    /// Asks what the server is.
    pub(super) fn settings(&self) -> Result<Settings, SinkError> {
        let (status, body) = self.get("/settings", &[])?;
        match serde_json::from_str::<SettingsAnswer>(&body) {
            Ok(answer) if status == 200 => Ok(answer.config),
            _ => Err(fault::of_statement(&self.url, status, &body)),
        }
    }

    fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<(u16, String), SinkError> {
        let request = self.agent.get(format!("{}{path}", self.url)).query_pairs(query.iter().copied());
        let request = match &self.authorization {
            Some(value) => request.header(AUTHORIZATION, value),
            None => request,
        };
        let mut answer = request.call().map_err(|error| self.no_answer(&error))?;
        let body = self.body(&mut answer)?;
        Ok((answer.status().as_u16(), body))
    }

    fn body(&self, answer: &mut Response<Body>) -> Result<String, SinkError> {
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        body.map_err(|error| self.no_answer(&error))
    }

    fn no_answer(&self, error: &ureq::Error) -> SinkError {
        let url = &self.url;
        match error {
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) => {
                SinkError::blocked(format!("QuestDB at {url} offers no trusted TLS ({error}): mend its certificate"))
            }
            ureq::Error::Timeout(_) => SinkError::waiting(format!(
                "QuestDB at {url} did not answer within {} s: it is overloaded, hangs or cannot be reached; trying again",
                self.request_timeout.as_secs()
            )),
            _ => SinkError::waiting(format!(
                "QuestDB at {url} cannot be reached ({error}): start it, or correct the sink's url; trying again"
            )),
        }
    }
}

/// A client with connections of its own. No proxy from the environment: the
/// server is the one that is configured.
fn agent(request_timeout: Duration) -> Agent {
    Agent::config_builder()
        .timeout_global(Some(request_timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .user_agent(concat!("meterline/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

fn authorization(credentials: &Credentials) -> Option<HeaderValue> {
    let text = match credentials {
        Credentials::None => return None,
        Credentials::Basic { user, password } => {
            format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.expose())))
        }
        Credentials::Token(token) => format!("Bearer {}", token.expose()),
    };
    // A token with control characters cannot be sent; without it the server says 401.
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

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
