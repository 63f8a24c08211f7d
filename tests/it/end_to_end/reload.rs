//! The reload of the configuration: what it takes, refuses and leaves alone, under load.

use crate::support::load::{fleet, now_ns};
use crate::support::service::{PASSWORD, Service, Setup, USER};
use crate::support::stores::of_sqlite;
use crate::support::wait;
use meterline_load::devices::{AllowList, HttpServer};
use meterline_load::{Body, Connection, Reading, Script, Target};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const APPLIED: &str = "meterline_configuration_reloads_total{outcome=\"applied\"}";
const REFUSED: &str = "meterline_configuration_reloads_total{outcome=\"refused\"}";
const CURRENT: &str = "meterline_configuration_current";

/// A device that counts its requests.
fn device() -> (HttpServer, Arc<AtomicU64>) {
    let requests = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&requests);
    let server = HttpServer::start(AllowList::only("GET /status"), move |_| {
        (200, format!("{{\"kwh\":{}}}", counted.fetch_add(1, Ordering::SeqCst)))
    });
    (server.unwrap(), requests)
}

fn table(name: &str, device: &HttpServer, every: &str) -> String {
    format!(
        "[[json]]\nname = \"{name}\"\nurl = \"{}status\"\nevery = \"{every}\"\nkeep = \"all\"\n\
         [[json.value]]\npointer = \"/kwh\"\nobis = \"1-0:1.8.0*255\"\nunit = \"kWh\"\n",
        device.url()
    )
}

fn reload(service: &Service, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = service.command(&[&["reload", "--json"], arguments].concat());
    let answer = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code(), answer)
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// The number of running sources of this name.
fn tasks(service: &Service, name: &str) -> usize {
    service.status()["sources"].as_array().unwrap().iter().filter(|source| source["name"] == name).count()
}

/// The newest time of measurement of a source, as the alerts see it.
fn newest(service: &Service, source: &str) -> f64 {
    service.metric(&format!("meterline_last_reading_timestamp_seconds{{source=\"{source}\"}}"))
}

fn longest(service: &Service, source: &str) -> f64 {
    service.metric(&format!("meterline_reading_interval_max_seconds{{source=\"{source}\"}}"))
}

/// The status of one empty post.
fn post(target: &Target) -> u16 {
    Connection::new(target).post(&[]).unwrap().status
}

#[test]
fn sighup_takes_accounts_credentials_sources_and_the_log_level_and_leaves_the_rest_alone() {
    let mut service = Setup { others: &["gone"], ..Setup::default() }.start();
    let ((kept, kept_requests), (changed, _), (removed, removed_requests), (added, _)) =
        (device(), device(), device(), device());
    let base = std::fs::read_to_string(service.data_directory().with_file_name("meterline.toml")).unwrap();
    service.append_configuration(
        &[table("kept", &kept, "1s"), table("changed", &changed, "1s"), table("removed", &removed, "1s")].concat(),
    );
    assert!(service.stop().success());
    service.start_again();
    let state = |service: &Service, name: &str| service.source(name, "json")["state"].clone();
    for name in ["kept", "changed", "removed"] {
        wait::until(&format!("{name} runs"), LIMIT, || state(&service, name) == "running");
    }
    let since = service.source("kept", "json")["since"].clone();
    assert_eq!(post(&service.target_of("gone")), 200);

    let secret = service.secret_file("next-password", "another-secret-of-the-test");
    let file = service.data_directory().with_file_name("meterline.toml");
    let password = service.data_directory().with_file_name("password");
    let (before, _) = base.split_once("[[webhook.account]]\nname = \"gone\"").unwrap();
    let text = [
        before.to_owned(),
        format!("[log]\nlevel = \"debug\"\n[[webhook.account]]\nname = \"new\"\npath = \"/new\"\nusername = \"{USER}\"\npassword_file = {secret:?}\n"),
        table("kept", &kept, "1s"),
        table("added", &added, "1s"),
        table("changed", &changed, "2s"),
    ]
    .concat();
    std::fs::write(&file, text).unwrap();
    service.process().signal("HUP");
    wait::until("it is reloaded", LIMIT, || service.metric(APPLIED) == 1.0);
    assert_eq!(service.process().ended(), None);

    // Accounts and credentials.
    let new =
        |password: &str| Target::with_credentials(format!("http://{}/new", service.webhook_address()), USER, password);
    assert_eq!(post(&new("another-secret-of-the-test")), 200);
    assert_eq!(post(&new(PASSWORD)), 401);
    assert_eq!(post(&service.target_of("gone")), 401);
    service.post_all(&fleet(3).script(&Script::mixed(5, now_ns())));
    // Sources.
    for name in ["added", "changed"] {
        wait::until(&format!("{name} runs"), LIMIT, || state(&service, name) == "running");
    }
    assert_eq!(service.source("kept", "json")["since"], since, "it was not interrupted");
    assert_eq!(["removed", "changed"].map(|name| tasks(&service, name)), [0, 1], "the earlier ones have ended");
    // One that is gone would be called silent an hour later.
    let status = service.status();
    let mut named: Vec<_> =
        status["ingest"].as_array().unwrap().iter().map(|source| source["name"].as_str().unwrap()).collect();
    named.sort_unstable();
    assert_eq!(named, ["acme", "added", "changed", "kept", "new"]);
    assert_eq!(service.metric("meterline_source_state{source=\"removed\",kind=\"json\",state=\"running\"}"), 0.0);
    let (last, before) = (removed_requests.load(Ordering::SeqCst), kept_requests.load(Ordering::SeqCst));
    wait::until("the kept one is asked again", LIMIT, || kept_requests.load(Ordering::SeqCst) > before + 1);
    assert_eq!(removed_requests.load(Ordering::SeqCst), last, "no request to a removed device");
    // The level.
    wait::until("the level is in use", LIMIT, || service.log().contains("DEBUG"));
    // A new password of an account that stays.
    std::fs::write(&password, "a-third-secret-of-the-test").unwrap();
    let (code, answer) = reload(&service, &[]);
    assert_eq!((code, texts(&answer["applied"])), (Some(0), vec!["changed [[webhook.account]] acme"]), "{answer}");
    assert_eq!(post(&service.target()), 401);
    assert_eq!(post(&Target::with_credentials(service.webhook_url(), USER, "a-third-secret-of-the-test")), 200);
    for secret in ["another-secret", "a-third-secret", PASSWORD] {
        assert!(!service.log().contains(secret) && !service.status().to_string().contains(secret));
    }
    assert!(service.stop().success());
}

