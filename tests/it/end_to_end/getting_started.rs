//! The configurations of docs/getting-started.md, on the built program with a simulated device of each vendor.

use crate::support::load::now_ns;
use crate::support::service::{Service, Setup};
use crate::support::stores::rows_of_sqlite;
use crate::support::wait;
use meterline_load::cloud::{Cloud, CloudAccount, CloudDevice, CloudLogin, Switches};
use meterline_load::devices::{Clock, Em300, Ksem, OneOfEach, SmartMac};
use meterline_load::smappee::{Generation, Monitor, MonitorBroker};
use std::path::Path;
use std::time::Duration;
use uuid::Uuid;

const PAGE: &str = include_str!("../../../docs/getting-started.md");
const LIMIT: Duration = Duration::from_secs(60);
const KEY: &str = "an-api-key-that-must-stay-secret";
/// The directory of the secrets on the page.
const SECRETS: &str = "/etc/meterline/";
/// The source of each section, as the page names it, and its kind.
const SOURCES: [(&str, &str); 7] = [
    ("home", "smart-me devices"),
    ("grid", "ksem"),
    ("cellar", "em300"),
    ("meter-cabinet", "p1"),
    ("logger", "dsmr-logger"),
    ("workshop", "smart-mac"),
    ("smappee", "mqtt"),
];

/// The configurations of the page, in its order; the third one is of the webhook.
fn configurations() -> Vec<&'static str> {
    PAGE.split("```toml\n").skip(1).filter_map(|text| text.split("```").next()).collect()
}

/// The text with the address of a simulated device in place of the page's, which it must have.
fn at(text: &str, address: &str, simulated: &str) -> String {
    assert!(text.contains(address), "{address} in {text}");
    text.replace(address, simulated)
}

fn save(service: &Service, name: &str, secret: &str) {
    service.secret_file(name, secret);
}

#[test]
fn each_configuration_for_getting_started_brings_a_reading_into_the_store() {
    let clock = Clock::new(|| now_ns() / 1_000_000_000);
    let devices = OneOfEach::start(&clock, Duration::from_secs(1)).unwrap();
    let monitor = MonitorBroker::start(Monitor::new(Generation::Second, 1, 4), clock).unwrap();
    let mut account = CloudAccount::new("home", vec![CloudLogin::ApiKey(KEY.to_owned())]);
    account.devices = vec![CloudDevice::new(Uuid::from_u128(7), 900.0)];
    let cloud = Cloud::start(vec![account], Switches::default()).unwrap();
    let mut service = Setup::default().start();
    assert!(service.stop().success());
    let secrets = [
        ("home.api-key", KEY),
        ("grid.token", Ksem::token()),
        ("em300.password", Em300::password()),
        ("workshop.pin", SmartMac::pin()),
    ];
    for (name, secret) in secrets {
        save(&service, name, secret);
    }
    let mut text: String = configurations().into_iter().filter(|text| !text.contains("[webhook]")).collect();
    let directory = service.secret_file("unused", "");
    let directory = Path::new(&directory).parent().unwrap().display().to_string();
    for (address, simulated) in [
        (SECRETS, format!("{directory}/")),
        ("account = \"home\"\n", format!("account = \"home\"\nurl = \"{}\"\n", cloud.url())),
        ("http://192.168.1.50", devices.ksem.url()),
        ("http://192.168.1.51", devices.em300.url()),
        ("192.168.1.30:2001", devices.p1.address().to_string()),
        ("http://dsmr-api.local", devices.dsmr_logger.url()),
        ("http://192.168.1.40", devices.smart_mac.url()),
        ("1728053249", SmartMac::device().to_owned()),
        ("192.168.1.60:1883", monitor.address().to_string()),
    ] {
        text = at(&text, address, &simulated);
    }
    service.append_configuration(&text);
    let checked = service.command(&["check", "--connect"]);
    assert!(checked.status.success(), "{checked:?}");
    let said = String::from_utf8(checked.stdout).unwrap();
    let shown = PAGE.lines().find_map(|line| line.strip_prefix("good     ksem")?.split_once("; its clock")).unwrap().0;
    assert!(said.contains(shown), "{shown} in {said}");
    service.start_again();
    for (name, kind) in SOURCES {
        wait::until(&format!("{name} runs"), LIMIT, || service.source(name, kind)["state"] == "running");
        assert!(PAGE.contains(&format!("\"{name}\"")), "{name} on the page");
    }
    for (source, _) in SOURCES {
        let sql = format!("SELECT count(*) FROM samples WHERE source = '{source}' AND obis LIKE '1-0:%'");
        wait::until(&format!("{source} is stored"), LIMIT, || rows_of_sqlite(&service.sqlite_file(), &sql) != [["0"]]);
    }
}

#[test]
fn the_configuration_of_the_webhook_for_getting_started_is_right() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    let certified = rcgen::generate_simple_self_signed(["meter.example.org".to_owned()]).unwrap();
    for (name, text) in [
        ("home.api-key", KEY.to_owned()),
        ("home.webhook-password", "a-password-that-is-long-enough".to_owned()),
        ("fullchain.pem", certified.cert.pem()),
        ("privkey.pem", certified.signing_key.serialize_pem()),
    ] {
        std::fs::write(file(name), text).unwrap();
    }
    let text = configurations().into_iter().find(|text| text.contains("[webhook]")).unwrap();
    let text = at(text, SECRETS, &format!("{}/", directory.path().display()));
    let config = file("meterline.toml");
    std::fs::write(&config, format!("data_directory = {:?}\n{text}", file("data"))).unwrap();
    let mut program = crate::support::service::program();
    let checked = program.args(["check", "--config"]).arg(&config).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
}
