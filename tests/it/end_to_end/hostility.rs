//! Peers that mean harm beside honest senders, on the built program: idle connections, slow heads and bodies, bombs,
//! floods of bodies, of HTTP/2 frames and of a broker's messages. `./test long hostility` measures the same for longer.

use crate::support::load::{fleet, now_ns};
use crate::support::mosquitto::Broker;
use crate::support::service::{PASSWORD, Service, Setup, USER};
use crate::support::stores::{assert_exactly, of_sqlite};
use crate::support::wait;
use meterline_load::hostile::{Attack, Attackers, Victim};
use meterline_load::{Body, Connection, Expected, Script};
use rumqttc::QoS;
use std::thread;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);
/// The account that goes wrong.
const OTHER: &str = "other";
/// Resident memory that the process may have during any attack; the buffers of the default configuration are a part of it.
const RESIDENT_BYTES_MAX: f64 = (160 << 20) as f64;
/// Readings of the honest sender during each attack: each comes twice, on a connection that lives and on a new one.
const READINGS: usize = 20;
/// Files that may be open after an attack and were not before: segments that were begun meanwhile.
const FILES_MAX: f64 = 16.0;
const TOPIC: &str = "meters/boiler";
/// A broker's messages that cannot be read, and their size.
const MESSAGES: usize = 2_000;
const MESSAGE_BYTES: usize = 32 << 10;

fn service() -> Service {
    Setup { others: &[OTHER], ..Setup::default() }.start()
}

fn victim(service: &Service) -> Victim {
    let (path, credentials) = (format!("/{OTHER}"), (USER.to_owned(), PASSWORD.to_owned()));
    Victim { address: service.webhook_address(), path, credentials }
}

/// Posts beside an attack; each body must be taken.
fn post(service: &Service, living: &Connection, bodies: &[Body], what: &str) {
    for body in bodies {
        assert_eq!(living.post(&body.bytes).map(|answer| answer.status), Ok(200), "{what}, a living connection");
        let fresh = Connection::new(&service.target());
        assert_eq!(fresh.post(&body.bytes).map(|answer| answer.status), Ok(200), "{what}, a new connection");
    }
}

/// Posts beside each of these attacks, and checks what is left of them.
fn resist(attacks: &[(Attack, usize)]) {
    let service = service();
    let mut fleet = fleet(11);
    let living = Connection::new(&service.target());
    let mut taken = fleet.script(&Script::mixed(READINGS, now_ns()));
    post(&service, &living, &taken, "before");
    let descriptors = service.metric("process_open_fds");
    for (attack, connections) in attacks {
        let attackers = Attackers::start(*attack, &victim(&service), *connections).unwrap();
        wait::until(&format!("{attack:?} is at work"), LIMIT, || attackers.counts().opened > 0);
        let bodies = fleet.script(&Script::mixed(READINGS, now_ns()));
        post(&service, &living, &bodies, &format!("{attack:?}"));
        taken.extend(bodies);
        let resident = service.metric("process_resident_memory_bytes");
        assert!(resident < RESIDENT_BYTES_MAX, "{attack:?}: {resident} bytes resident");
        attackers.stop();
        wait::until(&format!("nothing is left of {attack:?}"), LIMIT, || {
            service.metric("meterline_webhook_connections") <= 1.0
                && service.metric("process_open_fds") <= descriptors + FILES_MAX
        });
    }
    service.wait_drained();
    assert_exactly("SQLite", &Expected::of(&taken), &of_sqlite(&service.sqlite_file()));
}

#[test]
fn ten_thousand_idle_connections_cost_honest_senders_no_reading() {
    resist(&[(Attack::Idle, 10_000)]);
}

#[test]
fn slow_peers_cost_honest_senders_no_reading_and_leave_nothing_behind() {
    resist(&[(Attack::Handshakes, 500), (Attack::Heads, 500), (Attack::Bodies, 200)]);
}

#[test]
fn bombs_and_floods_of_another_account_cost_honest_senders_no_reading() {
    resist(&[(Attack::Bombs, 20), (Attack::Flood, 100)]);
}

#[test]
fn floods_of_http_2_frames_cost_honest_senders_no_reading_and_are_cut_off() {
    resist(&[(Attack::Resets, 20), (Attack::Settings, 20), (Attack::Pings, 20), (Attack::Continuations, 20)]);
}

#[test]
fn a_broker_that_floods_costs_honest_senders_no_reading_and_its_next_message_is_stored() {
    let broker = Broker::start();
    let mut service = service();
    assert!(service.stop().success());
    service.append_configuration(&format!(
        "[[mqtt]]\nname = \"house\"\nurl = \"mqtt://127.0.0.1:{}\"\n\
         [[mqtt.json]]\nname = \"boiler\"\ntopic = \"{TOPIC}\"\n\
         [[mqtt.json.value]]\npointer = \"/kwh\"\nobis = \"1-0:1.8.0*255\"\nunit = \"kWh\"\n",
        broker.port()
    ));
    service.start_again();
    wait::until("the broker is followed", LIMIT, || service.source("house", "mqtt")["state"] == "running");
    let bodies = fleet(12).script(&Script::mixed(READINGS, now_ns()));
    let living = Connection::new(&service.target());
    let garbage = vec![(TOPIC.to_owned(), "[".repeat(MESSAGE_BYTES)); MESSAGES];
    thread::scope(|scope| {
        let flood = scope.spawn(|| broker.publish(QoS::AtMostOnce, &garbage));
        post(&service, &living, &bodies, "a broker's flood");
        flood.join().unwrap();
    });
    let resident = service.metric("process_resident_memory_bytes");
    assert!(resident < RESIDENT_BYTES_MAX, "{resident} bytes resident");
    broker.publish(QoS::AtLeastOnce, &[(TOPIC.to_owned(), "{\"kwh\":1}".to_owned())]);
    wait::until("the message after the flood is stored", LIMIT, || {
        service.wait_drained();
        of_sqlite(&service.sqlite_file()).len() == Expected::of(&bodies).len() + 1
    });
}
