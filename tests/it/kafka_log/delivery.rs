//! The way of a reading from the topic into the table.

use super::harness::{LIMIT, World, reading};
use crate::support::{kafka, wait};
use meterline::deliver::SinkState;
use meterline::journal::{GapReason, Sequence};
use meterline::proto::v1;
use prost::Message as _;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::json;

#[test]
fn readings_arrive_and_the_offset_of_what_is_stored_is_committed() {
    let world = World::new("arrive", 1);
    world.produce_seconds(0, 0..500);
    let member = world.join(None);
    world.wait_for_rows(500);
    wait::until("the offset is committed", LIMIT, || world.committed() == [500]);
    let pumps = member.group.pumps();
    let status = pumps[0].status();
    assert_eq!((pumps[0].name(), status.state, status.next), ("questdb-0", SinkState::Running, Sequence(501)));
    assert_eq!(member.group.status().state, SinkState::Running);
    world.produce_seconds(0, 500..700);
    world.wait_for_rows(700);
    member.leave();
    assert_eq!(world.committed(), [700]);
    assert_eq!(world.values(), (0..700).map(f64::from).collect::<Vec<_>>());
}

#[test]
fn every_form_of_a_value_arrives_and_what_is_none_is_a_dead_letter() {
    let world = World::new("forms", 1);
    let value = |second| reading(0, second, second as f64).encode_to_vec();
    world.produce(0, &value(0));
    world.produce(0, b"no reading");
    world.produce(0, &[&[0, 0, 0, 0, 7, 0], value(1).as_slice()].concat());
    let mut infinite = reading(0, 2, f64::INFINITY);
    infinite.values.push(reading(0, 2, 2.0).values.remove(0));
    infinite.values[1].obis[2] = 2;
    world.produce(0, &infinite.encode_to_vec());
    let json = r#"{"meter":"00000000-0000-0000-0000-000000000001","time_ns":"1795266903000000000","received_ns":"1795266904000000000","source":"acme","values":[{"obis":"1-0:1.8.0*255","value":3}]}"#;
    world.produce(0, json.as_bytes());
    world.flush();
    let member = world.join(None);
    world.wait_for_rows(4);
    wait::until("the offset is committed", LIMIT, || world.committed() == [5]);
    assert_eq!(world.values(), [0.0, 1.0, 2.0, 3.0]);
    let open = member.letters.open_by_kind();
    assert_eq!((open["undecodable"], open["set-aside"]), (1, 1), "{open:?}");
    let reasons: Vec<_> = (1..=2)
        .map(|id| member.letters.get(meterline::dead_letters::LetterId(id)).unwrap())
        .map(|letter| (letter.sequence, letter.reason))
        .collect();
    assert!(reasons[0].0 == Sequence(2) && reasons[0].1.contains("partition 0, offset 1"), "{reasons:?}");
    let says = ["1 value_not_finite", "record 3 of journal 00000000-0000-0000-0000-00000000004d", "offset 3"];
    assert!(reasons[1].0 == Sequence(4) && says.iter().all(|says| reasons[1].1.contains(says)), "{reasons:?}");
    member.leave();
}

#[test]
fn of_transactions_only_the_committed_records_arrive() {
    let world = World::new("transactions", 1);
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &world.brokers)
        .set("transactional.id", "log-transactions")
        .create()
        .unwrap();
    producer.init_transactions(LIMIT).unwrap();
    for (seconds, is_committed) in [(0..100, true), (100..200, false), (200..300, true)] {
        producer.begin_transaction().unwrap();
        for second in seconds {
            let value = reading(0, second, second as f64).encode_to_vec();
            let record = BaseRecord::<(), [u8]>::to(&world.topic).partition(0).payload(&value);
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(LIMIT).unwrap();
        if is_committed {
            producer.commit_transaction(LIMIT).unwrap();
        } else {
            producer.abort_transaction(LIMIT).unwrap();
        }
    }
    let member = world.join(None);
    world.wait_for_rows(200);
    // The offsets of the aborted records and of two of the brokers' own markers are passed.
    wait::until("the offset is committed", LIMIT, || world.committed() == [302]);
    member.leave();
    assert_eq!(world.values(), (0..100).chain(200..300).map(f64::from).collect::<Vec<_>>());
}

#[test]
fn records_that_retention_deleted_before_they_were_read_are_a_gap() {
    let world = World::new("retention", 1);
    world.produce_seconds(0, 0..100);
    let member = world.join(None);
    world.wait_for_rows(100);
    member.leave();
    assert_eq!(world.committed(), [100]);
    world.produce_seconds(0, 100..200);
    kafka::delete_records(&world.brokers, &world.topic, 0, 150);
    let member = world.join(None);
    world.wait_for_rows(150);
    let gaps = member.journal.gaps().list();
    let noted: Vec<_> = gaps.iter().map(|gap| (gap.sink.as_str(), gap.from, gap.until, gap.reason)).collect();
    assert_eq!(noted, [("questdb-0", Sequence(101), Sequence(151), GapReason::Retention)]);
    member.leave();
    let there = (0..100).chain(150..200).map(f64::from);
    assert_eq!(world.values(), there.collect::<Vec<_>>());
}

#[test]
fn descriptions_of_meters_arrive_beside_the_readings() {
    let mut world = World::new("meters", 2);
    let topic = format!("{}-meters", world.topic);
    world.meters_topic = Some(topic.clone());
    world.produce_seconds(0, 0..10);
    let member = world.join(None);
    world.wait_for_rows(10);
    wait::until("the missing topic is named", LIMIT, || {
        member.group.status().why.is_some_and(|why| why.contains(&topic) && why.contains("does not exist"))
    });

    kafka::create_topic(&world.brokers, &topic, 1, &[]);
    let meter = reading(0, 0, 0.0).meter;
    let named = |name: &str| v1::Meter { meter: meter.clone(), name: name.to_owned(), ..v1::Meter::default() };
    world.produce_to(&topic, 0, &named("Heat pump").encode_to_vec());
    world.produce_to(&topic, 0, b"no description");
    world.produce_to(&topic, 0, &named("Boiler").encode_to_vec());
    world.flush();
    let names = format!("SELECT name FROM {}_meters", world.table.table);
    wait::until("the newest description is there", LIMIT, || world.client.query(&names) == [[json!("Boiler")]]);
    wait::until("its offset is committed", LIMIT, || kafka::committed(&world.brokers, &topic, &world.topic) == [3]);
    assert_eq!(member.letters.open_by_kind()["undecodable"], 1);
    wait::until("nothing is missing", LIMIT, || member.group.status().state == SinkState::Running);
    member.leave();
}

#[test]
fn a_value_that_a_dead_letter_cannot_hold_is_cut_and_the_reason_says_so() {
    let world = World::new("large", 1);
    kafka::set_topic_settings(&world.brokers, &world.topic, &[("max.message.bytes", "20000000")]);
    kafka::fill(&world.brokers, &world.topic, 1, &vec![0xff; 17 << 20]);
    world.produce_seconds(0, 1..2);
    let member = world.join(None);
    world.wait_for_rows(1);
    let letter = member.letters.get(meterline::dead_letters::LetterId(1)).unwrap();
    assert_eq!(letter.body.len(), 8 << 20);
    assert!(letter.reason.contains("only the first 8388608 of 17825792 bytes are kept"), "{}", letter.reason);
    member.leave();
}
