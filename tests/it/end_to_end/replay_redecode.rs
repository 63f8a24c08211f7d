//! Replays that read records in another way than ingest did: with a newer decoder,
//! with other limits, by a corrected clock.

use crate::support::load::now_ns;
use crate::support::service::{Service, Setup};
use crate::support::stores::assert_in_all_sinks;
use crate::support::stream::Stream;
use crate::support::wait;
use meterline::reading::MeterId;
use meterline_load::{Body, Connection, Expected, Reading};
use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const DAY_NS: i64 = 86_400_000_000_000;
/// A body that only the extended decoder of a test build can read.
const ENVELOPE: &[u8] = b"\xff\xffenvelope:";
const P1_TABLE: &str = "[[p1]]\nname = \"cellar\"\nkeep = \"all\"\naddress = ";
const TWO_YEARS: &str = "clock-ahead-s=63244800";

/// A service with all three sinks, and their table and topic.
struct Replayed {
    service: Service,
    name: &'static str,
    before: String,
}

impl Replayed {
    fn new(name: &'static str, account: &'static str) -> Self {
        let setup = Setup { account, ..Setup::with_all_sinks(name) };
        let before = jiff::Timestamp::now().to_string();
        Self { service: setup.start(), name, before }
    }

    fn post(&self, bytes: &[u8]) {
        let answer = Connection::new(&self.service.target()).post(bytes).unwrap();
        assert_eq!(answer.status, 200);
    }

    /// Replays everything into all sinks, read as `options` say.
    fn replay(&self, options: &[&str]) -> String {
        let mut arguments = vec!["replay", "--sink", "all", "--from", &self.before];
        arguments.extend(options);
        self.service.text_of(&arguments)
    }

    fn assert_all_have(&self, bodies: &[Body]) -> Stream {
        self.service.wait_drained();
        assert_in_all_sinks(&self.service, self.name, &Expected::of(bodies))
    }
}

/// One value; the wire's times are exact to 100 ns.
fn body(meter: u8, time_ns: i64, value: f64) -> Body {
    let time_ns = time_ns - time_ns % 100;
    Body::new(0, vec![Reading { meter: [meter; 16], time_ns, values: vec![([1, 0, 1, 8, 0, 255], value)] }])
}

#[test]
fn a_decoder_that_has_learned_delivers_what_it_could_not_read_to_all_sinks() {
    let mut replayed = Replayed::new("e2e_redecode", "");
    let (plain, enveloped) = (body(1, now_ns(), 1.0), body(2, now_ns(), 2.0));
    replayed.post(&plain.bytes);
    replayed.post(&[ENVELOPE, &enveloped.bytes].concat());
    replayed.assert_all_have(std::slice::from_ref(&plain));
    assert_eq!(replayed.service.metric("meterline_dead_letters{kind=\"undecodable\"}"), 1.0);
    replayed.replay(&["--redecode"]);
    replayed.assert_all_have(std::slice::from_ref(&plain));

    replayed.service.restart_with("decoder-knows-envelope");
    replayed.assert_all_have(std::slice::from_ref(&plain));
    assert!(replayed.replay(&["--redecode"]).contains("stay open until you drop them"));
    let stream = replayed.assert_all_have(&[plain, enveloped]);
    let learned = stream.first.iter().find(|reading| reading.meter == [2; 16]).unwrap();
    let identity = (learned.sequence, learned.index, learned.part, learned.decode_revision);
    assert_eq!(identity, (2, 0, 0, 2), "its record's, with the revision of the decoder that could");
    let letter = replayed.service.text_of(&["dead-letters", "show", "1"]);
    assert!(letter.contains("undecodable"), "{letter}");
    replayed.service.text_of(&["dead-letters", "drop", "1"]);
    assert_eq!(replayed.service.metric("meterline_dead_letters{kind=\"undecodable\"}"), 0.0);
}

