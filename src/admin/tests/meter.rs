//! The view of a meter without a store; with one, the service's own tests show it.

use super::stage::{ENERGY, POWER, Stage};
use crate::wire::meters::Description;
use std::time::Duration;
use uuid::Uuid;

#[test]
fn a_meter_without_a_store_has_its_values_and_says_why_there_are_no_curves() {
    let stage = Stage::start();
    let description = Description { name: "Heat pump".to_owned(), serial: "4711".to_owned(), ..Description::default() };
    stage.describe(7, description);
    stage.take(vec![stage.reading(7, Duration::ZERO, &[(POWER, 2_153.4), (ENERGY, 18_200.0)])]);
    let page = stage.get(&format!("/meter/{}", Uuid::from_u128(7)));
    assert_eq!(page.status, 200);
    for part in [
        "<title>● Heat pump · meterline</title>",
        "<dt>Serial number</dt><dd><bdi>4711</bdi>",
        "configure [sink.sqlite] or [sink.questdb]",
        "active power import",
        "title=\"18200 Wh\">18.2 kWh",
        "range=12m",
        "name=\"from\"",
    ] {
        assert!(page.body.contains(part), "{part} is missing:\n{}", page.body);
    }
}

#[test]
fn an_unknown_meter_and_a_wrong_address_are_not_found() {
    let stage = Stage::start();
    let id = Uuid::from_u128(9);
    for path in [format!("/meter/{id}"), format!("/meter/{id}.csv"), format!("/meter/{id}.exe"), "/meter/x".to_owned()]
    {
        assert_eq!(stage.get(&path).status, 404, "{path}");
    }
}

#[test]
fn a_wrong_time_is_named_and_a_day_is_shown() {
    let stage = Stage::start();
    stage.power(7, 5.0);
    let page = stage.get(&format!("/meter/{}?from=yesterday", Uuid::from_u128(7))).body;
    assert!(page.contains("&#39;yesterday&#39; is not a time like 2026-11-28"), "{page}");
    let csv = |query| stage.get(&format!("/meter/{}.csv{query}", Uuid::from_u128(7)));
    let wrong = csv("?from=yesterday");
    assert!(wrong.status == 400 && wrong.body.contains("'yesterday' is not a time"), "{}", wrong.body);
    assert_eq!(csv("").status, 200);
}
