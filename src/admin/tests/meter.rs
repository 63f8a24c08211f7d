//! The view of a meter without a store; with one, the service's own tests show it.

use super::stage::{ENERGY, POWER, Stage};
use crate::reading::registry::Unit;
use crate::reading::{MeterId, Obis, Units};
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
    let page = stage.get(&format!("/meter/{}?from=tomorrow", Uuid::from_u128(7))).body;
    assert!(page.contains("&#39;tomorrow&#39; is no time: write a day (2026-11-22)"), "{page}");
    let csv = |query| stage.get(&format!("/meter/{}.csv{query}", Uuid::from_u128(7)));
    let wrong = csv("?from=tomorrow");
    assert!(wrong.status == 400 && wrong.body.contains("'tomorrow' is no time"), "{}", wrong.body);
    assert_eq!(csv("?from=yesterday&to=yesterday").status, 200);
    assert_eq!(csv("").status, 200);
}

#[test]
fn all_times_of_a_meter_are_in_its_zone_which_is_named() {
    let stage = Stage::start();
    let description = Description { time_zone: "Asia/Kathmandu".to_owned(), ..Description::default() };
    stage.describe(7, description);
    stage.take(vec![stage.reading(7, Duration::from_hours(2), &[(POWER, 2_153.4)])]);
    let page = stage.get(&format!("/meter/{}", Uuid::from_u128(7))).body;
    assert!(page.contains("data-zone=\"Asia/Kathmandu\"") && page.contains("time zone, Asia/Kathmandu."), "{page}");
    let main = &page[page.find("<main").unwrap()..page.find("</main>").unwrap()];
    assert!(main.matches("+0545</time>").count() >= 2 && !main.contains(" UTC"), "{main}");
    // Elsewhere they are in one zone as well.
    let list = stage.get("/meters").body;
    assert!(!list.contains("data-zone") && list.contains(" UTC</time>"), "{list}");
}

#[test]
fn a_value_without_a_published_unit_says_so() {
    let stage = Stage::start();
    stage.take(vec![stage.reading(7, Duration::ZERO, &[([8, 0, 1, 0, 0, 255], 412.5)])]);
    stage.power(8, 5.0);
    let page = |meter: u128| stage.get(&format!("/meter/{}", Uuid::from_u128(meter))).body;
    for part in [
        "412.5 ?",
        "title=\"412.5, unit not published\"",
        "no unit is published for its register. State it with <code>[[unit]]</code>",
    ] {
        assert!(page(7).contains(part), "{part} is missing:\n{}", page(7));
    }
    assert!(!page(8).contains("no unit is published"));
}

#[test]
fn a_value_whose_unit_the_operator_states_is_shown_with_it_and_not_converted() {
    const COLD_WATER: [u8; 6] = [8, 0, 1, 0, 0, 255];
    let mut units = Units::default();
    units.state(Obis(COLD_WATER), Some(MeterId::from(Uuid::from_u128(7))), Unit::Litre).unwrap();
    let stage = Stage::with_units(units);
    for meter in [7, 8] {
        stage.take(vec![stage.reading(meter, Duration::ZERO, &[(COLD_WATER, 412_500.0)])]);
    }
    let get = |path: String| stage.get(&path).body;
    let page = |meter: u128, ending: &str| get(format!("/meter/{}{ending}", Uuid::from_u128(meter)));
    let stated = page(7, "");
    assert!(stated.contains("title=\"412500 l\"") && !stated.contains("no unit is published"), "{stated}");
    assert!(page(8, "").contains("no unit is published"));
    for (meter, unit) in [(7, "l"), (8, "?")] {
        let json: serde_json::Value = serde_json::from_str(&page(meter, ".json")).unwrap();
        let register = &json["registers"][0];
        assert_eq!((register["value"].as_f64(), register["unit"].as_str()), (Some(412_500.0), Some(unit)));
        // In lists, too.
        assert!(
            get("/meters".to_owned())
                .contains(&format!("title=\"412500{}", if meter == 7 { " l\"" } else { ", unit" }))
        );
    }
}