/// A telegram of this second, and the readings that it means.
fn telegram(second: i64, watt_hours: u32) -> (String, Body) {
    let stamp = jiff::Timestamp::from_second(second + 3600).unwrap().strftime("%y%m%d%H%M%SW").to_string();
    let kilowatt_hours = f64::from(watt_hours) / 1000.0;
    let text = format!(
        "/XYZ5METER\r\n\r\n0-0:1.0.0({stamp})\r\n0-0:96.1.1(4530303432)\r\n1-0:1.8.0({kilowatt_hours:010.3}*kWh)\r\n\
         0-1:24.1.0(003)\r\n0-1:96.1.0(4730303339)\r\n0-1:24.2.1({stamp})(00012.345*m3)\r\n!\r\n"
    );
    let reading = |id: &str, obis, value| Reading {
        meter: *MeterId::named("p1", id).as_bytes(),
        time_ns: second * 1_000_000_000,
        values: vec![(obis, value)],
    };
    let energy = reading("E0042", [1, 0, 1, 8, 0, 255], f64::from(watt_hours));
    (text, Body::new(0, vec![energy, reading("G0039", [7, 0, 3, 0, 0, 255], 12.345)]))
}

#[test]
fn values_that_a_faulty_decoder_of_a_device_stored_are_corrected_in_all_sinks() {
    let mut replayed = Replayed::new("e2e_redecode_device", "");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    replayed.service.append_configuration(&format!("{P1_TABLE}\"{address}\"\n"));
    replayed.service.restart_with("p1-forgets-kilo");
    let now = now_ns() / 1_000_000_000;
    let (texts, right): (Vec<_>, Vec<_>) = (0..3_u32).map(|n| telegram(now - 10 + i64::from(n), 12_345 + n)).unzip();
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(texts.concat().as_bytes()).unwrap();
    let mut wrong = right.clone();
    wrong.iter_mut().for_each(|body| body.readings[0].values[0].1 /= 1000.0);
    // And the description of their meter.
    wait::until("the telegrams are journaled", LIMIT, || replayed.service.next_sequence() == 5);
    replayed.assert_all_have(&wrong);

    // The decoder is mended.
    replayed.service.restart_with("decoder-knows-envelope");
    replayed.replay(&[]);
    replayed.assert_all_have(&wrong);
    let estimate = replayed.replay(&["--redecode", "--dry-run"]);
    assert!(estimate.contains("sqlite") && !estimate.contains("keep their stored readings"), "{estimate}");
    replayed.replay(&["--redecode"]);
    let stream = replayed.assert_all_have(&right);
    let revisions: Vec<_> = stream.first.iter().map(|reading| (reading.sequence, reading.decode_revision)).collect();
    let records: BTreeSet<_> = revisions.iter().map(|(record, _)| *record).collect();
    let is_both = |record| revisions.contains(&(record, 1)) && revisions.contains(&(record, 2));
    assert!(records.len() == 3 && records.iter().all(|record| is_both(*record)), "{revisions:?}");
    let decoded = "meterline_sink_redecoded_records_total{sink=\"kafka\",outcome=\"decoded\"}";
    assert_eq!(replayed.service.metric(decoded), 3.0);

    // Without its source the readings stay as they are stored.
    assert!(replayed.service.stop().success());
    replayed.service.reconfigure("name = \"cellar\"", "name = \"garage\"");
    replayed.service.start_again();
    let estimate = replayed.replay(&["--redecode", "--dry-run"]);
    assert!(estimate.contains("3 records keep their stored readings"), "{estimate}");
    replayed.replay(&["--redecode"]);
    replayed.service.wait_drained();
    wait::until("the log says so", LIMIT, || replayed.service.log().contains("no source 'cellar'"));
}

