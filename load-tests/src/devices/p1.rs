//! A smart meter with a P1 port behind a serial server, and with a gas meter behind it (DSMR 5).

use super::measured::{Clock, Measured, counter, electricity, moving, thousandths};
use super::serial_server::{SerialLine, SerialServer};
use jiff::Timestamp;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// The equipment id of the meter and of its gas meter.
const METER: &str = "E0047000017";
const GAS_METER: &str = "G0039000029";
const GAS_PERIOD: i64 = 300;
/// The meter's power failed for 240 s at the end of each week.
const WEEK: i64 = 7 * 86_400;
const FAILED: i64 = 240;

/// The telegram of a second.
pub(super) fn telegram(seconds: i64) -> String {
    let (energy, power) = (counter(seconds, 1_234_567), moving(seconds, 100));
    let (meter, gas_meter) = (hex(METER), hex(GAS_METER));
    let failure = winter(failure(seconds));
    let lines = [
        "/XYZ5METERLINE".to_owned(),
        String::new(),
        "1-3:0.2.8(50)".to_owned(),
        format!("0-0:1.0.0({})", winter(seconds)),
        format!("0-0:96.1.1({meter})"),
        format!("1-0:1.8.1({:0>10}*kWh)", thousandths(energy)),
        "1-0:2.8.1(000000.000*kWh)".to_owned(),
        format!("1-0:1.7.0({:0>6}*kW)", thousandths(power)),
        format!("1-0:99.97.0(1)(0-0:96.7.19)({failure})({FAILED:010}*s)"),
        "0-1:24.1.0(003)".to_owned(),
        format!("0-1:96.1.0({gas_meter})"),
        format!("0-1:24.2.1({})({:0>9}*m3)", winter(gas_time(seconds)), thousandths(gas(seconds))),
        "!".to_owned(),
    ];
    let text = lines.join("\r\n");
    format!("{text}{:04X}\r\n", checksum(text.as_bytes()))
}

/// The readings of that telegram.
pub(super) fn measured(seconds: i64) -> Vec<Measured> {
    let energy = counter(seconds, 1_234_567);
    let values = [
        ([1, 0, 1, 8, 1, 255], number(energy)),
        ([1, 0, 2, 8, 1, 255], 0.0),
        (electricity(1, 7), number(moving(seconds, 100))),
    ];
    let gas_value = thousandths(gas(seconds)).parse().unwrap_or(f64::NAN);
    vec![
        Measured::new(METER, seconds, values),
        Measured::new(METER, failure(seconds), [([0, 0, 96, 7, 19, 255], number(FAILED))]),
        Measured::new(GAS_METER, gas_time(seconds), [([7, 0, 3, 0, 0, 255], gas_value)]),
    ]
}

/// The time of the gas meter's last value.
fn gas_time(seconds: i64) -> i64 {
    seconds - seconds.rem_euclid(GAS_PERIOD)
}

/// The end of the last power failure.
fn failure(seconds: i64) -> i64 {
    seconds - seconds.rem_euclid(WEEK)
}

/// Gas in thousandths of a cubic metre.
fn gas(seconds: i64) -> i64 {
    12_345 + (gas_time(seconds) / GAS_PERIOD).rem_euclid(100_000)
}

fn number(value: i64) -> f64 {
    format!("{value}").parse().unwrap_or(f64::NAN)
}

/// A time as `YYMMDDhhmmssW`: an hour ahead of UTC.
pub(super) fn winter(seconds: i64) -> String {
    Timestamp::from_second(seconds + 3600)
        .map_or_else(|_| String::new(), |time| time.strftime("%y%m%d%H%M%SW").to_string())
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02X}")).collect()
}

fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xa001 } else { crc >> 1 })
    })
}

/// A meter that sends a telegram at each period; it ends when it is dropped.
#[derive(Debug)]
pub struct P1Meter {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl P1Meter {
    /// Starts a meter that sends its telegram every `period`.
    ///
    /// # Errors
    /// If no port or no thread is available.
    pub fn start(clock: Clock, period: Duration) -> std::io::Result<Self> {
        let server = SerialServer::start()?;
        let (address, stop) = (server.address()?, Arc::new(AtomicBool::new(false)));
        let seen = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("P1 meter".to_owned()).spawn(move || {
            while let Ok(line) = server.accept() {
                if seen.load(Ordering::SeqCst) {
                    return;
                }
                send(line, &clock, period, &seen);
            }
        })?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// The address of the serial server.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The readings of the telegram of this second.
    #[must_use]
    pub fn measured(seconds: i64) -> Vec<Measured> {
        measured(seconds)
    }
}

/// Sends telegrams until the client leaves.
fn send(mut line: SerialLine, clock: &Clock, period: Duration, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) && line.write_all(telegram(clock.now()).as_bytes()).is_ok() {
        std::thread::sleep(period);
    }
}

impl Drop for P1Meter {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) else { return };
        if !std::thread::panicking() {
            std::panic::resume_unwind(panic);
        }
    }
}
