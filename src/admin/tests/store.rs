//! The views with a store that hangs, fails, or has more than a list.

use super::stage::{PATIENCE, POWER, Stage};
use crate::deliver::tests::feed::{Feed, NOW_NS};
use crate::query::Store;
use crate::query::tests::silent_server::{gone, silent};
use crate::reading::Obis;
use crate::sink::sqlite::Retention;
use crate::sink::sqlite::tests::file;
use crate::sink::sqlite::tests::views::{append, describe, meter, store_keeping};
use std::collections::BTreeMap;
use std::path::Path;
use uuid::Uuid;

const WATER: Obis = Obis([8, 0, 1, 0, 0, 255]);

fn embedded(file: &Path) -> Store {
    let toml = format!("[sink.sqlite]\npath = {:?}\n", file.display().to_string());
    let config = crate::config::parse("(test)", &toml, &BTreeMap::new()).unwrap();
    Store::open(&config.sinks).unwrap()
}

#[test]
fn a_store_that_hangs_leaves_the_live_values_and_is_asked_by_one_page_after_each_pause() {
    let (store, connections) = silent();
    let stage = Stage::with_store(store);
    stage.power(7, 2_150.0);
    let of_meter = format!("/meter/{}", Uuid::from_u128(7));
    let shown = |path: &str, notice: &str| {
        let page = stage.get(path);
        assert_eq!(page.status, 200, "{}", page.body);
        for part in ["2.15<", "live values", "store did not answer", notice] {
            assert!(page.body.contains(part), "{part} is missing on {path}:\n{}", page.body);
        }
    };
    shown("/", "within 3 s");
    gone(connections.recv_timeout(PATIENCE).unwrap());
    for path in ["/", "/meters", &of_meter, &of_meter, "/"] {
        shown(path, "is asked again in");
    }
    let unknown = stage.get(&format!("/meter/{}", Uuid::from_u128(8)));
    assert!(
        unknown.status == 200 && unknown.body.contains("is asked again in"),
        "the store may know it: {}",
        unknown.body
    );
    let data = stage.get(&format!("{of_meter}.csv"));
    assert!(data.status == 503 && data.body.contains("is asked again in"), "{}", data.body);
    assert!(connections.try_recv().is_err(), "the store was asked again");
    stage.clock.pass(31);
    shown(&of_meter, "did not answer");
    gone(connections.recv_timeout(PATIENCE).unwrap());
    shown("/", "is asked again in");
    assert!(connections.try_recv().is_err(), "the store was asked again");
}

#[test]
fn queries_of_a_page_end_with_its_client() {
    let (store, connections) = silent();
    let stage = Stage::with_store(store);
    let client = stage.send("/");
    let question = connections.recv_timeout(PATIENCE).unwrap();
    drop(client);
    gone(question);
    // It was not the time that ended it: that would keep the next page from asking.
    let _client = stage.send("/");
    gone(connections.recv_timeout(PATIENCE).unwrap());
}

#[test]
fn a_store_that_fails_is_no_empty_list_and_a_long_list_says_what_is_left_out() {
    let feed = Feed::new();
    for number in 1..=3 {
        append(&feed, &[(number, WATER, NOW_NS, 7.0)]);
        describe(&feed, number, &format!("house-{number}"), "");
    }
    store_keeping(&feed, Retention::default());
    let path = file(&feed);
    let stage = Stage::with_store(embedded(&path));
    let names = ["Meter 1", "Meter 2", "Meter 3"];
    let page = stage.get("/meters");
    assert_eq!(page.names(), names, "{}", page.body);
    assert!(!page.body.contains("notice"), "{}", page.body);
    // Beyond the minute for which an answer is kept.
    let hidden = path.with_extension("hidden");
    std::fs::rename(&path, &hidden).unwrap();
    stage.clock.set_offset(61_000_000_000);
    for _ in 0..2 {
        let page = stage.get("/meters");
        assert_eq!(page.names(), names, "{}", page.body);
        assert!(page.body.contains("class=\"notice\"") && page.body.contains("does not exist"), "{}", page.body);
    }
    std::fs::rename(&hidden, &path).unwrap();
    assert!(!stage.get("/meters").body.contains("class=\"notice\""));
    for number in [4, 5] {
        append(&feed, &[(number, WATER, NOW_NS, 7.0)]);
    }
    store_keeping(&feed, Retention::default());
    stage.clock.set_offset(122_000_000_000);
    let page = stage.get("/meters");
    assert_eq!(page.names(), names, "{}", page.body);
    assert!(page.body.contains("2 meters of the store are not in this list"), "{}", page.body);
    assert_eq!(stage.get(&format!("/meter/{}", meter(5))).status, 200, "it is left out of the list only");
}

#[test]
fn after_a_restart_a_meter_without_a_description_has_its_kind() {
    let feed = Feed::new();
    append(&feed, &[(1, WATER, NOW_NS, 7.0), (2, Obis(POWER), NOW_NS, 7.0)]);
    store_keeping(&feed, Retention::default());
    let stage = Stage::with_store(embedded(&file(&feed)));
    let of_kind = |kind: &str| stage.get(&format!("/meters?kind={kind}")).names();
    assert_eq!(of_kind("water"), [meter(1).to_string()]);
    assert_eq!(of_kind("electricity"), [meter(2).to_string()]);
    assert_eq!(of_kind("other"), Vec::<String>::new());
}

#[test]
fn the_curve_of_a_new_meter_is_in_the_list_with_its_second_sample() {
    const SECOND_NS: i64 = 1_000_000_000;
    let feed = Feed::new();
    append(&feed, &[(1, Obis(POWER), NOW_NS, 7.0)]);
    store_keeping(&feed, Retention::default());
    let stage = Stage::with_store(embedded(&file(&feed)));
    let since = NOW_NS - stage.clock.now().0;
    stage.clock.set_offset(since + SECOND_NS);
    assert!(!stage.get("/").body.contains("Curve of the last 6 hours"), "one sample is no curve");
    append(&feed, &[(1, Obis(POWER), NOW_NS + SECOND_NS, 7.0)]);
    store_keeping(&feed, Retention::default());
    stage.clock.set_offset(since + 7 * SECOND_NS);
    assert!(stage.get("/").body.contains("Curve of the last 6 hours"), "{}", stage.get("/").body);
}