#[test]
fn documents_that_a_wrong_mapping_could_not_read_are_read_in_all_sinks_once_it_is_right() {
    let mut replayed = Replayed::new("e2e_redecode_unread", "");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    replayed.service.append_configuration(&format!(
        "[[json]]\nname = \"boiler\"\nkeep = \"all\"\nurl = \"tcp://{address}\"\ntime = \"/at\"\n\
         [[json.value]]\npointer = \"/wrong\"\nobis = \"1-0:1.8.0*255\"\nunit = \"kWh\"\n"
    ));
    replayed.service.restart_with("");
    let now = now_ns() / 1_000_000_000;
    let (mut stream, _) = listener.accept().unwrap();
    let documents = (0..3).map(|n| format!("{{\"at\":{},\"kwh\":{n}}}\n", now - 10 + n));
    stream.write_all(documents.collect::<String>().as_bytes()).unwrap();
    wait::until("the documents are journaled", LIMIT, || replayed.service.next_sequence() == 4);
    replayed.assert_all_have(&[]);

    assert!(replayed.service.stop().success());
    replayed.service.reconfigure("/wrong", "/kwh");
    replayed.service.start_again();
    replayed.replay(&["--redecode"]);
    let reading = |n: i64| Reading {
        meter: *MeterId::named("json", "boiler").as_bytes(),
        time_ns: (now - 10 + n) * 1_000_000_000,
        values: vec![([1, 0, 1, 8, 0, 255], n as f64 * 1000.0)],
    };
    replayed.assert_all_have(&[Body::new(0, (0..3).map(reading).collect())]);
}

#[test]
fn a_limit_that_changed_while_the_sinks_lagged_gives_all_of_them_the_verdict_of_ingest() {
    let mut replayed = Replayed::new("e2e_limits", "accept_age = \"400d\"");
    // All sinks are behind when the limit changes: they are set back to the first record.
    let (old, refused, live) =
        (body(1, now_ns() - 30 * DAY_NS, 1.0), body(2, now_ns() - 30 * DAY_NS, 2.0), body(3, now_ns(), 3.0));
    replayed.post(&old.bytes);
    replayed.service.wait_drained();
    replayed.service.kill();
    replayed.service.reconfigure("accept_age = \"400d\"", "accept_age = \"1d\"");
    for name in ["sqlite", "questdb", "kafka"] {
        replayed.service.text_of(&["replay", "--sink", name, "--from", &replayed.before]);
    }
    replayed.service.start_again();
    replayed.post(&refused.bytes);
    replayed.post(&live.bytes);
    replayed.assert_all_have(&[old.clone(), live.clone()]);
    replayed.replay(&[]);
    replayed.assert_all_have(&[old.clone(), live.clone()]);

    assert!(replayed.service.stop().success());
    replayed.service.reconfigure("accept_age = \"1d\"", "accept_age = \"60d\"");
    replayed.service.start_again();
    replayed.assert_all_have(&[old.clone(), live.clone()]);
    replayed.replay(&["--rule", "current"]);
    replayed.assert_all_have(&[old, refused, live]);
}

#[test]
fn what_a_clock_that_was_two_years_ahead_set_aside_is_delivered_by_the_clock_of_now() {
    let mut replayed = Replayed::new("e2e_at_now", "");
    let (before, during, after) = (body(1, now_ns(), 1.0), body(2, now_ns(), 2.0), body(3, now_ns(), 3.0));
    replayed.post(&before.bytes);
    replayed.service.restart_with(TWO_YEARS);
    replayed.post(&during.bytes);
    let too_old = "meterline_samples_set_aside_total{source=\"acme\",reason=\"time_too_old\"}";
    assert_eq!(replayed.service.metric(too_old), 1.0, "{}", replayed.service.page("/metrics").unwrap().1);
    replayed.service.restart_with("");
    replayed.post(&after.bytes);
    replayed.assert_all_have(&[before.clone(), after.clone()]);
    replayed.replay(&["--at-now"]);
    replayed.assert_all_have(&[before, during, after]);
}
