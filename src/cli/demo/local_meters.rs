//! The simulated meters of the local network: one of each interface, a Smappee monitor of each generation, and
//! their tables of the configuration.

use crate::app::Service;
use crate::clock::Clock;
use meterline_load::devices::{self, Em300, Ksem, OneOfEach, SmartMac};
use meterline_load::smappee::{Generation, Monitor, MonitorBroker};
use std::io;
use std::time::Duration;

const TELEGRAM_PERIOD: Duration = Duration::from_secs(1);
const TOKEN_VARIABLE: &str = "METERLINE_DEMO_TOKEN";
const PASSWORD_VARIABLE: &str = "METERLINE_DEMO_EM300";
const PIN_VARIABLE: &str = "METERLINE_DEMO_PIN";
/// The names of their sources.
const NAMES: [&str; 8] =
    ["p1-meter", "dsmr-logger", "ksem", "ksem-socket", "em300", "smart-maic", "smappee-pro", "smappee-genius"];
const CHANNELS: u32 = 4;

/// The running devices.
#[derive(Debug)]
pub(super) struct LocalMeters {
    devices: OneOfEach,
    monitors: [MonitorBroker; 2],
}

impl LocalMeters {
    pub(super) fn start(clock: &Clock) -> io::Result<Self> {
        let clock = clock.clone();
        let clock = devices::Clock::new(move || clock.now().0.div_euclid(1_000_000_000));
        let monitor =
            |generation, number| MonitorBroker::start(Monitor::new(generation, number, CHANNELS), clock.clone());
        Ok(Self {
            devices: OneOfEach::start(&clock, TELEGRAM_PERIOD)?,
            monitors: [monitor(Generation::First, 1)?, monitor(Generation::Second, 2)?],
        })
    }

    /// Their tables.
    pub(super) fn tables(&self) -> String {
        let OneOfEach { p1, dsmr_logger, ksem, ksem_socket, em300, smart_mac } = &self.devices;
        let [p1_name, logger_name, ksem_name, socket_name, em300_name, smart_mac_name, monitor_names @ ..] = NAMES;
        let monitors = monitor_names.iter().zip(&self.monitors).map(|(name, monitor)| {
            format!(
                "[[mqtt]]\nname = \"{name}\"\nurl = \"mqtt://{}\"\nkeep = \"2s\"\n[[mqtt.smappee]]\nall = true\n",
                monitor.address()
            )
        });
        format!(
            "[[p1]]\nname = \"{p1_name}\"\naddress = \"{}\"\n\
             [[dsmr_logger]]\nname = \"{logger_name}\"\nurl = \"{}\"\nevery = \"2s\"\n\
             [[ksem]]\nname = \"{ksem_name}\"\nurl = \"{}\"\ntoken_env = \"{TOKEN_VARIABLE}\"\nevery = \"2s\"\n\
             [[ksem]]\nname = \"{socket_name}\"\nurl = \"{}\"\ntoken_env = \"{TOKEN_VARIABLE}\"\n\
             interface = \"websocket\"\n\
             [[em300]]\nname = \"{em300_name}\"\nurl = \"{}\"\npassword_env = \"{PASSWORD_VARIABLE}\"\nevery = \"2s\"\n\
             [[smart_mac]]\nname = \"{smart_mac_name}\"\nurl = \"{}\"\ndevid = \"{}\"\npin_env = \"{PIN_VARIABLE}\"\n\
             every = \"6s\"\n{}",
            p1.address(),
            dsmr_logger.url(),
            ksem.url(),
            ksem_socket.url(),
            em300.url(),
            smart_mac.url(),
            SmartMac::device(),
            monitors.collect::<String>(),
        )
    }

    /// The secrets that the tables name.
    pub(super) fn secrets() -> [(String, String); 3] {
        [(TOKEN_VARIABLE, Ksem::token()), (PASSWORD_VARIABLE, Em300::password()), (PIN_VARIABLE, SmartMac::pin())]
            .map(|(name, secret)| (name.to_owned(), secret.to_owned()))
    }

    /// The state of each source, in a line of its own.
    pub(super) fn states(service: &Service) -> String {
        let sources = service.sources();
        let states = sources.iter().filter(|source| NAMES.contains(&source.name.as_str()));
        let lines = states.map(|source| format!("\n  {:<14} {}", source.name, source.state.label()));
        lines.fold("Local meters:".to_owned(), |text, line| text + &line)
    }
}
