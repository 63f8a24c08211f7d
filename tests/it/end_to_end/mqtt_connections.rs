//! The ways to a broker, on a real Mosquitto: TLS, client certificates, WebSocket, logins, refusals.

use crate::support::load::now_ns;
use crate::support::mosquitto::{Broker, publish};
use crate::support::ports;
use crate::support::service::{Service, Setup};
use crate::support::wait;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rumqttc::{MqttOptions, QoS};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const PASSWORD: &str = "hunter2-of-the-broker";

/// An authority with a certificate of the host 127.0.0.1 and one of a client, as PEM files.
fn certificates(directory: &Path) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(rcgen::DnType::CommonName, "a private root");
    let root = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(directory.join("ca.pem"), root.pem()).unwrap();
    for name in ["127.0.0.1", "client"] {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &root).unwrap();
        std::fs::write(directory.join(format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(directory.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

/// A service with one broker of these lines.
fn service(lines: impl FnOnce(&Service) -> String) -> Service {
    let mut service = Setup::default().start();
    assert!(service.stop().success());
    let lines = lines(&service);
    service.append_configuration(&format!(
        "[[mqtt]]\nname = \"house\"\n{lines}\n[[mqtt.json]]\nname = \"boiler\"\ntopic = \"meters/boiler\"\ntime = \"/at\"\n\
         [[mqtt.json.value]]\npointer = \"/kwh\"\nobis = \"1-0:1.8.0*255\"\nunit = \"kWh\"\n"
    ));
    service.start_again();
    service
}

fn wait_for(service: &Service, state: &str) -> String {
    wait::until_some(&format!("it is {state}"), LIMIT, || {
        let source = service.source("house", "mqtt");
        (source["state"] == state).then(|| source["why"].to_string())
    })
}

fn receive(service: &Service, options: MqttOptions) {
    let text = format!("{{\"at\":{},\"kwh\":1}}", now_ns() / 1_000_000_000);
    publish(options, QoS::AtLeastOnce, false, &[("meters/boiler".to_owned(), text)]);
    wait::until("the message is there", LIMIT, || {
        service.metric("meterline_source_readings_total{source=\"house\",kind=\"mqtt\"}") == 1.0
    });
}

fn assert_hidden(service: &Service) {
    for page in ["/", "/flow", "/trouble", "/status.json", "/metrics"] {
        assert!(!service.page(page).unwrap().1.contains("hunter2"), "{page}");
    }
    assert!(!service.log().contains("hunter2"), "{}", service.log());
}

#[test]
fn a_broker_is_reached_over_tls_with_a_client_certificate_and_not_with_a_wrong_authority() {
    let plain = ports::free();
    let broker = Broker::start_with(|directory, port| {
        certificates(directory.path());
        let file = |name: &str| directory.path().join(name).display().to_string();
        format!(
            "allow_anonymous true\nlistener {plain} 127.0.0.1\nlistener {port} 127.0.0.1\ncafile {}\ncertfile {}\n\
             keyfile {}\nrequire_certificate true\n",
            file("ca.pem"),
            file("127.0.0.1.pem"),
            file("127.0.0.1.key")
        )
    });
    let lines = format!(
        "url = \"mqtts://127.0.0.1:{}\"\nca_file = {:?}\ncertificate_file = {:?}\nkey_file = {:?}",
        broker.port(),
        broker.file("ca.pem"),
        broker.file("client.pem"),
        broker.file("client.key"),
    );
    let mut service = service(|_| lines);
    wait_for(&service, "running");
    receive(&service, MqttOptions::new("publisher", ("127.0.0.1", plain)));
    let checked = service.text_of(&["check", "--connect"]);
    assert!(checked.contains("accepts the login"), "{checked}");
    // The built-in authorities did not sign this certificate.
    assert!(service.stop().success());
    service.reconfigure(&format!("ca_file = {:?}\n", broker.file("ca.pem")), "");
    service.start_again();
    let why = wait_for(&service, "misconfigured");
    assert!(why.contains("TLS with 127.0.0.1") && why.contains("check ca_file"), "{why}");
    let checked = service.command(&["check", "--connect"]);
    assert!(!checked.status.success() && String::from_utf8_lossy(&checked.stdout).contains("TLS with 127.0.0.1"));
}

#[test]
fn a_broker_is_reached_over_websocket_with_tls_and_not_with_a_wrong_authority() {
    let secure = ports::free();
    let broker = Broker::start_with(|directory, port| {
        certificates(directory.path());
        let file = |name: &str| directory.path().join(name).display().to_string();
        format!(
            "allow_anonymous true\nlistener {port} 127.0.0.1\nlistener {secure} 127.0.0.1\nprotocol websockets\n\
             certfile {}\nkeyfile {}\n",
            file("127.0.0.1.pem"),
            file("127.0.0.1.key")
        )
    });
    let authority = format!("ca_file = {:?}\n", broker.file("ca.pem"));
    let mut service = service(|_| format!("url = \"wss://127.0.0.1:{secure}/mqtt\"\n{authority}"));
    wait_for(&service, "running");
    receive(&service, MqttOptions::new("publisher", ("127.0.0.1", broker.port())));
    let checked = service.text_of(&["check", "--connect"]);
    assert!(checked.contains("accepts the login"), "{checked}");
    assert!(service.stop().success());
    service.reconfigure(&authority, "");
    service.start_again();
    let why = wait_for(&service, "misconfigured");
    assert!(why.contains("TLS with wss://127.0.0.1") || why.contains("TLS with 127.0.0.1"), "{why}");
    assert!(why.contains("check ca_file"), "{why}");
}

#[test]
fn a_login_over_websocket_works_and_a_wrong_password_is_misconfigured_without_being_shown() {
    let websocket = ports::free();
    let broker = Broker::start_with(|directory, port| {
        let users = directory.path().join("users");
        std::fs::write(&users, format!("meterline:{PASSWORD}\n")).unwrap();
        // Mosquitto takes hashes alone; its own tool makes them of this file.
        let versions = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/versions.sh");
        let script = "source \"$0\"; mosquitto_password_tool -U \"$1\"";
        let made = Command::new("bash").args(["-c", script]).args([&versions, &users]).status().unwrap();
        assert!(made.success());
        format!(
            "allow_anonymous false\npassword_file {}\nlistener {port} 127.0.0.1\n\
             listener {websocket} 127.0.0.1\nprotocol websockets\n",
            users.display()
        )
    });
    let mut service = service(|service| {
        let password = service.secret_file("broker", PASSWORD);
        format!(
            "url = \"ws://127.0.0.1:{websocket}/mqtt?token=hunter2-token\"\nusername = \"meterline\"\npassword_file = {password:?}"
        )
    });
    wait_for(&service, "running");
    let mut options = MqttOptions::new("publisher", ("127.0.0.1", broker.port()));
    options.set_credentials("meterline", PASSWORD);
    receive(&service, options);
    assert!(service.stop().success());
    service.secret_file("broker", "hunter2-wrong");
    service.start_again();
    let why = wait_for(&service, "misconfigured");
    assert!(why.contains("refuses the login: check username and password_file"), "{why}");
    assert_hidden(&service);
}

#[test]
fn subscriptions_that_a_broker_refuses_are_shown_as_misconfigured() {
    let broker = Broker::start_with(|directory, port| {
        let file = directory.path().join("rights.json");
        std::fs::write(
            &file,
            "{\"defaultACLAccess\":{\"publishClientSend\":true,\"publishClientReceive\":true,\"subscribe\":false,\
             \"unsubscribe\":true}}",
        )
        .unwrap();
        let plugin = Command::new("bash")
            .args(["-c", "source \"$0\"; mosquitto_rights_plugin"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/versions.sh"))
            .output()
            .unwrap();
        let plugin = String::from_utf8(plugin.stdout).unwrap();
        format!(
            "allow_anonymous true\nplugin {}\nplugin_opt_config_file {}\nlistener {port} 127.0.0.1\n",
            plugin.trim(),
            file.display()
        )
    });
    let service = service(|_| format!("url = \"mqtt://127.0.0.1:{}\"", broker.port()));
    let why = wait_for(&service, "misconfigured");
    assert!(why.contains("refuses 1 of the subscriptions, such as meters/boiler: check the rights"), "{why}");
}

#[test]
fn a_message_that_is_too_large_is_named_with_its_remedy_and_blocks_until_it_is_gone() {
    let broker = Broker::start();
    broker.publish_retained(&[("meters/boiler".to_owned(), "x".repeat(5 << 20))]);
    let mut service = service(|_| format!("url = \"mqtt://127.0.0.1:{}\"\nclient_id = \"first\"", broker.port()));
    let why = wait_for(&service, "misconfigured");
    assert!(why.contains("message_size_limit") && why.contains("another client_id"), "{why}");
    assert!(service.stop().success());
    broker.publish_retained(&[("meters/boiler".to_owned(), String::new())]);
    service.reconfigure("client_id = \"first\"", "client_id = \"second\"");
    service.start_again();
    wait_for(&service, "running");
    receive(&service, MqttOptions::new("publisher", ("127.0.0.1", broker.port())));
}
