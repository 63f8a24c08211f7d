//! Upgrades, and upgrades taken back. The newer program is this one, told by a
//! switch of test builds that it knows a second format of the journal.

use crate::support::load::{fleet, now_ns};
use crate::support::service::{Service, Setup};
use crate::support::stores::{assert_exactly, of_sqlite};
use meterline_load::{Body, Connection, Expected, Fleet};

const NEWER: &str = "journal-format=2";

fn post(service: &Service, fleet: &mut Fleet, bodies: &mut Vec<Body>) {
    let connection = Connection::new(&service.target());
    for _ in 0..10 {
        let body = fleet.live(0, now_ns());
        assert_eq!(connection.post(&body.bytes).unwrap().status, 200);
        bodies.push(body);
    }
}

fn assert_stored(service: &Service, bodies: &[Body]) {
    service.wait_drained();
    assert_exactly("SQLite", &Expected::of(bodies), &of_sqlite(&service.sqlite_file()));
}

/// A store that has everything to get again.
fn make_backlog(service: &mut Service) {
    assert!(service.stop().success());
    std::fs::remove_file(service.sqlite_file()).unwrap();
}

#[test]
fn an_upgrade_can_be_taken_back_until_it_is_made_final_and_loses_nothing_either_way() {
    let mut service = Setup::default().start();
    let start = jiff::Timestamp::now().to_string();
    let (mut fleet, mut bodies) = (fleet(17), Vec::new());
    post(&service, &mut fleet, &mut bodies);

    // Upgraded, and back, with a backlog that both programs wrote.
    service.restart_with(NEWER);
    post(&service, &mut fleet, &mut bodies);
    assert_stored(&service, &bodies);
    make_backlog(&mut service);
    service.set_faults("");
    service.start_again();
    post(&service, &mut fleet, &mut bodies);
    assert_stored(&service, &bodies);

    // For good.
    service.restart_with(NEWER);
    let beside = service.command(&["journal", "finalize"]);
    assert!(!beside.status.success(), "beside a running service: {beside:?}");
    make_backlog(&mut service);
    let said = service.text_of(&["journal", "finalize"]);
    assert!(said.contains("had format 1 and has 2 now"), "{said}");
    let again = service.text_of(&["journal", "finalize"]);
    assert!(again.contains("has format 2 already"), "{again}");
    service.start_again();
    post(&service, &mut fleet, &mut bodies);
    assert_stored(&service, &bodies);
    assert!(service.stop().success());
    service.set_faults("");
    let refused = service.command(&["replay", "--sink", "sqlite", "--from", &start]);
    let sentence = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && sentence.contains("start the newer program again"), "{sentence}");

    service.set_faults(NEWER);
    std::fs::remove_file(service.sqlite_file()).unwrap();
    service.start_again();
    assert_stored(&service, &bodies);
}
