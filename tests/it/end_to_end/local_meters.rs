//! Meters of the local network and the webhook together, on the built program.

use crate::support::devices::{Devices, EM300, SOURCES};
use crate::support::load::{fleet, now_ns};
use crate::support::service::{Service, Setup};
use crate::support::stores::{assert_in_all_sinks, of_sqlite};
use crate::support::wait;
use meterline::reading::UnixNanos;
use meterline_load::devices::{Em300, Ksem, SmartMac};
use meterline_load::{Body, Connection, Expected, Script, Target};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const SECOND_NS: i64 = 1_000_000_000;
/// The readings of one round of posts.
const ROUND_READINGS: usize = 100;
/// The secrets of the devices.
const SECRETS: [fn() -> &'static str; 3] = [Ksem::token, SmartMac::pin, Em300::password];
const PAUSE: Duration = Duration::from_millis(20);

/// A sender that sends every body again until it is answered 200.
struct Sender {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Body>>,
}

impl Sender {
    fn start(target: Target) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (mut fleet, mut sent) = (fleet(14), Vec::new());
            while !seen.load(Ordering::SeqCst) {
                for body in fleet.script(&Script::mixed(ROUND_READINGS, now_ns())) {
                    while !Connection::new(&target).post(&body.bytes).is_ok_and(|answer| answer.status == 200) {
                        thread::sleep(PAUSE);
                    }
                    sent.push(body);
                    thread::sleep(PAUSE);
                }
            }
            sent
        });
        Self { stop, thread }
    }

    fn stop(self) -> Vec<Body> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

/// Whether a source has journaled the reading of this second since the start of the process.
fn has(service: &Service, (name, kind): (&str, &str), seconds: i64) -> bool {
    let newest = UnixNanos(seconds * SECOND_NS).to_string();
    service.source(name, kind)["facts"]["last_reading"] == newest.as_str()
}

#[test]
fn every_local_meter_and_the_webhook_are_in_every_store_exactly_also_over_a_kill() {
    let name = "local_meters";
    // Seconds of winter and summer time alike; the gas meter has a new value at full five minutes.
    let begin = now_ns() / SECOND_NS / 300 * 300 - 900;
    let devices = Devices::start(begin);
    let mut service = Setup::with_all_sinks(name).start();
    assert!(service.stop().success());
    service.append_configuration(&devices.tables(&service));
    service.start_again();
    let sender = Sender::start(service.target());

    let times = [begin, begin + 1, begin + 310];
    for (number, seconds) in times.into_iter().enumerate() {
        devices.measure(seconds);
        if number == 1 {
            // Some have journaled the new reading, others have not.
            wait::until("the first source has it", LIMIT, || has(&service, SOURCES[0], seconds));
            service.kill();
            service.start_again();
        }
        let polls = devices.em300_polls();
        for source in SOURCES {
            wait::until(&format!("{source:?} has {seconds}"), LIMIT, || has(&service, source, seconds));
        }
        // The first answer may be older; the third is asked for once the second is journaled.
        wait::until(&format!("the EM300 has {seconds}"), LIMIT, || devices.em300_polls() > polls + 2);
    }
    for (name, kind) in SOURCES.into_iter().chain([EM300]) {
        assert_eq!(service.source(name, kind)["state"], "running", "{name}");
    }
    let status = service.status();
    let of_em300 = status["ingest"].as_array().unwrap().iter().find(|it| it["name"] == EM300.0).unwrap();
    let (at, age) =
        (of_em300["last_reading"].as_str().unwrap(), of_em300["last_reading_age_seconds"].as_f64().unwrap());
    assert!(at > UnixNanos(begin * SECOND_NS).to_string().as_str(), "{of_em300}");
    assert!(age >= 0.0 && service.page("/flow").unwrap().1.contains("newest reading "), "{of_em300}");
    for page in ["/", "/flow", "/trouble", "/status.json", "/metrics"] {
        let (_, text) = service.page(page).unwrap();
        assert!(SECRETS.iter().all(|secret| !text.contains(secret())), "{page}");
    }
    let mut bodies = sender.stop();
    service.wait_drained();
    assert!(service.stop().success());
    let polls = devices.em300_polls();
    // Dropping them checks the requests that they got.
    drop(devices);
    bodies.extend(times.map(Devices::measured));
    let em300 = Devices::of_em300(&of_sqlite(&service.sqlite_file()), &times);
    // The kill and the stop may each have cut off an answer.
    assert!((polls - 2..=polls).contains(&em300.readings.len()), "{polls} answers, {} kept", em300.readings.len());
    bodies.push(em300);
    let stream = assert_in_all_sinks(&service, name, &Expected::of(&bodies));
    stream.assert_keyed_by_meter();
    assert!(SECRETS.iter().all(|secret| !service.log().contains(secret())));
}
