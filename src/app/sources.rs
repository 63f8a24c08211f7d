//! Builds and starts every configured source. Only this module knows the types of sources.

mod smart_me;

use super::parts::Parts;
use crate::config::{Config, Source};
use crate::deliver::Delivery;
use crate::ingest::{Entrance, SourceOptions};
use crate::source::SourceState;
use crate::source::smart_me::WebhookCounters;
use crate::source::webhook::Webhook;

/// The kind of a webhook account.
const WEBHOOK: &str = "webhook";

/// Passes all delivered readings to the sources that observe them.
pub(super) struct DeliveryObserver(WebhookCounters);

impl DeliveryObserver {
    pub(super) fn of(config: &Config) -> Self {
        let polled = config.smart_me().filter(|account| account.polling.is_some());
        Self(WebhookCounters::of(polled.map(|account| account.name.clone())))
    }

    /// Returns the callback for every delivery.
    pub(super) fn callback(&self) -> Box<dyn FnMut(&Delivery<'_>) + Send> {
        let counters = self.0.clone();
        Box::new(move |delivery| counters.observe(delivery))
    }
}

/// Starts the configured sources.
pub(super) struct SourceStarter<'a> {
    pub(super) config: &'a Config,
    pub(super) parts: &'a Parts,
    pub(super) webhook: &'a Webhook,
    pub(super) observer: &'a DeliveryObserver,
}

impl SourceStarter<'_> {
    /// Starts all sources. The webhook must be listening.
    pub(super) fn start(&self) -> Result<(), String> {
        for account in &self.config.webhook.accounts {
            self.parts.sources.reporter(&account.name, WEBHOOK).report(SourceState::Running, None);
        }
        for source in &self.config.sources {
            match source {
                Source::SmartMe(account) => self.start_smart_me(account)?,
                Source::Json(device) => {
                    device.start(&self.parts.sources, &self.entrance(&device.name)?, &self.parts.clock)
                }
            }
        }
        Ok(())
    }

    /// Returns the entrance of the source `name` into ingest.
    fn entrance(&self, name: &str) -> Result<Entrance, String> {
        let options = options(self.config).into_iter().find(|(source, _)| source == name);
        let options = options.map_or_else(SourceOptions::default, |(_, options)| options);
        self.parts.ingest.source(name, options).map_err(|error| error.to_string())
    }
}

/// Returns the options of each source with readings, by its name; webhook accounts first.
pub(super) fn options(config: &Config) -> Vec<(String, SourceOptions)> {
    let mut options: Vec<_> =
        config.webhook.accounts.iter().map(|account| (account.name.clone(), account.source)).collect();
    for source in config.sources.iter().filter(|source| source.brings_readings()) {
        if options.iter().all(|(name, _)| name != source.name()) {
            options.push((source.name().to_owned(), SourceOptions::default()));
        }
    }
    options
}
