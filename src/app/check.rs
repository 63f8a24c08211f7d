//! The findings of `check`: data directory, certificate, sources, sinks.

mod outage;

use crate::base::{self, Level};
use crate::clock::Clock;
use crate::config::{Config, Source};
use crate::source::webhook::TlsFiles;
use serde::Serialize;
use std::path::Path;

/// A certificate that expires sooner is a warning, because renewal happens weeks before.
const CERTIFICATE_NANOS_MIN: i64 = 14 * 86_400 * 1_000_000_000;

/// The result of one check.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The checked part: configuration, data, journal, a source's table or a sink's name.
    pub part: &'static str,
    /// The severity.
    pub level: Level,
    /// The result and the remedy.
    pub message: String,
}

impl Finding {
    pub(super) fn new(part: &'static str, level: Level, message: impl Into<String>) -> Self {
        Self { part, level, message: message.into() }
    }
}

/// Checks the data directory, the certificate, the sources and, with `connect`, every sink.
pub fn findings(config: &Config, connect: bool) -> Vec<Finding> {
    let mut found = vec![Finding::new("configuration", Level::Good, summary(config))];
    found.push(data_directory(&config.data_directory));
    found.extend(outage::finding(config).map(|(level, message)| Finding::new("journal", level, message)));
    found.extend(config.webhook.tls.as_ref().map(certificate));
    found.extend(sources(config));
    if connect {
        found.extend(sinks(config));
    }
    found
}

fn summary(config: &Config) -> String {
    let accounts = config.webhook.accounts.len();
    let plural = if accounts == 1 { "" } else { "s" };
    format!(
        "{accounts} webhook account{plural} at {}, sinks: {}",
        config.webhook.listen,
        super::sinks::names(config).join(", ")
    )
}

fn certificate(files: &TlsFiles) -> Finding {
    let shown = files.certificate.display();
    let expires = match files.check() {
        Ok(expires) => expires,
        Err(error) => return Finding::new("webhook", Level::Fault, error.to_string()),
    };
    let left = expires.since(Clock::system().now());
    if left < 0 {
        let message = format!("the certificate {shown} expired at {expires}: senders refuse it; renew it");
        return Finding::new("webhook", Level::Fault, message);
    }
    let level = if left < CERTIFICATE_NANOS_MIN { Level::Warning } else { Level::Good };
    Finding::new("webhook", level, format!("the certificate {shown} is valid until {expires}"))
}

fn data_directory(directory: &Path) -> Finding {
    let shown = directory.display();
    match std::fs::metadata(directory) {
        Ok(metadata) if !metadata.is_dir() => {
            Finding::new("data", Level::Fault, format!("{shown} is not a directory; set data_directory to a directory"))
        }
        Ok(metadata) if metadata.permissions().readonly() => {
            Finding::new("data", Level::Fault, format!("{shown} is not writable; make the service's user its owner"))
        }
        Ok(_) => Finding::new("data", Level::Good, format!("{shown} exists")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Finding::new("data", Level::Good, format!("{shown} will be created at the first start"))
        }
        Err(error) => {
            Finding::new("data", Level::Fault, format!("cannot read {shown}: {error}; check its permissions"))
        }
    }
}

fn sources(config: &Config) -> Vec<Finding> {
    let named = |source: &Source| {
        let found = source.findings(&config.data_directory).into_iter();
        found.map(|finding| Finding::new(source.table(), finding.level, finding.message)).collect::<Vec<_>>()
    };
    config.sources.iter().flat_map(named).collect()
}

fn sinks(config: &Config) -> Vec<Finding> {
    let _ = config;
    let checked: [(&'static str, Vec<base::Finding>); _] = [
        #[cfg(feature = "questdb")]
        ("questdb", config.sinks.questdb.as_ref().map_or_else(Vec::new, |it| crate::sink::questdb::check(&it.sink))),
        #[cfg(feature = "kafka")]
        ("kafka", config.sinks.kafka.as_ref().map_or_else(Vec::new, crate::sink::kafka::check)),
    ];
    let named = |(part, found): (&'static str, Vec<base::Finding>)| {
        found.into_iter().map(move |finding| Finding::new(part, finding.level, finding.message))
    };
    checked.into_iter().flat_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;
    use std::collections::BTreeMap;

    #[test]
    fn an_obsolete_missing_or_exposed_login_is_a_warning_with_its_remedy() {
        for (lines, says) in [
            ("username = \"u\"\npassword_env = \"SECRET\"", "no longer support"),
            ("client_id = \"c\"\ntoken_key_file = \"/data/key\"", "move it elsewhere"),
            ("client_id = \"c\"\ntoken_key_file = \"/elsewhere/key\"", "`meterline smart-me login --account a`"),
        ] {
            let text = format!(
                "data_directory = \"/data\"\n[[webhook.account]]\nname = \"a\"\npath = \"/a\"\n\
                 [[smart_me]]\naccount = \"a\"\n{lines}"
            );
            let environment = BTreeMap::from([("SECRET".to_owned(), "hunter2".to_owned())]);
            let found = sources(&parse("m.toml", &text, &environment).unwrap());
            let warning =
                found.iter().find(|it| it.message.contains(says)).unwrap_or_else(|| panic!("{lines}: {found:?}"));
            assert_eq!(warning.level, Level::Warning);
            assert!(!format!("{found:?}").contains("hunter2"));
        }
    }
}
