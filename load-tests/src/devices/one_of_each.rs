//! One device of every vendor of the local network.

use super::{Clock, DsmrLogger, Ksem, P1Meter, SmartMac};
use std::time::Duration;

/// The devices; they end when it is dropped.
#[derive(Debug)]
pub struct OneOfEach {
    /// A meter with a P1 port.
    pub p1: P1Meter,
    /// A DSMR-logger.
    pub dsmr_logger: DsmrLogger,
    /// A KOSTAL Smart Energy Meter.
    pub ksem: Ksem,
    /// A smart-MAIC D103.
    pub smart_mac: SmartMac,
}

impl OneOfEach {
    /// Starts them with one clock.
    ///
    /// # Errors
    /// If no port or no thread is available.
    pub fn start(clock: &Clock, telegram_period: Duration) -> std::io::Result<Self> {
        Ok(Self {
            p1: P1Meter::start(clock.clone(), telegram_period)?,
            dsmr_logger: DsmrLogger::start(clock.clone())?,
            ksem: Ksem::start(clock.clone())?,
            smart_mac: SmartMac::start(clock.clone())?,
        })
    }
}
