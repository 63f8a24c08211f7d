//! One device of every interface of the local network.

use super::{Clock, DsmrLogger, Em300, Ksem, P1Meter, SmartMac};
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
    /// One more, for its WebSocket.
    pub ksem_socket: Ksem,
    /// An EM300.
    pub em300: Em300,
    /// A smart-MAIC D103.
    pub smart_mac: SmartMac,
}

impl OneOfEach {
    /// The serial number of the meter with the WebSocket.
    pub const SOCKET_SERIAL: &str = "71900124";

    /// Starts them with one clock.
    ///
    /// # Errors
    /// If no port or no thread is available.
    pub fn start(clock: &Clock, telegram_period: Duration) -> std::io::Result<Self> {
        Ok(Self {
            p1: P1Meter::start(clock.clone(), telegram_period)?,
            dsmr_logger: DsmrLogger::start(clock.clone())?,
            ksem: Ksem::start(clock.clone())?,
            ksem_socket: Ksem::start_with(clock.clone(), Self::SOCKET_SERIAL)?,
            em300: Em300::start(clock.clone())?,
            smart_mac: SmartMac::start(clock.clone())?,
        })
    }
}
