//! Devices on the M-Bus: their kind, their own time, and places without a device.

use super::*;

fn channel(lines: &[&str]) -> Vec<String> {
    values(&telegram(&[&["/XYZ5METER", "", "0-0:1.0.0(260315120000W)"], lines].concat()))
}

#[test]
fn the_kind_decides_the_medium_and_gigajoule_become_watt_hours() {
    for (kind, value, expected) in [
        ("003", "00012.345*m3", "7-0:3.0.0*255 12.345 m3"),
        ("007", "00872.234*m3", "8-0:1.0.0*255 872.234 m3"),
        ("004", "0036*GJ", "6-0:1.0.0*255 10000000 Wh"),
        ("012", "0036*GJ", "6-0:1.0.0*255 10000000 Wh"),
        ("012", "12.5*m3", "6-0:2.0.0*255 12.5 m3"),
        ("006", "0036*GJ", "5-0:1.0.0*255 10000000 Wh"),
        ("006", "12.5*m3", "9-0:1.0.0*255 12.5 m3"),
        ("002", "00123.456*kWh", "1-0:1.8.0*255 123456 Wh"),
        ("", "12.5*m3", "0-4:24.2.1*255 12.5 m3"),
    ] {
        let lines = [&format!("0-4:24.1.0({kind})"), "0-4:96.1.0(31)", &format!("0-4:24.2.1(260315115500W)({value})")];
        assert_eq!(channel(&lines.map(|line| line as &str)), [format!("channel 4 2026-03-15T10:55:00Z {expected}")]);
    }
}

#[test]
fn belgian_gas_is_not_converted_and_a_repeated_counter_counts_once() {
    let lines = ["0-1:24.1.0(003)", "0-1:96.1.1(37464C4F32)", "0-1:24.2.3(260315115500W)(00012.345*m3)"];
    assert_eq!(channel(&lines), ["channel 1 2026-03-15T10:55:00Z 7-0:3.0.0*255 12.345 m3"]);
    let both = [&lines[..], &["0-1:24.2.1(260315115500W)(00012.500*m3)"]].concat();
    assert_eq!(
        channel(&both),
        ["text 0-1:24.2.3 (260315115500W)(00012.345*m3)", "channel 1 2026-03-15T10:55:00Z 7-0:3.0.0*255 12.5 m3"]
    );
    assert_eq!(
        ids(&telegram(&[&["/XYZ5M", "", "0-0:96.1.1(3153)"], &lines[..]].concat()), ""),
        "1S",
        "the device's id is not the meter's"
    );
}

#[test]
fn old_gas_has_its_value_on_the_next_line_or_the_same() {
    for end in ["\r\n(00012.345)", "(00012.345)"] {
        let lines = ["0-1:24.1.0(03)", &format!("0-1:24.3.0(260315110000)(2C)(60)(1)(0-1:24.2.1)(m3){end}")];
        assert_eq!(
            channel(&lines.map(|line| line as &str)),
            ["channel 1 2026-03-15T10:00:00Z 7-0:3.0.0*255 12.345 m3 [local-time]"]
        );
    }
}

#[test]
fn a_place_without_a_device_gives_nothing() {
    for text in [
        "0-1:24.2.1(700101010000W)(00000000)",
        "0-1:24.2.1(000101000000W)(00000000.0000)",
        "0-1:24.2.1()",
        "0-1:24.1.0()",
        "0-1:96.1.0()",
        "0-1:24.2.1(700101010000W)(00000.000*m3)",
        "0-1:24.2.1(632525252525S)(00000.000*m3)",
        "0-1:24.2.1(681027002758S)(00000.000*m3)",
    ] {
        assert_eq!(channel(&[text]), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn an_absurd_time_of_a_device_costs_its_reading_alone() {
    for (text, why) in [
        ("0-1:24.2.1(632525252525S)(00012.345*m3)", "the value's time is not a date"),
        ("0-1:24.2.1(681027002758S)(00012.345*m3)", "the value's time is more than a day after the telegram's"),
        ("0-1:24.2.1(270315120000W)(00012.345*m3)", "the value's time is more than a day after the telegram's"),
        ("0-1:24.2.1(today)(00012.345*m3)", "the value's time has an unknown form"),
        ("0-1:24.2.1(today)(00000.000*m3)", "the value's time has an unknown form"),
        ("0-1:24.2.1(260315110000W)(00012.345)", "the value has no unit"),
    ] {
        assert_eq!(channel(&["0-1:24.1.0(3)", text]), [format!("unreadable {text}: {why}")]);
    }
}

#[test]
fn a_device_whose_clock_was_never_set_has_the_telegrams_time() {
    for clock in ["000101010000W", "700101010000W"] {
        assert_eq!(
            channel(&["0-1:24.1.0(3)", &format!("0-1:24.2.1({clock})(00012.345*m3)")]),
            ["channel 1 2026-03-15T11:00:00Z 7-0:3.0.0*255 12.345 m3 [time-is-receive-time]"]
        );
    }
}

#[test]
fn a_valve_is_a_state_of_its_device() {
    assert_eq!(channel(&["0-1:24.4.0(1)"]), ["channel 1 2026-03-15T11:00:00Z 0-0:24.4.0*255 1 "]);
}

#[test]
fn a_heat_meter_alone_is_a_whole_telegram() {
    let bytes = telegram(&[
        "/NWA-WARMTELINK",
        "",
        "0-0:1.1.0(260315120000W)",
        "0-1:24.1.0(12)",
        "0-1:96.1.0(31)",
        "0-1:24.2.1(260315120000W)(1.8*GJ)",
    ]);
    assert_eq!(values(&bytes), ["channel 1 2026-03-15T11:00:00Z 6-0:1.0.0*255 500000 Wh"]);
}

#[test]
fn a_counter_that_was_never_read_gives_nothing_and_replaces_no_other() {
    let never = "0-1:24.3.0(000000000000)(00)(60)(0)(0-1:24.2.1)(m3)\r\n(00000.000)";
    assert_eq!(channel(&["0-1:24.1.0(3)", never]), Vec::<String>::new());
    let beside = ["0-1:24.1.0(3)", "0-1:24.2.1(700101010000W)(00000000)", "0-1:24.2.3(260315115500W)(00012.345*m3)"];
    assert_eq!(channel(&beside), ["channel 1 2026-03-15T10:55:00Z 7-0:3.0.0*255 12.345 m3"]);
}

#[test]
fn heat_and_cold_of_one_device_have_registers_of_their_own() {
    let lines = [
        "0-1:24.1.0(4)",
        "0-1:24.3.0(260315110000)(00)(60)(1)(0-1:24.2.1)(GJ)(0036)",
        "0-1:24.3.1(260315110000)(00)(60)(1)(0-1:24.2.1)(GJ)(0018)",
    ];
    assert_eq!(
        channel(&lines),
        [
            "channel 1 2026-03-15T10:00:00Z 6-0:1.0.0*255 10000000 Wh [local-time]",
            "channel 1 2026-03-15T10:00:00Z 5-0:1.0.0*255 5000000 Wh [local-time]",
        ]
    );
}