#[test]
fn a_removed_source_raises_no_alert_on_old_readings_and_is_watched_again_when_it_comes_back() {
    let service = Setup { others: &["gone"], ..Setup::default() }.start();
    let file = service.configuration_file();
    let base = std::fs::read_to_string(&file).unwrap();
    let ((kept, _), (removed, _)) = (device(), device());
    let tables = [table("kept", &kept, "1s"), table("removed", &removed, "1s")];
    service.append_configuration(&tables.concat());
    assert_eq!(reload(&service, &[]).0, Some(0));
    for name in ["kept", "removed"] {
        wait::until(&format!("{name} has a reading"), LIMIT, || newest(&service, name) > 0.0);
    }
    assert_eq!((newest(&service, "gone"), longest(&service, "gone")), (0.0, 0.0));
    let (before, _) = base.split_once("[[webhook.account]]\nname = \"gone\"").unwrap();
    std::fs::write(&file, [before, &tables[0]].concat()).unwrap();
    assert_eq!(reload(&service, &[]).0, Some(0));
    for name in ["removed", "gone"] {
        assert!(newest(&service, name).is_nan() && longest(&service, name).is_nan(), "{name}");
    }
    assert!(newest(&service, "kept") > 0.0);
    service.append_configuration(&tables[1]);
    assert_eq!(texts(&reload(&service, &[]).1["applied"]), ["added [[json]] removed"]);
    wait::until("it has a reading again", LIMIT, || newest(&service, "removed") > 0.0);
    assert!(newest(&service, "gone").is_nan());
}

#[test]
fn the_first_and_the_last_account_need_a_restart_and_the_webhook_goes_on_until_then() {
    let mut service = Setup::default().start();
    let file = service.configuration_file();
    let with_account = std::fs::read_to_string(&file).unwrap();
    let (device, _) = device();
    let (before, rest) = with_account.split_once("[[webhook.account]]").unwrap();
    let without = [before, "[admin]", rest.split_once("[admin]").unwrap().1, &table("a", &device, "1s")].concat();
    std::fs::write(&file, &without).unwrap();
    let (code, answer) = reload(&service, &[]);
    let (applied, restart) = (texts(&answer["applied"]), texts(&answer["restart"]));
    assert_eq!((code, applied, restart), (Some(0), vec!["added [[json]] a"], vec!["webhook.account"]), "{answer}");
    assert_eq!(post(&service.target()), 200, "it goes on until the restart");
    assert!(service.stop().success());
    service.start_again();
    assert!(Connection::new(&service.target()).post(&[]).is_err(), "nothing listens any more");
    std::fs::write(&file, with_account).unwrap();
    let answer = reload(&service, &[]).1;
    assert_eq!(texts(&answer["restart"]), ["webhook.account"], "{answer}");
    assert!(service.stop().success());
    service.start_again();
    assert_eq!(post(&service.target()), 200);
}

