use super::*;
use crate::reading::registry::Unit;
use proptest::prelude::*;

const SECOND: i64 = 1_000_000_000;

fn mapping(time: Option<Time>) -> Mapping {
    let register = |pointer: &str, obis: &str, factor| Register {
        pointer: pointer.to_owned(),
        obis: obis.parse().unwrap(),
        factor,
    };
    Mapping {
        meter: MeterId::named("json", "cellar"),
        time,
        values: vec![register("/total/kwh", "1.8.0", 1e3), register("/phases/0/v", "32.7.0", 1.0)],
    }
}

fn time(unit_ns: i64) -> Option<Time> {
    Some(Time { pointer: "/at".to_owned(), unit_ns })
}

fn values(document: &Document) -> Vec<f64> {
    document.samples.iter().map(|sample| sample.value).collect()
}

#[test]
fn numbers_and_numeric_strings_are_read_in_base_units_and_an_absent_value_is_not_zero() {
    let read = |text: &str| read(&mapping(None), text.as_bytes()).unwrap();
    let whole = read(r#"{"total":{"kwh":12.5},"phases":[{"v":"230.1"}]}"#);
    assert_eq!((values(&whole), whole.absent, whole.at), (vec![12_500.0, 230.1], 0, None));
    for lacking in [r#"{"total":{"kwh":null}}"#, r#"{"phases":[{"v":"n/a"}]}"#, r#"{"phases":[{"v":"NaN"}]}"#, "[]"] {
        let document = read(lacking);
        assert_eq!((values(&document), document.absent), (vec![], 2), "{lacking}");
    }
}

#[test]
fn a_time_is_read_as_text_as_seconds_and_as_milliseconds_and_a_missing_one_is_an_error() {
    let at = |text: &str, unit_ns| read(&mapping(time(unit_ns)), text.as_bytes()).map(|document| document.at);
    let expected = Ok(Some(UnixNanos(1_795_000_000 * SECOND)));
    assert_eq!(at(r#"{"at":1795000000}"#, SECOND), expected);
    assert_eq!(at(r#"{"at":1795000000.0}"#, SECOND), expected);
    assert_eq!(at(r#"{"at":1795000000000}"#, SECOND / 1000), expected);
    assert_eq!(at(r#"{"at":1795000000.25}"#, SECOND), Ok(Some(UnixNanos(1_795_000_000 * SECOND + SECOND / 4))));
    assert_eq!(at(r#"{"at":"2026-11-18T11:06:40Z"}"#, SECOND), expected);
    for wrong in [r"{}", r#"{"at":"yesterday"}"#, r#"{"at":"2026-11-18T12:06:40"}"#, r#"{"at":9e300}"#] {
        assert_eq!(at(wrong, SECOND), Err(DocumentError::Time("/at".to_owned())), "{wrong}");
    }
    assert!(matches!(at("{", SECOND), Err(DocumentError::Json(_))));
}

#[test]
fn units_are_read_as_they_are_written() {
    for (text, base, expected) in [
        ("kWh", Unit::WattHour, 1e3),
        ("Wh", Unit::WattHour, 1.0),
        ("MJ", Unit::WattHour, 1e6 / 3600.0),
        ("mW", Unit::Watt, 1e-3),
        ("MW", Unit::Watt, 1e6),
        ("dV", Unit::Volt, 0.1),
        ("m3", Unit::CubicMetre, 1.0),
        ("l", Unit::CubicMetre, 1e-3),
        ("°C", Unit::DegreeCelsius, 1.0),
    ] {
        assert!((factor(text, base).unwrap() / expected - 1.0).abs() < 1e-12, "{text}");
    }
    for (text, base) in [("W", Unit::WattHour), ("kwh", Unit::WattHour), ("furlong", Unit::Watt), ("", Unit::Watt)] {
        assert_eq!(factor(text, base), None, "{text}");
    }
    assert_eq!(["", "k", "m"].map(|text| factor(text, Unit::One)), [Some(1.0), None, None], "a prefix alone");
}

proptest! {
    #[test]
    fn no_document_panics_and_every_sample_is_finite(bytes in any::<Vec<u8>>(), number in "-?[0-9]{1,30}(e[0-9]{1,4})?") {
        read(&mapping(time(SECOND)), &bytes).ok();
        let text = format!(r#"{{"at":{number},"total":{{"kwh":"{number}"}},"phases":[{{"v":{number}}}]}}"#);
        if let Ok(document) = read(&mapping(None), text.as_bytes()) {
            prop_assert!(document.samples.iter().all(|sample| sample.value.is_finite()));
        }
        read(&mapping(time(SECOND)), text.as_bytes()).ok();
        prop_assert!(factor(&text, Unit::Watt).is_none());
    }
}
