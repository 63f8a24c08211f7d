//! The webhook registration at smart-me, reconciled by the built program.

use crate::support::service::{ACCOUNT, PASSWORD, PATH, Service, Setup, USER, program};
use crate::support::wait;
use meterline_load::cloud::{Cloud, CloudAccount, CloudLogin, CloudRegistration, Fault, Switches};
use meterline_load::{Connection, Target};
use serde_json::Value;
use std::time::Duration;

const KIND: &str = "smart-me registration";
const KEY: &str = "an-api-key-that-must-stay-secret";
const LIMIT: Duration = Duration::from_secs(60);

fn cloud() -> Cloud {
    let account = CloudAccount::new(ACCOUNT, vec![CloudLogin::ApiKey(KEY.to_owned())]);
    Cloud::start(vec![account], Switches::default()).unwrap()
}

/// A service that is not registered at the cloud yet.
fn service(cloud: &Cloud, reconcile: bool) -> Service {
    let mut service = Setup { tables: "[log]\nlevel = \"trace\"", ..Setup::default() }.start();
    assert!(service.stop().success());
    let key = service.secret_file("api-key", KEY);
    let origin = format!("http://{}", service.webhook_address());
    service.append_configuration(&format!(
        "[[smart_me]]\naccount = \"{ACCOUNT}\"\napi_key_file = {key:?}\nurl = \"{}\"\npublic_url = \"{origin}\"\n\
         reconcile = {reconcile}\nreconcile_every = \"1s\"\nrequests_per_minute = 1000",
        cloud.url()
    ));
    service.start_again();
    service
}

fn ours(cloud: &Cloud) -> Vec<CloudRegistration> {
    cloud.registrations(ACCOUNT).into_iter().filter(|it| it.url.ends_with(PATH)).collect()
}

fn is_right(cloud: &Cloud) -> bool {
    let ours = ours(cloud);
    ours.len() == 1 && ours[0].kind == 2 && ours[0].password.as_deref() == Some(PASSWORD)
}

#[test]
fn a_reconciled_registration_is_right_after_any_change_to_it() {
    let cloud = cloud();
    let foreign = CloudRegistration::for_all(ACCOUNT, "https://other.example/hook");
    let kept = foreign.clone();
    cloud.change_registrations(|all| all.push(foreign));
    let service = service(&cloud, true);
    wait::until("it is registered", LIMIT, || is_right(&cloud));

    // Posts with the registered URL and credentials are accepted.
    let registered = ours(&cloud).remove(0);
    let target = Target::with_credentials(registered.url, &registered.username.unwrap(), &registered.password.unwrap());
    assert_eq!(Connection::new(&target).post(b"").unwrap().status, 200);

    cloud.change_registrations(|all| all.retain(|it| !it.url.ends_with(PATH)));
    wait::until("removed, it is there again", LIMIT, || is_right(&cloud));
    cloud.change_registrations(|all| all.iter_mut().filter(|it| it.url.ends_with(PATH)).for_each(|it| it.kind = 0));
    wait::until("disabled, it is right again", LIMIT, || is_right(&cloud));

    // The cloud posts with another password, which only the webhook can detect.
    cloud.change_registrations(|all| {
        all.iter_mut().filter(|it| it.url.ends_with(PATH)).for_each(|it| it.password = Some("changed".into()));
    });
    let wrong = Target::with_credentials(service.webhook_url(), USER, "changed");
    wait::until("its password is right again", LIMIT, || {
        // As from many devices: no post waits for the delayed answer to the one before.
        let wrong = wrong.clone();
        std::thread::spawn(move || Connection::new(&wrong).post(b""));
        is_right(&cloud)
    });
    assert!(cloud.registrations(ACCOUNT).contains(&kept), "another program's is untouched");
    wait::until("that is shown", LIMIT, || state(&service) == "running");
    let series = "meterline_source_state{source=\"acme\",kind=\"smart-me registration\",state=\"running\"}";
    assert_eq!(service.metric(series), 1.0);
    assert!(service.source(ACCOUNT, KIND)["facts"]["changes"].as_f64() >= Some(4.0));
    assert_no_secret_in(&service);
}

