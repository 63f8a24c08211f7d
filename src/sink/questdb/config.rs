//! The sink's settings, validated when parsed.
//!
//! Invariants: a [`ServerUrl`] holds no credentials and no path, so it may be shown; a
//! [`TableName`] needs no escaping in SQL, ILP or a file name.

use crate::http::CaFile;
use crate::secret::Secret;
use hyper::Uri;
use std::fmt;
use std::time::Duration;

const TABLE_NAME_CHARS_MAX: usize = 100;

/// The sink's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address of the server's HTTP listener.
    pub url: ServerUrl,
    /// The authorities that are trusted instead of the built-in ones.
    pub ca_file: Option<CaFile>,
    /// The credentials for the server.
    pub credentials: Credentials,
    /// The table of samples.
    pub table: TableName,
    /// The table of meter descriptions; `None` is the name of the table of samples with
    /// `_meters`.
    pub meters_table: Option<TableName>,
    /// How long the table keeps its rows; `None` leaves the table's TTL as it is.
    pub keep: Option<Duration>,
    /// Interval between looks at the view and the table's TTL.
    pub look_every: Duration,
    /// How long rows may wait for the refresh of the view.
    pub view_stale_after: Duration,
    /// Rows of one request at most.
    pub rows_max: usize,
    /// How long a row waits for others of its request.
    pub linger: Duration,
    /// How long late rows are held, so that many of them rewrite an old partition only once.
    pub late_flush: Duration,
    /// Held rows at most; at this bound they are sent. Each takes under 128 bytes.
    pub late_rows_max: usize,
    /// How long a request may take, from connecting to the last byte of the answer.
    pub request_timeout: Duration,
}

impl Config {
    /// The defaults: table `samples`, requests of 50,000 rows or one second, late rows held
    /// for 5 minutes or 16,000 rows, a request time-out of 30 s.
    pub fn new(url: ServerUrl) -> Self {
        Self {
            url,
            ca_file: None,
            credentials: Credentials::None,
            table: TableName("samples".to_owned()),
            meters_table: None,
            keep: None,
            look_every: Duration::from_mins(5),
            view_stale_after: Duration::from_mins(15),
            rows_max: 50_000,
            linger: Duration::from_secs(1),
            late_flush: Duration::from_secs(300),
            late_rows_max: 16_000,
            request_timeout: Duration::from_secs(30),
        }
    }

    /// The configuration for the table of meters.
    #[must_use]
    pub fn of_meters(&self) -> Self {
        let derived = || TableName(format!("{}_meters", self.table));
        Self { table: self.meters_table.clone().unwrap_or_else(derived), ..self.clone() }
    }
}

/// The credentials for the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// No credentials.
    None,
    /// `http.user` and `http.password` of the server.
    Basic {
        /// The user's name.
        user: String,
        /// The user's password.
        password: Secret,
    },
    /// A bearer token.
    Token(Secret),
}

/// Scheme, host and port of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl(String);

impl ServerUrl {
    /// Reads `http://host:port` or `https://host:port`.
    ///
    /// # Errors
    /// When the text is not a valid URL; the error does not repeat it, because it may hold a
    /// password.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let uri: Uri = text.parse().map_err(|_| ConfigError::NoUrl)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(ConfigError::NoUrl);
        };
        if !matches!(scheme, "http" | "https") {
            return Err(ConfigError::NoUrl);
        }
        if authority.as_str().contains('@') {
            return Err(ConfigError::CredentialsInUrl);
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(ConfigError::PathInUrl);
        }
        Ok(Self(format!("{scheme}://{authority}")))
    }

    /// The URL, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A table's name: ASCII letters, digits and underscores, not beginning with a digit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName(String);

impl TableName {
    /// Checks a name.
    ///
    /// # Errors
    /// When it would need escaping somewhere.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let starts_well = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let goes_on_well = text.chars().all(|char| char.is_ascii_alphanumeric() || char == '_');
        if starts_well && goes_on_well && text.len() <= TABLE_NAME_CHARS_MAX {
            Ok(Self(text.to_owned()))
        } else {
            Err(ConfigError::TableName(text.to_owned()))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An invalid setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Neither `http://host:port` nor `https://host:port`.
    #[error("QuestDB's url must be http://HOST:PORT or https://HOST:PORT (its HTTP listener, port 9000 by default)")]
    NoUrl,
    /// `user:password@` in the URL.
    #[error("QuestDB's url must not contain credentials, because it is logged; set user and password instead")]
    CredentialsInUrl,
    /// A path or a query behind the port.
    #[error("QuestDB's url must end after the port: the sink adds the path itself")]
    PathInUrl,
    /// A table name that would need escaping.
    #[error(
        "'{0}' cannot be a table name: use ASCII letters, digits and underscores, not a digit first, \
         {TABLE_NAME_CHARS_MAX} characters at most"
    )]
    TableName(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_url_is_scheme_host_and_port() {
        assert_eq!(ServerUrl::parse("http://127.0.0.1:9000/").unwrap().as_str(), "http://127.0.0.1:9000");
        assert_eq!(ServerUrl::parse("https://[::1]:9000").unwrap().as_str(), "https://[::1]:9000");
        for wrong in ["", "questdb:9000", "ftp://questdb:9000", "http://", "//questdb"] {
            assert_eq!(ServerUrl::parse(wrong), Err(ConfigError::NoUrl), "{wrong}");
        }
        assert_eq!(ServerUrl::parse("http://questdb:9000/write"), Err(ConfigError::PathInUrl));
        assert_eq!(ServerUrl::parse("http://questdb:9000?user=a"), Err(ConfigError::PathInUrl));
    }

    #[test]
    fn a_password_in_the_url_is_refused_and_not_repeated() {
        let error = ServerUrl::parse("http://admin:hunter2@questdb:9000").unwrap_err();
        assert_eq!(error, ConfigError::CredentialsInUrl);
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn a_table_name_needs_no_escaping() {
        assert_eq!(TableName::parse("samples_2").unwrap().as_str(), "samples_2");
        for wrong in ["", "2samples", "sam ples", "samples\"; drop table x", "a'b", "zähler", &"x".repeat(101)] {
            assert!(TableName::parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic_or_lets_a_password_through(text in "\\PC*") {
            if let Ok(url) = ServerUrl::parse(&text) {
                prop_assert!(!url.as_str().contains('@'));
            }
            if let Ok(name) = TableName::parse(&text) {
                prop_assert!(!name.as_str().contains(['"', '\'', ' ', '\\', '/', '.']));
            }
        }
    }
}
