//! One simulated meter of each vendor of the local network, the configuration for them, and their
//! readings as a store must have them.

use super::service::Service;
use meterline::reading::MeterId;
use meterline::vendor::{ksem, p1, smart_mac};
use meterline_load::devices::{Clock, DsmrLogger, Ksem, Measured, OneOfEach, P1Meter, SmartMac};
use meterline_load::{Body, Reading};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Name and kind of each source.
pub(crate) const SOURCES: [(&str, &str); 4] =
    [("p1-meter", "p1"), ("logger", "dsmr-logger"), ("ksem", "ksem"), ("workshop", "smart-mac")];
/// A meter sends again what it sent before until its time changes.
const TELEGRAM_PERIOD: Duration = Duration::from_millis(100);

/// The devices; they measure at the time that the test sets, and end when they are dropped.
#[derive(Debug)]
pub(crate) struct Devices {
    seconds: Arc<AtomicI64>,
    devices: OneOfEach,
}

impl Devices {
    /// Starts them; they measure at this second.
    pub(crate) fn start(seconds: i64) -> Self {
        let seconds = Arc::new(AtomicI64::new(seconds));
        let devices = OneOfEach::start(&Clock::set_by(Arc::clone(&seconds)), TELEGRAM_PERIOD).unwrap();
        Self { seconds, devices }
    }

    /// The next measurement of all.
    pub(crate) fn measure(&self, seconds: i64) {
        self.seconds.store(seconds, Ordering::SeqCst);
    }

    /// The tables that configure them, every reading kept, polled as often as is allowed.
    pub(crate) fn tables(&self, service: &Service) -> String {
        let (token, pin) =
            (service.secret_file("ksem-token", Ksem::token()), service.secret_file("pin", SmartMac::pin()));
        let [p1, logger, ksem, smart_mac] = SOURCES.map(|(name, _)| name);
        format!(
            "[[p1]]\nname = \"{p1}\"\naddress = \"{}\"\nkeep = \"all\"\n\
             [[dsmr_logger]]\nname = \"{logger}\"\nurl = \"{}\"\nevery = \"1s\"\nkeep = \"all\"\n\
             [[ksem]]\nname = \"{ksem}\"\nurl = \"{}\"\ntoken_file = {token:?}\nevery = \"1s\"\nkeep = \"all\"\n\
             [[smart_mac]]\nname = \"{smart_mac}\"\nurl = \"{}\"\ndevid = \"{}\"\npin_file = {pin:?}\nevery = \"6s\"\n\
             keep = \"all\"\n",
            self.devices.p1.address(),
            self.devices.dsmr_logger.url(),
            self.devices.ksem.url(),
            self.devices.smart_mac.url(),
            SmartMac::device(),
        )
    }

    /// The readings of all meters at this second.
    pub(crate) fn measured(seconds: i64) -> Body {
        let vendors = [
            (p1::VENDOR, P1Meter::measured(seconds)),
            (p1::VENDOR, DsmrLogger::measured(seconds)),
            (ksem::VENDOR, Ksem::measured(seconds)),
            (smart_mac::VENDOR, SmartMac::measured(seconds)),
        ];
        let readings = vendors.into_iter().flat_map(|(vendor, readings)| {
            readings.into_iter().map(move |Measured { meter, time_ns, values }| Reading {
                meter: *MeterId::named(vendor, &meter).as_bytes(),
                time_ns,
                values,
            })
        });
        Body::new(0, readings.collect())
    }
}
