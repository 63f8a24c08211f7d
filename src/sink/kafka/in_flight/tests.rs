use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const BYTES: usize = 7;

#[test]
fn nothing_is_safe_beyond_the_lowest_record_that_waits() {
    let mut in_flight = InFlight::from(Sequence(5));
    let first = take(&mut in_flight, 5, 2);
    let second = take(&mut in_flight, 6, 1);
    in_flight.acknowledged(second, BYTES);
    in_flight.acknowledged(first, BYTES);
    assert_eq!(in_flight.next_unsafe(), Sequence(5));
    in_flight.acknowledged(first, BYTES);
    assert_eq!((in_flight.next_unsafe(), in_flight.records()), (Sequence(7), 0));
}

#[test]
fn a_record_is_not_safe_while_it_is_being_taken() {
    let mut in_flight = InFlight::from(Sequence(5));
    let ticket = in_flight.open(Sequence(5), Target::Readings);
    in_flight.sent(ticket, BYTES);
    in_flight.acknowledged(ticket, BYTES);
    assert_eq!(in_flight.next_unsafe(), Sequence(5));
    in_flight.close();
    assert_eq!(in_flight.next_unsafe(), Sequence(6));
}

#[test]
fn an_acknowledgement_names_the_topic_of_its_record() {
    let mut in_flight = InFlight::from(Sequence(5));
    let tickets = [Target::Readings, Target::Meters].map(|target| {
        let ticket = in_flight.open(Sequence(5), target);
        in_flight.sent(ticket, BYTES);
        in_flight.close();
        ticket
    });
    assert_eq!(tickets.map(|ticket| in_flight.target(ticket)), [Some(Target::Readings), Some(Target::Meters)]);
    assert_eq!(in_flight.acknowledged(tickets[1], BYTES), Some(Target::Meters));
    assert_eq!(in_flight.acknowledged(tickets[0], BYTES), Some(Target::Readings));
    assert_eq!(tickets.map(|ticket| in_flight.target(ticket)), [None, None]);
}

#[test]
fn records_without_messages_take_no_room_behind_a_stuck_one() {
    let mut in_flight = InFlight::from(Sequence(1));
    take(&mut in_flight, 1, 1);
    for sequence in 2..1_000 {
        take(&mut in_flight, sequence, 0);
    }
    assert_eq!((in_flight.next_unsafe(), in_flight.records()), (Sequence(1), 1));
}

fn take(in_flight: &mut InFlight, sequence: u64, messages: usize) -> Ticket {
    let ticket = in_flight.open(Sequence(sequence), Target::Readings);
    for _ in 0..messages {
        in_flight.sent(ticket, BYTES);
    }
    in_flight.close();
    ticket
}

proptest! {
    /// Against the plainest model: for every record the number of its messages that
    /// are out, kept for ever.
    #[test]
    fn the_lowest_unsafe_record_equals_the_plain_count(
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let mut in_flight = InFlight::from(Sequence(1));
        let mut model: BTreeMap<u64, usize> = BTreeMap::new();
        let mut out: Vec<(u64, Ticket)> = Vec::new();
        let mut next = 1;
        for step in steps {
            match step {
                Step::Take(messages) => {
                    let ticket = take(&mut in_flight, next, messages);
                    out.extend((0..messages).map(|_| (next, ticket)));
                    model.insert(next, messages);
                    next += 1;
                }
                Step::Acknowledge(index) if !out.is_empty() => {
                    let (sequence, ticket) = out.swap_remove(index.index(out.len()));
                    in_flight.acknowledged(ticket, BYTES);
                    *model.get_mut(&sequence).unwrap() -= 1;
                }
                Step::Acknowledge(_) => {}
            }
            let expected = model.iter().find(|(_, count)| **count > 0).map_or(next, |(sequence, _)| *sequence);
            prop_assert_eq!(in_flight.next_unsafe(), Sequence(expected));
            prop_assert_eq!(usize::try_from(in_flight.messages()).unwrap(), out.len());
            prop_assert_eq!(in_flight.bytes(), (out.len() * BYTES) as u64);
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![(0_usize..4).prop_map(Step::Take), any::<prop::sample::Index>().prop_map(Step::Acknowledge)]
}

#[derive(Debug, Clone)]
enum Step {
    Take(usize),
    Acknowledge(prop::sample::Index),
}
