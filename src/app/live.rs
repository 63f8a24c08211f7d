//! The settings of sources that running parts hold: pumps, commands and sources. A reload replaces
//! them for every holder.

use crate::config::{Config, Source};
use crate::contexts::Contexts;
use crate::deliver::{CurrentRules, Redecode};
use crate::ingest::SourceOptions;
use crate::reading::CANARY_SOURCE;
use crate::source::Redecoder;
use crate::source::smart_me::{RegistrationFile, WebhookCounters, decoders as decoders_of_smart_me};
use arc_swap::ArcSwap;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// The settings. Clones share them.
#[derive(Clone)]
pub(super) struct Live {
    /// The configured limits.
    pub(super) rules: CurrentRules,
    /// The counters that are compared with smart-me's API, of the accounts that are polled.
    pub(super) counters: WebhookCounters,
    /// Shared by all accounts, because it has one lock.
    pub(super) registration_file: RegistrationFile,
    options: Arc<ArcSwap<HashMap<String, SourceOptions>>>,
    decoders: Arc<ArcSwap<Redecoder>>,
    contexts: Contexts,
}

impl Live {
    pub(super) fn new(config: &Config, contexts: Contexts) -> Self {
        let live = Self {
            rules: CurrentRules::new([]),
            counters: WebhookCounters::of([]),
            registration_file: RegistrationFile::in_directory(&config.data_directory),
            options: Arc::default(),
            decoders: Arc::new(ArcSwap::from_pointee(Redecoder::new(contexts.clone()))),
            contexts,
        };
        live.replace(config);
        live
    }

    /// Replaces the settings by the ones of another configuration.
    pub(super) fn replace(&self, config: &Config) {
        let mut options = options(config);
        // A source, too, so that a reload does not end its counters.
        options.extend(config.canary.map(|_| (CANARY_SOURCE.to_owned(), SourceOptions::default())));
        self.rules.replace(options.iter().map(|(name, options)| (name.clone(), options.limits)));
        self.options.store(Arc::new(options.into_iter().collect()));
        self.counters.replace(polled_accounts(config));
        self.decoders.store(Arc::new(decoders(config, &self.contexts)));
    }

    /// The decoders of the configured sources, for replays.
    pub(super) fn redecode(&self) -> Redecode {
        let decoders = Arc::clone(&self.decoders);
        Redecode::by(move |source, received, batch| decoders.load_full().decode(source, received, batch))
    }

    /// The options of a source with readings; `None` if there is none of this name.
    pub(super) fn options(&self, name: &str) -> Option<SourceOptions> {
        self.options.load().get(name).copied()
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("options", &self.options.load()).finish_non_exhaustive()
    }
}

/// The names of the accounts at smart-me that are polled.
fn polled_accounts(config: &Config) -> impl Iterator<Item = String> {
    let polled = config.smart_me().filter(|account| account.polling.is_some());
    polled.map(|account| account.name.clone())
}

/// Returns the decoders of the configured sources, for replays.
fn decoders(config: &Config, contexts: &Contexts) -> Redecoder {
    let mut redecoder = Redecoder::new(contexts.clone());
    for source in &config.sources {
        match source {
            Source::SmartMe(_) => redecoder.add(source.name(), decoders_of_smart_me()),
            Source::Smappee(account) => redecoder.add(source.name(), account.decoders()),
            Source::Json(device) => redecoder.add(source.name(), device.decoders()),
            Source::P1(meter) => redecoder.add(source.name(), meter.decoders()),
            Source::DsmrLogger(logger) => redecoder.add(source.name(), logger.decoders()),
            Source::Ksem(device) => redecoder.add(source.name(), device.decoders()),
            Source::Em300(meter) => redecoder.add(source.name(), meter.decoders()),
            Source::SmartMac(meter) => redecoder.add(source.name(), meter.decoders()),
            Source::Mqtt(broker) => redecoder.add(source.name(), broker.decoders(contexts)),
        }
    }
    redecoder
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
