//! The sources other than webhook accounts.

use crate::base::{Finding, Level, Stop};
use crate::clock::Clock;
use crate::source::smart_me::{self, Access, PollMode};
use crate::source::{Probe, SourceError, dsmr_logger, em300, json, ksem, mqtt, p1, smappee, smart_mac};
use std::path::Path;

/// A configured source.
#[derive(Debug)]
pub enum Source {
    /// `[[smart_me]]`: an account at smart-me's REST API.
    SmartMe(smart_me::Account),
    /// `[[json]]`: a device that returns or sends JSON documents.
    Json(json::Device),
    /// `[[p1]]`: a meter whose P1 telegrams come over TCP or a WebSocket.
    P1(p1::Meter),
    /// `[[dsmr_logger]]`: a device that reads a P1 port and answers over HTTP.
    DsmrLogger(dsmr_logger::Logger),
    /// `[[ksem]]`: KOSTAL's Smart Energy Meter, TQ-Systems' Energy Manager or ABL's eMS home.
    Ksem(ksem::Device),
    /// `[[em300]]`: TQ-Systems' EM2xx or EM3xx, or a B-control meter.
    Em300(em300::Meter),
    /// `[[smart_mac]]`: a smart-MAIC meter.
    SmartMac(smart_mac::Meter),
    /// `[[mqtt]]`: a broker of MQTT.
    Mqtt(mqtt::Broker),
    /// `[[smappee]]`: an account at Smappee's cloud.
    Smappee(smappee::Account),
}

impl Source {
    /// Returns the name of the source.
    pub fn name(&self) -> &str {
        match self {
            Self::SmartMe(account) => &account.name,
            Self::Json(device) => &device.name,
            Self::P1(meter) => &meter.name,
            Self::DsmrLogger(logger) => &logger.name,
            Self::Ksem(device) => &device.name,
            Self::Em300(meter) => &meter.name,
            Self::SmartMac(meter) => &meter.name,
            Self::Mqtt(broker) => &broker.name,
            Self::Smappee(account) => &account.name,
        }
    }

    /// Returns the name of its table in the configuration.
    pub fn table(&self) -> &'static str {
        match self {
            Self::SmartMe(_) => "smart_me",
            Self::Json(_) => "json",
            Self::P1(_) => "p1",
            Self::DsmrLogger(_) => "dsmr_logger",
            Self::Ksem(_) => "ksem",
            Self::Em300(_) => "em300",
            Self::SmartMac(_) => "smart_mac",
            Self::Mqtt(_) => "mqtt",
            Self::Smappee(_) => "smappee",
        }
    }

    /// Returns the most connections that it has at once.
    pub fn connections_max(&self) -> u64 {
        match self {
            // Its tasks share connections that are kept.
            Self::SmartMe(_) => 4,
            // Its WebSockets, and a request beside one of them.
            Self::Ksem(ksem::Device { interface: ksem::Interface::WebSocket(topics), .. }) => topics.len() as u64 + 1,
            Self::SmartMac(meter) => 1 + u64::from(meter.cloud.is_some()),
            // One request in flight, and no connection kept.
            _ => 1,
        }
    }

    /// Whether the source brings readings.
    pub fn brings_readings(&self) -> bool {
        match self {
            Self::SmartMe(account) => account.polling.as_ref().is_some_and(|polling| polling.mode == PollMode::Store),
            _ => true,
        }
    }

    /// Whether the source describes its meters: their names and serial numbers.
    pub(super) fn describes_meters(&self) -> bool {
        match self {
            Self::SmartMe(account) => account.polling.is_some(),
            Self::Mqtt(_) => false,
            _ => true,
        }
    }

    /// Asks the source's server whether it answers and accepts the login; `None` if another
    /// finding says why that is not possible. Changes nothing at the server.
    pub async fn connect(&self, data_directory: &Path) -> Option<Finding> {
        let clock = Clock::system();
        let result = match self {
            Self::SmartMe(account) => {
                return account.connect(Access::new(account, data_directory, Stop::default(), clock)).await;
            }
            Self::Json(device) => device.connect(clock).await,
            Self::P1(meter) => meter.connect(clock).await,
            Self::DsmrLogger(logger) => logger.connect(clock).await,
            Self::Ksem(device) => device.connect(clock).await,
            Self::Em300(meter) => meter.connect(clock).await,
            Self::SmartMac(meter) => meter.connect(clock).await,
            Self::Mqtt(broker) => broker.connect().await,
            Self::Smappee(account) => {
                let name = &account.name;
                return Some(match account.connect(clock).await {
                    Ok(done) => Finding::new(Level::Good, format!("account '{name}' {done}")),
                    Err(why) => Finding::new(Level::Fault, format!("account '{name}': {why}")),
                });
            }
        };
        let name = self.name();
        Some(match result {
            Ok(contact) => contact.finding(name),
            Err(why) => Finding::new(Level::Fault, format!("device '{name}': {why}")),
        })
    }

    /// Asks the device once for its readings. `None` if the source is no device.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn probe(&self) -> Option<Result<Probe, SourceError>> {
        let clock = Clock::system();
        Some(match self {
            Self::SmartMe(_) | Self::Mqtt(_) | Self::Smappee(_) => return None,
            Self::Json(device) => device.probe(clock).await,
            Self::P1(meter) => meter.probe(clock).await,
            Self::DsmrLogger(logger) => logger.probe(clock).await,
            Self::Ksem(device) => device.probe(clock).await,
            Self::Em300(meter) => meter.probe(clock).await,
            Self::SmartMac(meter) => meter.probe(clock).await,
        })
    }

    /// Returns findings for the operator, as far as no request is needed.
    pub fn findings(&self, data_directory: &Path) -> Vec<Finding> {
        match self {
            Self::SmartMe(account) => {
                let access = Access::new(account, data_directory, Stop::default(), Clock::system());
                account.warnings(data_directory).into_iter().chain(account.login_state(&access)).collect()
            }
            Self::Ksem(device) => device.findings(&Clock::system()),
            Self::Smappee(account) => account.warning(data_directory).into_iter().collect(),
            _ => Vec::new(),
        }
    }
}
