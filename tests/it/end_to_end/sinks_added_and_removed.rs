//! Sinks that are added to the configuration and removed from it.

use crate::support::load::{fleet, now_ns};
use crate::support::questdb;
use crate::support::service::Setup;
use crate::support::stores::{assert_exactly, of_questdb, of_sqlite};
use meterline_load::{Expected, Script};

const TABLE: &str = "e2e_added_later";

#[test]
fn a_new_sink_gets_what_is_retained_and_a_removed_one_refuses_the_start_until_it_is_forgotten() {
    let questdb = questdb::Client::shared();
    let with_questdb = Setup { questdb: Some((questdb.url().to_owned(), TABLE.to_owned())), ..Setup::default() };
    let mut service = Setup::default().start();
    let mut fleet = fleet(11);
    let mut bodies = fleet.script(&Script::mixed(300, now_ns()));
    service.post_all(&bodies);
    service.wait_drained();

    assert!(service.stop().success());
    service.set_setup(&with_questdb);
    service.text_of(&["migrate"]);
    service.start_again();
    service.wait_drained();
    assert_exactly("QuestDB", &Expected::of(&bodies), &of_questdb(&questdb, TABLE));

    assert!(service.stop().success());
    service.set_setup(&Setup::default());
    let refused = service.refusal_of(&["run"]);
    assert!(refused.contains("not configured any more: questdb") && refused.contains("journal forget"), "{refused}");
    service.text_of(&["journal", "forget", "questdb"]);
    service.start_again();
    let more = fleet.script(&Script::mixed(100, now_ns()));
    service.post_all(&more);
    bodies.extend(more);
    service.wait_drained();
    assert_exactly("SQLite", &Expected::of(&bodies), &of_sqlite(&service.sqlite_file()));
}
