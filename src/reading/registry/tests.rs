//! The entries of the registry.

use super::*;

fn line(code: &str) -> String {
    match entry(code.parse().unwrap()) {
        Some(entry) => format!("{} [{}] {:?}", entry.name, entry.unit.symbol(), entry.kind),
        None => "unknown".to_owned(),
    }
}

#[test]
fn listed_codes_are_unique_sorted_and_not_in_the_grid() {
    assert!(LISTED.is_sorted_by(|a, b| a.code < b.code));
    assert!(LISTED.iter().all(|listed| electricity::register(listed.code).is_none()));
    assert!(LISTED.iter().all(|listed| interval::series(listed.code).is_none()));
}

#[test]
fn the_codes_seen_from_smart_me_are_known() {
    for (code, expected) in [
        ("1-0:1.8.0", "active energy import [Wh] Counter"),
        ("1-0:1.8.4", "active energy import, tariff 4 [Wh] Counter"),
        ("1-0:2.8.0", "active energy export [Wh] Counter"),
        ("1-0:2.8.1", "active energy export, tariff 1 [Wh] Counter"),
        ("1-0:1.7.0", "active power import [W] Gauge"),
        ("1-0:16.7.0", "active power import minus export [W] Gauge"),
        ("1-0:21.7.0", "active power import L1 [W] Gauge"),
        ("1-0:41.7.0", "active power import L2 [W] Gauge"),
        ("1-0:61.7.0", "active power import L3 [W] Gauge"),
        ("1-0:32.7.0", "voltage L1 [V] Gauge"),
        ("1-0:52.7.0", "voltage L2 [V] Gauge"),
        ("1-0:72.7.0", "voltage L3 [V] Gauge"),
        ("1-0:31.7.0", "current L1 [A] Gauge"),
        ("1-0:51.7.0", "current L2 [A] Gauge"),
        ("1-0:71.7.0", "current L3 [A] Gauge"),
        ("1-1:5.8.0", "reactive energy Q1, channel 1 [varh] Counter"),
        ("1-1:8.8.0", "reactive energy Q4, channel 1 [varh] Counter"),
        ("6-0:1.0.0", "heat energy [?] Counter"),
        ("5-0:1.0.0", "cold energy [?] Counter"),
        ("8-0:1.0.0", "cold water volume [?] Counter"),
        ("9-0:1.0.0", "hot water volume [?] Counter"),
        ("99-0:12.0.0", "switch states, one bit each [] Gauge"),
        ("99-0:12.0.3", "switch L3 [] Gauge"),
        ("99-0:12.1.2", "digital output 2 [] Gauge"),
    ] {
        assert_eq!(line(code), expected, "{code}");
    }
}

#[test]
fn the_electricity_grid_names_quantity_phase_and_measure() {
    for (code, expected) in [
        ("1-0:3.7.0", "reactive power import [var] Gauge"),
        ("1-0:29.8.0", "apparent energy import L1 [VAh] Counter"),
        ("1-0:13.7.0", "power factor [] Gauge"),
        ("1-0:14.7.0", "frequency [Hz] Gauge"),
        ("1-0:86.7.0", "power factor of export L2 [] Gauge"),
        ("1-0:91.7.0", "current N [A] Gauge"),
        ("1-0:1.4.0", "active power import, running average [W] Gauge"),
        ("1-0:32.25.0", "voltage L1, last average [V] IntervalEndingAt"),
        ("1-0:1.6.0", "active power import, maximum [W] Gauge"),
        ("1-1:1.29.0", "active energy import of the interval, channel 1 [Wh] IntervalEndingAt"),
        ("1-0:56.7.0", "active power import minus export L2 [W] Gauge"),
    ] {
        assert_eq!(line(code), expected, "{code}");
    }
}

#[test]
fn sums_of_different_intervals_have_different_codes_and_say_which_end_their_time_is() {
    for (code, expected) in [
        ("1-0:1.29.0", "active energy import of the interval [Wh] IntervalEndingAt"),
        ("1-0:1.29.130", "active energy import of the interval, hour [Wh] IntervalEndingAt"),
        ("1-0:36.29.131", "active energy import minus export L1 of the interval, day [Wh] IntervalStartingAt"),
        ("1-0:32.5.135", "voltage L1, last average, 15 minutes [V] IntervalEndingAt"),
        ("0-0:129.1.132", "energy used by the house in the interval, month [Wh] IntervalStartingAt"),
        ("0-0:129.4.138", "cost of the interval, year [?] IntervalStartingAt"),
        ("7-1:129.5.0", "gas volume of the interval, input 1 [m3] IntervalEndingAt"),
        ("8-2:129.5.130", "cold water volume of the interval, hour, input 2 [m3] IntervalEndingAt"),
        ("1-2:82.29.0", "pulses of the interval, input 2 [] IntervalEndingAt"),
        ("1-0:1.8.130", "unknown"),
        ("1-0:1.29.139", "unknown"),
        ("0-0:129.9.0", "unknown"),
    ] {
        assert_eq!(line(code), expected, "{code}");
    }
}

#[test]
fn a_code_in_no_table_is_unknown() {
    for code in [
        "1-0:32.8.0",
        "1-0:17.7.0",
        "1-0:1.7.1",
        "1-0:1.8.64",
        "1-65:1.8.0",
        "1-0:1.8.0*1",
        "1-0:1.99.0",
        "7-0:1.0.0",
        "0-0:1.0.0",
    ] {
        assert_eq!(line(code), "unknown", "{code}");
    }
}