#[cfg(feature = "test-faults")]
#[test]
fn a_service_that_stops_takes_no_other_configuration() {
    let mut service = Setup { options: &["--stop-within", "60s"], ..Setup::default() }.start();
    service.restart_with("stop-hangs");
    let (device, requests) = device();
    service.append_configuration(&table("late", &device, "1s"));
    service.process().terminate();
    wait::until("the webhook has stopped", LIMIT, || Connection::new(&service.target()).post(&[]).is_err());
    let (code, answer) = reload(&service, &[]);
    assert_eq!((code, texts(&answer["faults"])), (Some(3), vec!["the service is stopping"]), "{answer}");
    assert_eq!(requests.load(Ordering::SeqCst), 0);
    service.kill();
}

#[test]
fn a_disk_that_refuses_the_name_of_a_new_source_leaves_everything_as_it_was() {
    let service = Setup::default().start();
    let (device, requests) = device();
    let blocked = service.data_directory().join("journal/sources.new");
    std::fs::create_dir(&blocked).unwrap();
    let password = service.secret_file("password", "another-secret-of-the-test");
    service.append_configuration(&format!("{}[log]\nlevel = \"debug\"\n", table("a", &device, "1s")));
    let (code, answer) = reload(&service, &[]);
    assert_eq!((code, texts(&answer["faults"]).len(), service.metric(CURRENT)), (Some(3), 1, 0.0), "{answer}");
    assert_eq!((service.source("a", "json"), requests.load(Ordering::SeqCst)), (Value::Null, 0));
    assert_eq!(post(&service.target()), 200, "the password of before");
    assert!(!service.log().contains("DEBUG"), "{}", service.log());
    std::fs::remove_dir(blocked).unwrap();
    std::fs::write(password, PASSWORD).unwrap();
    let (code, answer) = reload(&service, &[]);
    assert_eq!((code, texts(&answer["applied"])), (Some(0), vec!["changed log.level", "added [[json]] a"]), "{answer}");
    wait::until("the source runs", LIMIT, || service.source("a", "json")["state"] == "running");
}

#[test]
fn an_account_takes_its_changed_limits_at_a_reload() {
    let service = Setup { account: "accept_age = \"400d\"", ..Setup::default() }.start();
    let old = two_hours_old();
    service.post_all(std::slice::from_ref(&old));
    service.reconfigure("accept_age = \"400d\"", "accept_age = \"1h\"");
    assert_eq!(texts(&reload(&service, &[]).1["applied"]), ["changed [[webhook.account]] acme"]);
    service.post_all(&[old]);
    wait::until("one is set aside", LIMIT, || service.text_of(&["dead-letters", "list"]).contains("time_too_old"));
    assert_eq!(service.metric("meterline_samples_set_aside_total{source=\"acme\",reason=\"time_too_old\"}"), 1.0);
}

/// One sample that was measured two hours ago.
fn two_hours_old() -> Body {
    let time_ns = (now_ns() / 100 * 100) - 2 * 3_600_000_000_000;
    Body::new(0, vec![Reading { meter: [7; 16], time_ns, values: vec![([1, 0, 1, 8, 0, 255], 1.0)] }])
}

#[test]
fn a_letter_of_a_removed_account_is_resubmitted_and_its_source_is_not_called_silent() {
    let service = Setup::default().start();
    let file = service.configuration_file();
    let base = std::fs::read_to_string(&file).unwrap();
    let password = service.data_directory().with_file_name("password");
    service.append_configuration(&format!(
        "[[webhook.account]]\nname = \"narrow\"\npath = \"/narrow\"\nusername = \"{USER}\"\n\
         password_file = {password:?}\naccept_age = \"1h\"\n"
    ));
    assert_eq!(reload(&service, &[]).0, Some(0));
    assert_eq!(Connection::new(&service.target_of("narrow")).post(&two_hours_old().bytes).unwrap().status, 200);
    wait::until("it is set aside", LIMIT, || service.text_of(&["dead-letters", "list"]).contains("set-aside"));
    std::fs::write(&file, base).unwrap();
    assert_eq!(reload(&service, &[]).0, Some(0));
    let said = service.text_of(&["dead-letters", "resubmit", "1"]);
    assert!(said.contains("its 1 sample"), "{said}");
    assert!(newest(&service, "narrow").is_nan() && longest(&service, "narrow").is_nan());
    let status = service.status();
    assert_eq!(status["ingest"].as_array().unwrap().len(), 1, "{status}");
}

