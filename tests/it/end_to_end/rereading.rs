//! Replays that read what came otherwise than the door did: with a decoder that
//! has learned, with other limits, by a clock that is right again.

use crate::support::load::now_ns;
use crate::support::service::{Service, Setup};
use crate::support::stores::{assert_exactly, of_questdb, of_sqlite};
use crate::support::stream::Stream;
use crate::support::{kafka, questdb};
use meterline_load::{Body, Connection, Expected, Reading};

const DAY_NS: i64 = 86_400_000_000_000;
/// What only the decoder of a test build knows, once it has learned.
const ENVELOPE: &[u8] = b"\xff\xffenvelope:";
const TWO_YEARS: &str = "clock-ahead-s=63244800";

/// A service with all three sinks, and where they are.
struct Stand {
    service: Service,
    questdb: questdb::Client,
    brokers: String,
    table: &'static str,
    topic: &'static str,
    before: String,
}

impl Stand {
    fn new(table: &'static str, topic: &'static str, account: &'static str) -> Self {
        let (questdb, brokers) = (questdb::Client::shared(), kafka::shared());
        let setup = Setup {
            questdb: Some((questdb.url().to_owned(), table.to_owned())),
            kafka: Some((brokers.clone(), topic.to_owned())),
            account,
            ..Setup::default()
        };
        let before = jiff::Timestamp::now().to_string();
        Self { service: setup.start(), questdb, brokers, table, topic, before }
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

    fn assert_all_have(&self, bodies: &[Body]) {
        self.service.wait_drained();
        let expected = Expected::of(bodies);
        assert_exactly("SQLite", &expected, &of_sqlite(&self.service.sqlite_file()));
        assert_exactly("QuestDB", &expected, &of_questdb(&self.questdb, self.table));
        let stream = Stream::read(&self.brokers, self.topic);
        assert_exactly("Kafka", &expected, &stream.samples());
    }
}

/// One value; the wire's times are exact to 100 ns.
fn body(meter: u8, time_ns: i64, value: f64) -> Body {
    let time_ns = time_ns - time_ns % 100;
    Body::new(0, vec![Reading { meter: [meter; 16], time_ns, values: vec![([1, 0, 1, 8, 0, 255], value)] }])
}

#[test]
fn a_decoder_that_has_learned_delivers_what_it_could_not_read_to_all_sinks() {
    let mut stand = Stand::new("e2e_redecode", "e2e-redecode", "");
    let (plain, enveloped) = (body(1, now_ns(), 1.0), body(2, now_ns(), 2.0));
    stand.post(&plain.bytes);
    stand.post(&[ENVELOPE, &enveloped.bytes].concat());
    stand.assert_all_have(std::slice::from_ref(&plain));
    assert_eq!(stand.service.metric("meterline_dead_letters{kind=\"undecodable\"}"), 1.0);
    stand.replay(&["--redecode"]);
    stand.assert_all_have(std::slice::from_ref(&plain));

    stand.service.restart_with("decoder-knows-envelope");
    stand.assert_all_have(std::slice::from_ref(&plain));
    assert!(stand.replay(&["--redecode"]).contains("letters about what is delivered now stay open"));
    stand.assert_all_have(&[plain, enveloped]);
    let stream = Stream::read(&stand.brokers, stand.topic);
    let learned = stream.first.iter().find(|reading| reading.meter == [2; 16]).unwrap();
    let identity = (learned.sequence, learned.index, learned.part, learned.decode_revision);
    assert_eq!(identity, (2, 0, 0, 2), "its record's, with the revision of the decoder that could");
    let letter = stand.service.text_of(&["dead-letters", "show", "1"]);
    assert!(letter.contains("undecodable"), "{letter}");
    stand.service.text_of(&["dead-letters", "drop", "1"]);
    assert_eq!(stand.service.metric("meterline_dead_letters{kind=\"undecodable\"}"), 0.0);
}

#[test]
fn a_limit_that_changed_while_the_sinks_lagged_gives_all_of_them_the_verdict_of_the_door() {
    let mut stand = Stand::new("e2e_limits", "e2e-limits", "accept_age = \"400d\"");
    // All sinks are behind when the limit changes: they are set back to the first record.
    let (old, refused, live) =
        (body(1, now_ns() - 30 * DAY_NS, 1.0), body(2, now_ns() - 30 * DAY_NS, 2.0), body(3, now_ns(), 3.0));
    stand.post(&old.bytes);
    stand.service.wait_drained();
    stand.service.kill();
    stand.service.reconfigure("accept_age = \"400d\"", "accept_age = \"1d\"");
    for name in ["sqlite", "questdb", "kafka"] {
        stand.service.text_of(&["replay", "--sink", name, "--from", &stand.before]);
    }
    stand.service.start_again();
    stand.post(&refused.bytes);
    stand.post(&live.bytes);
    stand.assert_all_have(&[old.clone(), live.clone()]);
    stand.replay(&[]);
    stand.assert_all_have(&[old.clone(), live.clone()]);

    assert!(stand.service.stop().success());
    stand.service.reconfigure("accept_age = \"1d\"", "accept_age = \"60d\"");
    stand.service.start_again();
    stand.assert_all_have(&[old.clone(), live.clone()]);
    stand.replay(&["--rule", "current"]);
    stand.assert_all_have(&[old, refused, live]);
}

#[test]
fn what_a_clock_that_was_two_years_ahead_set_aside_is_delivered_by_the_clock_of_now() {
    let mut stand = Stand::new("e2e_at_now", "e2e-at-now", "");
    let (before, during, after) = (body(1, now_ns(), 1.0), body(2, now_ns(), 2.0), body(3, now_ns(), 3.0));
    stand.post(&before.bytes);
    stand.service.restart_with(TWO_YEARS);
    stand.post(&during.bytes);
    let too_old = "meterline_samples_set_aside_total{source=\"acme\",reason=\"time_too_old\"}";
    assert_eq!(stand.service.metric(too_old), 1.0, "{}", stand.service.page("/metrics").unwrap().1);
    stand.service.restart_with("");
    stand.post(&after.bytes);
    stand.assert_all_have(&[before.clone(), after.clone()]);
    stand.replay(&["--at-now"]);
    stand.assert_all_have(&[before, during, after]);
}
