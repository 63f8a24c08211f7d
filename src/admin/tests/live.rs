//! Live values: the events of a client, and what happens beyond the bounds.

use super::stage::{PATIENCE, Stage};
use crate::admin::events::CLIENTS_MAX;
use crate::admin::now::PAGE_METERS;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use uuid::Uuid;

/// A client of the events of these meters.
struct Client(BufReader<TcpStream>);

impl Client {
    fn new(stage: &Stage, meters: &[u128]) -> Self {
        let ids: Vec<String> = meters.iter().map(|meter| Uuid::from_u128(*meter).to_string()).collect();
        Self(BufReader::new(stage.send(&format!("/events?meters={}", ids.join(",")))))
    }

    /// The first line of the answer.
    fn status(&mut self) -> u16 {
        self.line().split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The changes of the next event.
    fn next(&mut self) -> Vec<(String, String)> {
        // A stream without an event ends, and a read has a limit.
        loop {
            if let Some(data) = self.line().strip_prefix("data: ") {
                let changes: Value = serde_json::from_str(data).unwrap();
                let text = |change: &Value, name: &str| change[name].as_str().unwrap().to_owned();
                let shown = |change: &Value| format!("{} {}", text(change, "number"), text(change, "unit"));
                return changes.as_array().unwrap().iter().map(|it| (text(it, "meter"), shown(it))).collect();
            }
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the stream ended");
        line
    }
}

fn id(meter: u128) -> String {
    Uuid::from_u128(meter).to_string()
}

#[test]
fn the_first_event_has_the_newest_values_and_each_other_one_those_that_changed() {
    let stage = Stage::start();
    stage.power(1, 1_500.0);
    stage.power(2, 20.0);
    stage.power(3, 30.0);
    let mut client = Client::new(&stage, &[1, 2]);
    assert_eq!(client.next(), [(id(1), "1.5 kW".to_owned()), (id(2), "20 W".to_owned())]);
    stage.power(3, 31.0);
    stage.power(2, 21.0);
    assert_eq!(client.next(), [(id(2), "21 W".to_owned())], "only a meter of the page, and only one that changed");
}

#[test]
fn many_values_within_a_second_are_one_event() {
    let stage = Stage::start();
    stage.power(1, 0.0);
    let mut client = Client::new(&stage, &[1]);
    client.next();
    for watts in 1..=50 {
        stage.power(1, f64::from(watts));
    }
    let mut events = 1;
    while client.next() != [(id(1), "50 W".to_owned())] {
        events += 1;
    }
    assert!(events < 50, "{events} events for 50 values");
}

#[test]
fn beyond_the_bound_of_clients_one_is_refused_until_another_leaves() {
    let stage = Stage::start();
    let mut clients: Vec<Client> = (0..CLIENTS_MAX).map(|_| Client::new(&stage, &[1])).collect();
    assert!(clients.iter_mut().all(|client| client.status() == 200));
    let refused = stage.get("/events?meters=");
    assert_eq!(refused.status, 503);
    assert!(refused.body.contains("the page works without them"), "{}", refused.body);
    assert_eq!(stage.get("/").status, 200, "pages are not held up");
    clients.pop();
    let begun = stage.clock.monotonic();
    while Client::new(&stage, &[1]).status() != 200 {
        assert!(stage.clock.elapsed(begun) < PATIENCE, "no place became free");
    }
}

#[test]
fn more_meters_than_a_page_has_or_texts_that_are_no_ids_are_refused() {
    let stage = Stage::start();
    let ids: Vec<String> = (0..=PAGE_METERS).map(|_| Uuid::nil().to_string()).collect();
    for list in [ids.join(","), "1".to_owned(), "%3Cscript%3E".to_owned()] {
        assert_eq!(stage.get(&format!("/events?meters={list}")).status, 400, "{list}");
    }
}