#[test]
fn a_cloud_that_is_away_is_shown_and_keeps_nothing_from_being_taken() {
    let cloud = cloud();
    cloud.fail_next(100_000, Fault::Status(403, None));
    let service = service(&cloud, true);
    wait::until("it is shown", LIMIT, || state(&service) == "misconfigured");
    let page = service.page("/flow").unwrap().1;
    assert!(page.contains("claims device.read and realtimeapi.readwrite"), "{page}");
    assert_eq!(Connection::new(&service.target()).post(b"").unwrap().status, 200);
    cloud.heal();
    wait::until("it is right", LIMIT, || state(&service) == "running");
    assert!(is_right(&cloud));
}

#[test]
fn the_commands_list_register_and_remove() {
    let cloud = cloud();
    let service = service(&cloud, false);
    let list = service.command(&["smart-me", "list"]);
    assert_eq!(list.status.code(), Some(1), "{list:?}");
    assert!(String::from_utf8(list.stderr).unwrap().contains("smart-me register"));
    assert!(service.text_of(&["smart-me", "register", "--dry-run"]).contains("would register our URL"));
    assert_eq!(ours(&cloud), []);
    assert!(service.text_of(&["smart-me", "register"]).contains("register our URL"));
    assert!(is_right(&cloud));
    assert!(service.text_of(&["smart-me", "register"]).contains("nothing to do"));
    let listed: Value = serde_json::from_str(&service.text_of(&["smart-me", "list", "--json"])).unwrap();
    assert_eq!(listed[0]["registrations"][0]["state"], "correct");
    assert!(!listed.to_string().contains(PATH), "{listed}");
    assert!(service.text_of(&["smart-me", "remove"]).contains("remove registration"));
    assert_eq!(ours(&cloud), []);
    let unknown = service.command(&["smart-me", "list", "--account", "unknown"]);
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("no [[smart_me]] table for account 'unknown'"));
}

#[test]
fn registrations_are_listed_without_a_public_url() {
    let cloud = cloud();
    cloud.change_registrations(|all| all.push(CloudRegistration::for_all(ACCOUNT, "https://other.example/hook")));
    let service = service(&cloud, false);
    let file = service.secret_file("list.toml", "");
    let key = service.secret_file("api-key", KEY);
    std::fs::write(
        &file,
        format!("[[smart_me]]\naccount = \"{ACCOUNT}\"\napi_key_file = {key:?}\nurl = \"{}\"\n", cloud.url()),
    )
    .unwrap();
    let list = |arguments: &[&str]| {
        let mut program = program();
        program.args(["smart-me", "list"]).args(arguments).arg("--config").arg(&file).output().unwrap()
    };
    let output = list(&[]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success() && text.contains("https://other.example:443/"), "{output:?}");
    let listed: Value = serde_json::from_slice(&list(&["--json"]).stdout).unwrap();
    assert_eq!(listed[0]["registrations"][0]["state"], Value::Null);
    assert_eq!(listed[0]["public_url"], false);
}

#[test]
fn check_with_connect_finds_a_key_that_smart_me_rejects() {
    let cloud = cloud();
    let mut service = service(&cloud, false);
    let good = service.text_of(&["check", "--connect"]);
    assert!(good.contains("good     smart_me: smart-me accepts the login of account 'acme'"), "{good}");
    service.secret_file("api-key", "another-key");
    let output = service.command(&["check", "--connect"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("FAULT    smart_me: account 'acme'") && text.contains("rejects the credentials"), "{text}");
    assert!(!text.contains("another-key"), "{text}");
    assert!(service.command(&["check"]).status.success(), "without --connect no request is made");
    assert!(service.stop().success());
}

fn state(service: &Service) -> Value {
    service.source(ACCOUNT, KIND)["state"].clone()
}

fn assert_no_secret_in(service: &Service) {
    let mut shown = vec![("the log".to_owned(), service.log())];
    for page in ["/", "/flow", "/trouble", "/status.json", "/metrics"] {
        shown.push((page.to_owned(), service.page(page).unwrap().1));
    }
    for (name, text) in service.data_texts() {
        shown.push((name, text));
    }
    for (place, text) in shown {
        for secret in [KEY, PASSWORD, PATH] {
            assert!(!text.contains(secret), "{place} shows {secret}");
        }
    }
}