#[test]
fn a_faulty_file_changes_nothing_lists_all_errors_and_is_shown_until_it_is_corrected() {
    let service = Setup::default().start();
    let (device, _) = device();
    service.append_configuration(&format!(
        "{}[log]\nlevel = \"loud\"\n[journal]\ncap = \"lots\"\n",
        table("a", &device, "1s")
    ));
    let (code, answer) = reload(&service, &[]);
    assert_eq!(code, Some(3));
    // The command reads the file as well, to find the data directory.
    assert!(answer["error"].as_str().unwrap().contains("journal.cap"), "{answer}");
    let mut service = service;
    service.process().signal("HUP");
    wait::until("it is refused", LIMIT, || service.metric(REFUSED) == 1.0);
    assert_eq!(service.metric(CURRENT), 0.0);
    let log = service.log();
    assert!(log.contains("log.level") && log.contains("journal.cap") && log.contains("stays in use"), "{log}");
    let status = service.status();
    assert_eq!(status["reload"]["faults"].as_array().unwrap().len(), 2, "{status}");
    assert!(status["trouble"].to_string().contains("The configuration has errors (2)"), "{status}");
    assert_eq!(service.source("a", "json"), Value::Null);
    service.post_all(&fleet(3).script(&Script::mixed(5, now_ns())));

    service.reconfigure("level = \"loud\"", "level = \"info\"");
    service.reconfigure("cap = \"lots\"", "cap = \"9GiB\"");
    let checked = service.text_of(&["check"]);
    assert!(
        checked.contains("`meterline reload` takes these changes") && checked.contains("added [[json]] a"),
        "{checked}"
    );
    assert!(checked.contains("need a restart of the service: journal.cap"), "{checked}");
    let (_, preview) = reload(&service, &["--dry-run"]);
    let (code, answer) = reload(&service, &[]);
    assert_eq!((code, &preview), (Some(0), &answer));
    assert_eq!(texts(&answer["applied"]), ["changed log.level", "added [[json]] a"]);
    assert_eq!(texts(&answer["restart"]), ["journal.cap"]);
    assert_eq!((service.metric(CURRENT), service.metric(APPLIED)), (1.0, 1.0));
    wait::until("the source runs", LIMIT, || service.source("a", "json")["state"] == "running");
    assert!(
        service.log().contains("these changed settings need a restart settings=\"journal.cap\""),
        "{}",
        service.log()
    );
    // A setting that waits for a restart stays named.
    let (_, answer) = reload(&service, &[]);
    assert_eq!((texts(&answer["applied"]), texts(&answer["restart"])), (vec![], vec!["journal.cap"]));
    assert!(service.stop().success());
    service.start_again();
    let (_, answer) = reload(&service, &[]);
    assert_eq!((texts(&answer["applied"]), texts(&answer["restart"])), (vec![], vec![]));
}

#[test]
fn no_post_is_refused_and_no_sample_is_lost_while_the_configuration_is_reloaded_under_load() {
    let mut service = Setup::default().start();
    let is_over = Arc::new(AtomicBool::new(false));
    let target = service.target();
    let senders: Vec<_> = (0..4)
        .map(|number: u64| {
            let (target, is_over) = (target.clone(), Arc::clone(&is_over));
            std::thread::spawn(move || {
                let (mut rounds, mut statuses) = (0, Vec::new());
                while !is_over.load(Ordering::SeqCst) || rounds < 3 {
                    // A connection of its own for each round, and several posts on it.
                    let connection = Connection::new(&target);
                    let begin = now_ns() + i64::try_from(number).unwrap() * 1_000_000;
                    for body in fleet(2 + number).script(&Script::mixed(5, begin)) {
                        statuses.push(connection.post(&body.bytes).unwrap().status);
                    }
                    rounds += 1;
                }
                statuses
            })
        })
        .collect();
    let names = ["one", "two", "three", "four", "five", "six"];
    for name in names {
        let password = service.secret_file("other-password", name);
        service.append_configuration(&format!(
            "[[webhook.account]]\nname = \"{name}\"\npath = \"/{name}\"\nusername = \"u\"\npassword_file = {password:?}\naccept_age = \"30d\"\n"
        ));
        service.process().signal("HUP");
        let applied = names.iter().position(|it| *it == name).unwrap() as f64 + 1.0;
        wait::until("it is reloaded", LIMIT, || service.metric(APPLIED) == applied);
    }
    is_over.store(true, Ordering::SeqCst);
    let statuses: Vec<u16> = senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect();
    assert!(statuses.len() >= 60 && statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let records = service.next_sequence();
    assert!(records > statuses.len() as u64, "each answered body is a record: {records}");
    service.wait_drained();
    assert!(!of_sqlite(&service.sqlite_file()).is_empty());
    assert!(service.stop().success());
}
