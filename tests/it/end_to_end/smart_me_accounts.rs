//! Several accounts at smart-me and a partner's, side by side on the built program.

use crate::support::load::now_ns;
use crate::support::service::{ACCOUNT, PATH, Service, Setup};
use crate::support::wait;
use meterline_load::Connection;
use meterline_load::cloud::{Cloud, CloudAccount, CloudCustomer, CloudDevice, CloudLogin, Received, Switches};
use std::time::Duration;
use uuid::Uuid;

const LIMIT: Duration = Duration::from_secs(60);
const QUARTER_NS: i64 = 900 * 1_000_000_000;
const KEYS: [&str; 3] = ["hidden-key-of-acme", "hidden-key-of-other", "hidden-key-of-partner"];
/// Requests per minute of the other account.
const FEW: usize = 8;

fn device(number: u128) -> CloudDevice {
    CloudDevice::new(Uuid::from_u128(number), 900.0)
}

fn cloud() -> Cloud {
    let account = |name: &str, key: &str, devices: Vec<CloudDevice>| {
        let mut account = CloudAccount::new(name, vec![CloudLogin::ApiKey(key.to_owned())]);
        account.devices = devices;
        account
    };
    let mut partner = account("partner", KEYS[2], vec![device(3), device(4)]);
    partner.is_partner = true;
    let customer = |id: i64, device: u128| CloudCustomer {
        id,
        name: format!("customer {id}"),
        devices: vec![Uuid::from_u128(device)],
        house: format!("House {id}"),
    };
    partner.customers = vec![customer(33, 3), customer(44, 4)];
    let own = [account(ACCOUNT, KEYS[0], vec![device(1)]), account("other", KEYS[1], vec![device(2)])];
    Cloud::start(own.into_iter().chain([partner]).collect(), Switches::default()).unwrap()
}

fn of<'a>(requests: &'a [Received], account: &str) -> Vec<&'a Received> {
    requests.iter().filter(|request| request.account == account).collect()
}

/// Customer, site and firmware of the meters that have them: one version each.
fn described(service: &Service) -> Vec<[String; 3]> {
    let store = rusqlite::Connection::open(service.sqlite_file()).unwrap();
    let mut rows =
        store.prepare("SELECT customer, site, firmware FROM meters WHERE customer <> '' ORDER BY meter").unwrap();
    rows.query_map([], |row| Ok([0, 1, 2].map(|column| row.get_unwrap(column)))).unwrap().map(Result::unwrap).collect()
}

#[test]
fn two_accounts_and_a_partner_have_their_own_budget_registration_and_gaps() {
    let cloud = cloud();
    let last = now_ns() / QUARTER_NS;
    cloud.set_now(Some((last - 6) * QUARTER_NS));
    let mut service = Setup { others: &["other"], tables: "[log]\nlevel = \"trace\"", ..Setup::default() }.start();
    assert!(service.stop().success());
    let origin = format!("http://{}", service.webhook_address());
    for (name, key, lines) in [
        (ACCOUNT, KEYS[0], format!("public_url = \"{origin}\"\nreconcile = true\nrequests_per_minute = 6000")),
        ("other", KEYS[1], format!("public_url = \"{origin}\"\nreconcile = true\nrequests_per_minute = {FEW}")),
        ("partner", KEYS[2], "partner = true\nrequests_per_minute = 6000".to_owned()),
    ] {
        let file = service.secret_file(name, key);
        service.append_configuration(&format!(
            "[[smart_me]]\naccount = \"{name}\"\napi_key_file = {file:?}\nurl = \"{}\"\npoll_every = \"1s\"\n{lines}",
            cloud.url()
        ));
    }
    service.start_again();

    // Each way has three quarter-hours, then misses three, then has one again.
    let connection = Connection::new(&service.target());
    let polled = "meterline_source_readings_total{source=\"partner\",kind=\"smart-me devices\"}";
    for (number, back) in [(1, 6), (2, 5), (3, 4), (4, 0)] {
        cloud.set_now(Some((last - back) * QUARTER_NS));
        assert_eq!(connection.post(&device(1).body((last - back) * QUARTER_NS).bytes).unwrap().status, 200);
        wait::until("the partner's two devices are read", LIMIT, || service.metric(polled) == f64::from(number * 2));
    }
    wait::until("the three gaps are closed", LIMIT, || {
        let gaps = service.status()["missing"]["newest"].as_array().unwrap().clone();
        gaps.iter().filter(|gap| gap["state"] == "repaired" && gap["repaired"] == 3).count() == 3
    });
    let gaps = service.status()["missing"]["newest"].as_array().unwrap().clone();
    let by = |source: &str| gaps.iter().filter(|gap| gap["source"] == source).count();
    assert_eq!((by(ACCOUNT), by("other"), by("partner"), gaps.len()), (1, 0, 2, 3));

    wait::until("both are registered", LIMIT, || {
        !cloud.registrations(ACCOUNT).is_empty() && !cloud.registrations("other").is_empty()
    });
    let registered = |name: &str| -> Vec<String> { cloud.registrations(name).into_iter().map(|it| it.url).collect() };
    assert_eq!(registered(ACCOUNT), [format!("{origin}{PATH}")]);
    assert_eq!(registered("other"), [format!("{origin}/other")]);
    assert!(registered("partner").is_empty());

    wait::until("the partner's meters are described", LIMIT, || {
        described(&service) == [["customer 33", "House 33", "1042"], ["customer 44", "House 44", "1042"]]
    });

    let requests = cloud.requests();
    let (own, few, partner) = (of(&requests, ACCOUNT), of(&requests, "other"), of(&requests, "partner"));
    assert!(own.iter().chain(&few).all(|request| !request.what.to_lowercase().contains("partner")));
    assert!(partner.iter().all(|request| request.what.to_lowercase().contains("partner")), "{partner:?}");
    for (at, first) in few.iter().enumerate() {
        let minute = few[at..].iter().filter(|later| later.at - first.at < Duration::from_mins(1));
        assert!(minute.count() <= FEW, "{few:?}");
    }
    assert!(few.len() >= FEW, "all that it may have was used: {few:?}");
    for text in [
        service.log(),
        service.page("/").unwrap().1,
        service.page("/flow").unwrap().1,
        service.page("/status.json").unwrap().1,
    ] {
        assert!(KEYS.iter().all(|key| !text.contains(key)), "{text}");
    }
    assert!(service.stop().success());
}
