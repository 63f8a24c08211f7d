//! The findings of `check`: configuration, data directory, journal, addresses, certificate, sources,
//! sinks.

mod connect;
mod data;
mod listeners;
mod outage;
mod running;

use super::descriptors::Descriptors;
use super::finding::Finding;
use crate::base::Level;
use crate::clock::Clock;
use crate::config::{AdminTransport, Config, Source};
use crate::source::webhook::{CertificateSummary, TlsFiles};

/// A certificate that expires sooner is a warning, because renewal happens weeks before.
const CERTIFICATE_NANOS_MIN: i64 = 14 * 86_400 * 1_000_000_000;

/// Checks the data directory, the certificate, the sources and, with `connect`, the servers
/// of every source and sink; with `store` the whole embedded store.
pub fn findings(config: &Config, connect: bool, store: bool) -> Vec<Finding> {
    let mut found = vec![Finding::new("configuration", Level::Good, summary(config))];
    found.extend(data::findings(config));
    found.extend(outage::finding(config).map(|(level, message)| Finding::new("journal", level, message)));
    let (level, message) = Descriptors::raised(config).finding();
    // Without a webhook only a limit that is too low for the rest matters.
    if config.webhook.is_listening() || level == Level::Fault {
        found.push(Finding::new("webhook", level, message));
    }
    found.extend(
        config
            .webhook
            .tls
            .as_ref()
            .filter(|_| config.webhook.is_listening())
            .map(|files| certificate("webhook", files)),
    );
    found.extend(admin(config));
    found.extend(sources(config));
    found.extend(listeners::findings(config));
    found.extend(running::findings(config));
    if connect {
        found.extend(connect::findings(config));
    }
    if store {
        found.extend(embedded_store(config));
    }
    found
}

fn summary(config: &Config) -> String {
    let webhook = match config.webhook.accounts.len() {
        0 => "no webhook account, so the webhook does not listen".to_owned(),
        1 => format!("1 webhook account at {}", config.webhook.listen),
        accounts => format!("{accounts} webhook accounts at {}", config.webhook.listen),
    };
    let sources = match config.sources.len() {
        0 => String::new(),
        count => format!(", other sources: {count}"),
    };
    format!("{webhook}{sources}, sinks: {}", super::sinks::shown(config))
}

/// The certificate of the admin pages, or the warning that their login can be read on its way.
fn admin(config: &Config) -> Option<Finding> {
    match &config.admin.transport {
        AdminTransport::Tls(files) => Some(certificate("admin", files)),
        AdminTransport::PlainHttp(networks) => {
            let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
            let message = format!(
                "the login travels as plain HTTP in {}: who reads along there can use it; prefer [admin.tls] or a TLS \
                 proxy",
                networks.join(", ")
            );
            Some(Finding::new("admin", Level::Warning, message))
        }
        AdminTransport::Loopback | AdminTransport::BehindProxy(_) => None,
    }
}

fn certificate(part: &'static str, files: &TlsFiles) -> Finding {
    let shown = files.certificate.display();
    let CertificateSummary { expires, warning } = match files.check(Clock::system().now()) {
        Ok(summary) => summary,
        Err(error) => return Finding::new(part, Level::Fault, error.to_string()),
    };
    let left = expires.since(Clock::system().now());
    if left < 0 {
        let message = format!("the certificate {shown} expired at {expires}: clients refuse it; renew it");
        return Finding::new(part, Level::Fault, message);
    }
    if let Some(warning) = warning {
        let message = format!(
            "the certificate {shown} is valid until {expires}, but {warning}; unless all clients have it, configure \
             the full chain"
        );
        return Finding::new(part, Level::Warning, message);
    }
    let level = if left < CERTIFICATE_NANOS_MIN { Level::Warning } else { Level::Good };
    Finding::new(part, level, format!("the certificate {shown} is valid until {expires}"))
}

fn sources(config: &Config) -> Vec<Finding> {
    let named = |source: &Source| {
        let found = source.findings(&config.data_directory).into_iter();
        found.map(|finding| Finding::new(source.table(), finding.level, finding.message)).collect::<Vec<_>>()
    };
    config.sources.iter().flat_map(named).collect()
}

fn embedded_store(config: &Config) -> Vec<Finding> {
    #[cfg(feature = "sqlite")]
    if let Some(store) = &config.sinks.sqlite {
        let found = crate::sink::sqlite::check(&store.file).into_iter();
        return found.map(|finding| Finding::new("sqlite", finding.level, finding.message)).collect();
    }
    let _ = config;
    vec![Finding::new("sqlite", Level::Warning, "no embedded store is configured, so none was checked")]
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
