//! Builds and starts every configured source. Only this module knows the types of sources.

mod smart_me;

use super::live;
use super::parts::Parts;
use crate::config::{Config, Entry, Source};
use crate::ingest::Entrance;
use crate::journal::{Journal, LedgerError};
use crate::source::webhook::{Accounts, AuthCounts};
use crate::source::{Arrivals, Describer, Polled, Reporter, Schedule, SourceError, Sources, smappee};
use std::sync::Arc;
use std::time::Duration;

/// The kind of a webhook account.
const WEBHOOK: &str = "webhook";
/// The table of a webhook account.
const WEBHOOK_TABLE: &str = "webhook.account";
/// The schedule of its report.
const WEBHOOK_SCHEDULE: Schedule = Schedule {
    every: Duration::from_secs(5),
    first_within: Duration::ZERO,
    backoff: (Duration::from_secs(5), Duration::from_secs(5)),
};

/// The entries of the configuration that have running sources.
pub(super) fn entries(config: &Config) -> impl Iterator<Item = Entry> {
    let accounts = config.webhook.accounts.iter().map(|account| Entry::new(WEBHOOK_TABLE, &account.name));
    accounts.chain(config.sources.iter().map(|source| Entry::new(source.table(), source.name())))
}

/// Reports the request counts of a webhook account.
struct WebhookReport(Arc<AuthCounts>);

impl Polled for WebhookReport {
    async fn poll(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        let count = |requests| usize::try_from(requests).unwrap_or(usize::MAX);
        reporter.set("requests_accepted", count(self.0.accepted()));
        reporter.set("posts_with_wrong_credentials", count(self.0.wrong()));
        Ok(())
    }
}

/// Starts the configured sources.
pub(super) struct SourceStarter<'a> {
    config: &'a Config,
    parts: &'a Parts,
    /// The accounts of the webhook, if it listens.
    accounts: Option<&'a Accounts>,
}

impl<'a> SourceStarter<'a> {
    pub(super) fn new(config: &'a Config, parts: &'a Parts, accounts: Option<&'a Accounts>) -> Self {
        Self { config, parts, accounts }
    }

    /// Starts the sources of the entries that are wanted. The webhook must be listening, if it has an account.
    pub(super) fn start(&self, is_wanted: impl Fn(&Entry) -> bool) -> Result<(), String> {
        let begin = |entry: &Entry| self.parts.sources.begin(entry.to_string());
        for account in &self.config.webhook.accounts {
            let entry = Entry::new(WEBHOOK_TABLE, &account.name);
            if is_wanted(&entry) {
                self.report_webhook(&account.name, &begin(&entry));
            }
        }
        for source in &self.config.sources {
            let entry = Entry::new(source.table(), source.name());
            if is_wanted(&entry) {
                self.start_source(source, &begin(&entry))?;
            }
        }
        Ok(())
    }

    fn start_source(&self, source: &Source, sources: &Sources) -> Result<(), String> {
        match source {
            Source::SmartMe(account) => self.start_smart_me(account, sources)?,
            Source::Smappee(account) => account.start(sources, self.needs(&account.name)?, &self.parts.clock),
            device => self.start_device(device, &self.device(device.name())?, sources),
        }
        Ok(())
    }

    /// Starts a device. Its readings and descriptions have one entrance, and so one quota of undecodable bodies.
    fn start_device(&self, device: &Source, entrance: &Entrance, sources: &Sources) {
        let clock = &self.parts.clock;
        let describer = self.describer(entrance.clone());
        match device {
            Source::Json(device) => device.start(sources, entrance, describer, clock),
            Source::P1(meter) => meter.start(sources, entrance, describer, clock),
            Source::DsmrLogger(logger) => logger.start(sources, entrance, self.arrivals(), describer, clock),
            Source::Ksem(device) => device.start(sources, entrance, self.arrivals(), describer, clock),
            Source::Em300(meter) => meter.start(sources, entrance, describer, clock),
            Source::SmartMac(meter) => meter.start(sources, entrance, self.arrivals(), describer, clock),
            Source::Mqtt(broker) => broker.start(sources, entrance, describer, clock, self.parts.journal.id().0),
            // Accounts are no devices.
            Source::SmartMe(_) | Source::Smappee(_) => {}
        }
    }

    /// Starts the report of a webhook account's request counts.
    fn report_webhook(&self, account: &str, sources: &Sources) {
        let Some(auth_counts) = self.auth_counts(account) else { return };
        sources.start_polled(account, WEBHOOK, WEBHOOK_SCHEDULE, WebhookReport(auth_counts));
    }

    /// Returns the request counts of a webhook account.
    fn auth_counts(&self, account: &str) -> Option<Arc<AuthCounts>> {
        self.accounts.and_then(|accounts| accounts.auth_counts(account))
    }

    /// Returns a describer that records through this entrance.
    fn describer(&self, entrance: Entrance) -> Describer {
        Describer::new(self.parts.meters.clone(), entrance, self.parts.clock.clone())
    }

    /// Returns the arrived readings, for sources that fetch missing ones.
    fn arrivals(&self) -> Arrivals {
        Arrivals::new(self.parts.coverage.clone(), self.parts.journal.clone())
    }

    /// Returns the entrance of a device into ingest.
    fn device(&self, name: &str) -> Result<Entrance, String> {
        let options = self.parts.live.options(name).unwrap_or_default();
        self.parts.ingest.device(name, options).map_err(|error| error.to_string())
    }

    /// Returns what the account `name` at Smappee's cloud needs.
    fn needs(&self, name: &str) -> Result<smappee::Needs<'a>, String> {
        let entrance = self.entrance(name)?;
        Ok(smappee::Needs {
            describer: self.describer(entrance.clone()),
            entrance,
            data_directory: &self.config.data_directory,
            arrivals: self.arrivals(),
        })
    }

    /// Returns the entrance of the source `name` into ingest.
    fn entrance(&self, name: &str) -> Result<Entrance, String> {
        let options = self.parts.live.options(name).unwrap_or_default();
        self.parts.ingest.source(name, options).map_err(|error| error.to_string())
    }
}

/// Gives the journal the names and limits of all sources before the first of them starts. No
/// entrance can fail afterwards.
pub(super) fn register(config: &Config, journal: &Journal) -> Result<(), LedgerError> {
    let options = live::options(config);
    journal.add_sources(options.iter().map(|(name, _)| name.as_str()))?;
    options.iter().try_for_each(|(_, options)| journal.rule_version(&options.limits).map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn entrances_of_registered_sources_write_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let text = format!(
            "data_directory = {:?}\n[[webhook.account]]\nname = \"a\"\npath = \"/a\"\naccept_age = \"100d\"\n\
             [[webhook.account]]\nname = \"b\"\npath = \"/b\"\n",
            directory.path()
        );
        let config = crate::config::parse("m.toml", &text, &Default::default()).unwrap();
        let journal = crate::app::journal::open(&config, &Clock::system()).unwrap();
        register(&config, &journal).unwrap();
        // The ledgers cannot be written any more.
        for file in ["sources.new", "rules.new"] {
            std::fs::create_dir(directory.path().join("journal").join(file)).unwrap();
        }
        assert!(journal.source_id("c").is_err());
        for (name, options) in live::options(&config) {
            journal.source_id(&name).unwrap();
            journal.rule_version(&options.limits).unwrap();
        }
        journal.close();
    }
}
