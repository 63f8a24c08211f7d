//! From the POST to all three sinks, complete.

use crate::support::load::{Sent, fleet, now_ns};
use crate::support::service::Setup;
use crate::support::stores::assert_in_all_sinks;
use crate::support::stream::counts_of;
use meterline_load::{Script, send_all};
use std::sync::atomic::AtomicBool;

#[test]
fn twenty_thousand_readings_are_in_every_sink_as_they_were_sent() {
    let service = Setup::with_all_sinks("e2e_delivery").start();

    let bodies = fleet(20_000).script(&Script::mixed(20_000, now_ns()));
    let outcomes = send_all(&service.target(), &bodies, 16, &AtomicBool::new(false));
    let sent = Sent::new(bodies, outcomes);
    let expected = sent.expected();
    service.wait_drained();

    let stream = assert_in_all_sinks(&service, "e2e_delivery", &expected);
    stream.assert_keyed_by_meter();
    stream.assert_in_journal_order();
    assert!(stream.counts() == counts_of(&sent.answered), "every reading is in Kafka as often as it was sent");
}
