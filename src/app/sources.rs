//! Builds and starts every configured source. Only this module knows the types of sources.

mod smart_me;

use super::parts::Parts;
use crate::config::{Config, Source};
use crate::contexts::Contexts;
use crate::deliver::Redecode;
use crate::ingest::{Entrance, Ingest, SourceOptions};
use crate::source::smart_me::{RegistrationFile, WebhookCounters, decoders};
use crate::source::webhook::{AuthCounts, Webhook};
use crate::source::{Arrivals, Describer, Polled, Redecoder, Reporter, Schedule, SourceError, smappee};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// The kind of a webhook account.
const WEBHOOK: &str = "webhook";
/// The schedule of its report.
const WEBHOOK_SCHEDULE: Schedule = Schedule {
    every: Duration::from_secs(5),
    first_within: Duration::ZERO,
    backoff: (Duration::from_secs(5), Duration::from_secs(5)),
};

/// Returns the counters that are compared with smart-me's API, of the accounts that are polled.
pub(super) fn webhook_counters(config: &Config) -> WebhookCounters {
    let polled = config.smart_me().filter(|account| account.polling.is_some());
    WebhookCounters::of(polled.map(|account| account.name.clone()))
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
    webhook: Option<&'a Webhook>,
    counters: &'a WebhookCounters,
    options: HashMap<String, SourceOptions>,
    /// Shared by all accounts, because it has one lock.
    registration_file: RegistrationFile,
}

impl<'a> SourceStarter<'a> {
    pub(super) fn new(
        config: &'a Config,
        parts: &'a Parts,
        webhook: Option<&'a Webhook>,
        counters: &'a WebhookCounters,
    ) -> Self {
        Self {
            config,
            parts,
            webhook,
            counters,
            options: options(config).into_iter().collect(),
            registration_file: RegistrationFile::in_directory(&config.data_directory),
        }
    }

    /// Starts all sources. The webhook must be listening, if it has an account.
    pub(super) fn start(&self) -> Result<(), String> {
        for account in &self.config.webhook.accounts {
            self.report_webhook(&account.name);
        }
        for source in &self.config.sources {
            match source {
                Source::SmartMe(account) => self.start_smart_me(account)?,
                Source::Smappee(account) => {
                    account.start(&self.parts.sources, self.needs(&account.name)?, &self.parts.clock);
                }
                device => self.start_device(device, &self.device(device.name())?),
            }
        }
        Ok(())
    }

    /// Starts a device. Its readings and descriptions have one entrance, and so one quota of undecodable bodies.
    fn start_device(&self, device: &Source, entrance: &Entrance) {
        let (sources, clock) = (&self.parts.sources, &self.parts.clock);
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
    fn report_webhook(&self, account: &str) {
        let Some(auth_counts) = self.auth_counts(account) else { return };
        self.parts.sources.start_polled(account, WEBHOOK, WEBHOOK_SCHEDULE, WebhookReport(auth_counts));
    }

    /// Returns the request counts of a webhook account.
    fn auth_counts(&self, account: &str) -> Option<Arc<AuthCounts>> {
        self.webhook.and_then(|webhook| webhook.auth_counts(account))
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
        let options = self.options.get(name).copied().unwrap_or_default();
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
        let options = self.options.get(name).copied().unwrap_or_default();
        self.parts.ingest.source(name, options).map_err(|error| error.to_string())
    }
}

/// Returns the decoders of the configured sources, for replays.
pub(super) fn redecode(config: &Config, contexts: Contexts) -> Redecode {
    let mut redecoder = Redecoder::new(contexts.clone());
    for source in &config.sources {
        match source {
            Source::SmartMe(_) => redecoder.add(source.name(), decoders()),
            Source::Smappee(account) => redecoder.add(source.name(), account.decoders()),
            Source::Json(device) => redecoder.add(source.name(), device.decoders()),
            Source::P1(meter) => redecoder.add(source.name(), meter.decoders()),
            Source::DsmrLogger(logger) => redecoder.add(source.name(), logger.decoders()),
            Source::Ksem(device) => redecoder.add(source.name(), device.decoders()),
            Source::Em300(meter) => redecoder.add(source.name(), meter.decoders()),
            Source::SmartMac(meter) => redecoder.add(source.name(), meter.decoders()),
            Source::Mqtt(broker) => redecoder.add(source.name(), broker.decoders(&contexts)),
        }
    }
    Redecode::by(move |source, received, batch| redecoder.decode(source, received, batch))
}

/// Gives the journal the names of all sources before the first of them starts.
pub(super) fn add_names(config: &Config, ingest: &Ingest) -> Result<(), String> {
    let options = options(config);
    ingest.add_sources(options.iter().map(|(name, _)| name.as_str())).map_err(|error| error.to_string())
}

/// Returns the options of each source with readings, by its name; webhook accounts first.
pub(super) fn options(config: &Config) -> Vec<(String, SourceOptions)> {
    let mut options: Vec<_> =
        config.webhook.accounts.iter().map(|account| (account.name.clone(), account.source)).collect();
    let mut named: HashSet<&str> = config.webhook.accounts.iter().map(|account| account.name.as_str()).collect();
    for source in config.sources.iter().filter(|source| source.brings_readings()) {
        if named.insert(source.name()) {
            options.push((source.name().to_owned(), SourceOptions::default()));
        }
    }
    options
}
