//! From the POST to all three sinks, everything whole.

use crate::support::load::{Sent, fleet, now_ns};
use crate::support::service::Setup;
use crate::support::stores::{assert_exactly, of_questdb, of_sqlite};
use crate::support::stream::{Stream, counts_of};
use crate::support::{kafka, questdb};
use meterline_load::{Script, send_all};
use std::sync::atomic::AtomicBool;

#[test]
fn twenty_thousand_readings_are_in_every_sink_as_they_were_sent() {
    let (questdb, brokers) = (questdb::Client::shared(), kafka::shared());
    let service = Setup {
        questdb: Some((questdb.url().to_owned(), "e2e_delivery".to_owned())),
        kafka: Some((brokers.clone(), "e2e-delivery".to_owned())),
        ..Setup::default()
    }
    .start();

    let bodies = fleet(20_000).script(&Script::mixed(20_000, now_ns()));
    let outcomes = send_all(&service.target(), &bodies, 16, &AtomicBool::new(false));
    let sent = Sent::new(bodies, outcomes);
    let expected = sent.expected();
    service.wait_drained();

    assert_exactly("SQLite", &expected, &of_sqlite(&service.sqlite_file()));
    assert_exactly("QuestDB", &expected, &of_questdb(&questdb, "e2e_delivery"));
    let stream = Stream::read(&brokers, "e2e-delivery");
    stream.assert_keyed_by_meter();
    stream.assert_in_journal_order();
    assert_exactly("Kafka", &expected, &stream.samples());
    assert!(stream.counts() == counts_of(&sent.answered), "every reading is in Kafka as often as it was sent");
}
