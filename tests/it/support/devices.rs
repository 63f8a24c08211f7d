//! One simulated meter of each interface of the local network, the configuration for them, and their
//! readings as a store must have them.

use super::service::Service;
use super::stores::Samples;
use meterline::reading::MeterId;
use meterline::vendor::{ksem, p1, smart_mac};
use meterline_load::devices::{Clock, DsmrLogger, Em300, Ksem, Measured, OneOfEach, P1Meter, SmartMac};
use meterline_load::{Body, Reading};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Name and kind of each source whose device gives its values a time.
pub(crate) const SOURCES: [(&str, &str); 5] = [
    ("p1-meter", "p1"),
    ("logger", "dsmr-logger"),
    ("ksem", "ksem"),
    ("ksem-socket", "ksem"),
    ("workshop", "smart-mac"),
];
/// The same of the device whose values have the time of their receipt.
pub(crate) const EM300: (&str, &str) = ("em300", "em300");
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
        let password = service.secret_file("em300-password", Em300::password());
        let ([p1, logger, ksem, ksem_socket, smart_mac], (em300, _)) = (SOURCES.map(|(name, _)| name), EM300);
        format!(
            "[[p1]]\nname = \"{p1}\"\naddress = \"{}\"\nkeep = \"all\"\n\
             [[dsmr_logger]]\nname = \"{logger}\"\nurl = \"{}\"\nevery = \"1s\"\nkeep = \"all\"\n\
             [[ksem]]\nname = \"{ksem}\"\nurl = \"{}\"\ntoken_file = {token:?}\nevery = \"1s\"\nkeep = \"all\"\n\
             [[ksem]]\nname = \"{ksem_socket}\"\nurl = \"{}\"\ntoken_file = {token:?}\ninterface = \"websocket\"\n\
             keep = \"all\"\n\
             [[em300]]\nname = \"{em300}\"\nurl = \"{}\"\npassword_file = {password:?}\nevery = \"1s\"\nkeep = \"all\"\n\
             [[smart_mac]]\nname = \"{smart_mac}\"\nurl = \"{}\"\ndevid = \"{}\"\npin_file = {pin:?}\nevery = \"6s\"\n\
             keep = \"all\"\n",
            self.devices.p1.address(),
            self.devices.dsmr_logger.url(),
            self.devices.ksem.url(),
            self.devices.ksem_socket.url(),
            self.devices.em300.url(),
            self.devices.smart_mac.url(),
            SmartMac::device(),
        )
    }

    /// The answers of the EM300 with values.
    pub(crate) fn em300_polls(&self) -> usize {
        self.devices.em300.polls()
    }

    /// The readings of the EM300 in a store. Only the store knows their times, so their values are compared:
    /// each is of one of these seconds, and each second is there.
    pub(crate) fn of_em300(stored: &Samples, seconds: &[i64]) -> Body {
        let meter = *MeterId::of_channel(ksem::VENDOR, Em300::serial(), "").as_bytes();
        let mut readings: BTreeMap<i64, Vec<([u8; 6], f64)>> = BTreeMap::new();
        for (key, value) in stored.iter().filter(|(key, _)| key.meter == meter) {
            readings.entry(key.time_ns).or_default().push((key.obis, *value));
        }
        let second = |values: &Vec<_>| seconds.iter().find(|&&it| Em300::values(it) == *values);
        let found: Option<BTreeSet<_>> = readings.values().map(second).collect();
        assert_eq!(found, Some(seconds.iter().collect()), "{readings:?}");
        let readings = readings.into_iter().map(|(time_ns, values)| Reading { meter, time_ns, values });
        Body::new(0, readings.collect())
    }

    /// The readings at this second of all meters that give them a time.
    pub(crate) fn measured(seconds: i64) -> Body {
        let vendors = [
            (p1::VENDOR, P1Meter::measured(seconds)),
            (p1::VENDOR, DsmrLogger::measured(seconds)),
            (ksem::VENDOR, Ksem::measured(seconds)),
            (ksem::VENDOR, Ksem::measured_by(OneOfEach::SOCKET_SERIAL, seconds)),
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
