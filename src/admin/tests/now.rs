//! The view Now and the list of meters, as a browser gets them.

use super::stage::{ENERGY, POWER, Stage};
use super::status;
use crate::meters::Points;
use crate::reading::MeterId;
use crate::wire::meters::{Description, Role};
use std::time::Duration;
use uuid::Uuid;

fn named(name: &str) -> Description {
    Description { name: name.to_owned(), ..Description::default() }
}

#[test]
fn a_meter_has_its_name_its_value_as_people_read_it_and_its_age() {
    let stage = Stage::start();
    stage.describe(7, named("Heat pump"));
    let reading = stage.reading(7, Duration::from_secs(90), &[(POWER, 2_153.4), (ENERGY, 18_200.0)]);
    stage.take(vec![reading]);
    for path in ["/", "/meters"] {
        let page = stage.get(path).body;
        for part in [
            "<bdi>Heat pump</bdi>",
            "title=\"2153.4 W\"",
            "class=\"value\">2.15<",
            "class=\"unit\">kW<",
            ">1 min ago</time>",
            "electricity",
            "building",
            "1–1 of 1",
        ] {
            assert!(page.contains(part), "{part} is missing on {path}:\n{page}");
        }
        assert!(page.contains(&format!("href=\"/meter/{}\"", Uuid::from_u128(7))), "{page}");
    }
}

#[test]
fn without_a_meter_the_page_says_what_is_next() {
    let page = Stage::start().get("/").body;
    assert!(page.contains("No meter has sent anything yet") && page.contains("href=\"/flow\""), "{page}");
}

#[test]
fn a_silent_meter_is_marked_in_words() {
    let stage = Stage::with_status(|| {
        let mut status = status();
        status.silent.count = 1;
        status
    });
    stage.take(vec![stage.reading(7, Duration::from_hours(3), &[(POWER, 5.0)])]);
    stage.power(8, 5.0);
    assert!(!stage.get("/").body.contains("silent since"));
    stage.detect_gaps(&[(7, Duration::from_hours(3)), (8, Duration::ZERO)]);
    for path in ["/", "/meters", &format!("/meter/{}", Uuid::from_u128(7))] {
        let page = stage.get(path).body;
        assert_eq!(page.matches("▲ silent since").count(), 1, "{page}");
    }
    assert!(stage.get("/").body.contains("▲ 1 silent"));
}

#[test]
fn meters_are_searched_sorted_grouped_and_chosen_by_kind() {
    let stage = Stage::start();
    for (meter, name, watts) in [(1, "Charger", 11_000.0), (2, "Attic", 50.0), (3, "Boiler", 900.0)] {
        stage.describe(meter, named(name));
        stage.power(meter, watts);
    }
    stage.take(vec![stage.reading(4, Duration::ZERO, &[([7, 0, 3, 0, 0, 255], 71.0)])]);
    stage.describe(4, named("Gas"));
    let names = |path: &str| stage.get(path).names();
    assert_eq!(names("/"), ["Attic", "Boiler", "Charger", "Gas"]);
    assert_eq!(names("/meters"), names("/"));
    assert_eq!(names("/?sort=power"), ["Charger", "Boiler", "Attic", "Gas"]);
    assert_eq!(names("/?search=BOIL"), ["Boiler"]);
    assert_eq!(names("/?search=none"), [""; 0]);
    assert_eq!(names("/?kind=gas"), ["Gas"]);
    let gas = stage.get("/?kind=gas").body;
    assert!(gas.contains("class=\"value\">71<") && gas.contains("m³"), "a meter without power has its counter: {gas}");
    assert_eq!(names("/?source=other"), [""; 0]);
    let grouped = stage.get("/?group=kind").body;
    let at = |text: &str| grouped.find(text).unwrap_or_else(|| panic!("{text} is missing:\n{grouped}"));
    assert!(
        at("<h2 class=\"group\"><bdi>electricity") < at("Attic") && at("Charger") < at("<h2 class=\"group\"><bdi>gas")
    );
}

#[test]
fn the_site_strip_is_of_meters_at_configured_metering_points_and_else_counts_are_shown() {
    let stage = Stage::start();
    stage.describe(1, Description { role: Role::Grid, ..named("A meter that its vendor calls the grid's") });
    stage.power(1, 5.0);
    let page = stage.get("/").body;
    assert!(page.contains("<h2>Readings</h2>") && !page.contains("<h2>Import</h2>"), "{page}");
    assert!(page.contains("of 2") && !page.contains("of 3"), "a worker of the service is no sink: {page}");

    let (grid, roof) = (2, 3);
    let mut points = Points::default();
    for (meter, name, role) in [(grid, "house-grid", Role::Grid), (roof, "house-roof", Role::Production)] {
        points.put(MeterId::from(Uuid::from_u128(meter)), name, Some(role)).unwrap();
    }
    let stage = Stage::with_points(points);
    stage.describe(grid, named("Grid"));
    stage.describe(roof, named("Roof"));
    let page = stage.get("/").body;
    assert!(page.contains("<h2>Import</h2>") && page.contains("no value yet") && !page.contains(">0 <"), "{page}");
    stage.take(vec![stage.reading(grid, Duration::ZERO, &[(POWER, -3_400.0)])]);
    stage.take(vec![stage.reading(roof, Duration::ZERO, &[(POWER, -5_100.0)])]);
    let page = stage.get("/").body;
    let tile = |label: &str| {
        let (_, rest) = page.split_once(&format!("<h2>{label}</h2>")).unwrap_or_else(|| panic!("{label}:\n{page}"));
        rest.split_once("</p>").unwrap().0.to_owned()
    };
    assert!(tile("Import").contains(">0 <"), "{}", tile("Import"));
    assert!(tile("Export").contains(">3.4 <") && tile("Export").contains("kW"), "{}", tile("Export"));
    assert!(tile("Solar").contains(">5.1 <"), "{}", tile("Solar"));
}

#[test]
fn ten_thousand_meters_are_pages_of_fifty_in_a_dense_table() {
    const METERS: u128 = 10_000;
    const BYTES_MAX: usize = 500_000;
    let stage = Stage::start();
    for part in 0..4 {
        let numbers = METERS / 4 * part..METERS / 4 * (part + 1);
        let reading = |number| stage.reading(number, Duration::ZERO, &[(POWER, 5.0), (ENERGY, 7.0)]);
        stage.take(numbers.map(|number| reading(number + 1)).collect());
    }
    let begun = stage.clock.monotonic();
    let page = stage.get("/");
    let took = stage.clock.elapsed(begun);
    // For the reader of the log: a build for tests is several times slower than a release.
    println!("the first view of {METERS} meters: {took:?}, {} bytes", page.body.len());
    assert_eq!(page.names().len(), 50);
    assert!(page.body.contains("<table class=\"meters\"") && page.body.contains("1–50 of 10000"));
    assert!(page.body.len() <= BYTES_MAX, "{} bytes", page.body.len());
    let last = stage.get("/meters?page=200");
    assert!(last.body.contains("9951–10000 of 10000") && !last.body.contains("rel=\"next\""));
    assert_eq!(stage.get("/meters?page=99999").names(), last.names(), "a page beyond the last");
    assert_eq!(stage.get("/?look=cards").names().len(), 50);
}
