//! The description of a meter and of the devices behind it.

use super::*;

fn nameplate(lines: &[&str]) -> Nameplate {
    let bytes = telegram(lines);
    let Some((_, Frame::Telegram(telegram), _)) = next_frame(&bytes, true) else { panic!("no telegram") };
    telegram.nameplate()
}

#[test]
fn the_head_gives_maker_and_model_and_some_dialects_their_country() {
    for (head, line, maker, time_zone) in [
        (r"/XYZ5\2METER-1000", "1-3:0.2.8(50)", Some("XYZ"), None),
        (r"/ISk5\2MIE5T-200", "1-3:0.2.8(50)", Some("ISK"), None),
        (r"/FLU5\253770234_A", "0-0:96.1.4(50217)", Some("FLU"), Some("Europe/Brussels")),
        (r"/ESO5\2METER", "1-3:0.2.8(50)", Some("ESO"), Some("Europe/Vilnius")),
        (r"/EST5\253710000_A", "1-3:0.2.8(50)", Some("EST"), Some("Europe/Vienna")),
    ] {
        let found = nameplate(&[head, "", line, "0-0:96.1.1(4530303432)"]);
        assert_eq!((found.maker.as_deref(), found.time_zone), (maker, time_zone), "{head}");
        assert_eq!((found.model.as_str(), found.id.as_deref()), (&head[1..], Some("E0042")));
    }
}

#[test]
fn the_standard_gives_the_meaning_of_tariffs_to_a_meter_that_has_them() {
    let second = "1-0:1.8.2(000001.000*kWh)";
    for (head, version, tariff, expected) in [
        (r"/XYZ5\2METER-1000", "1-3:0.2.8(50)", second, Some("1 low, 2 normal")),
        (r"/FLU5\253770234_A", "0-0:96.1.4(50217)", second, Some("1 day, 2 night")),
        // Luxembourg and Sweden send totals alone.
        (r"/XYZ5\2METER-1000", "1-3:0.2.8(42)", "1-0:1.8.0(000001.000*kWh)", None),
        // Grid operators with a dialect of their own, and a meter without a version.
        (r"/EST5\253710000_A", "1-3:0.2.8(50)", second, None),
        ("/XYZ5METER", "1-0:1.7.0(0001*W)", second, None),
    ] {
        assert_eq!(nameplate(&[head, "", version, tariff]).tariff, expected, "{head} {version}");
    }
}

#[test]
fn a_device_with_a_counter_is_described_and_an_empty_channel_is_not() {
    let found = nameplate(&[
        "/XYZ5METER",
        "",
        "0-0:1.0.0(260315120000W)",
        "0-1:24.1.0(003)",
        "0-1:96.1.0(4730303339)",
        "0-1:24.2.1(260315115500W)(00012.345*m3)",
        "0-2:24.1.0(007)",
        "0-2:24.2.1(260315115500W)(00000.001*m3)",
        "0-3:24.1.0(003)",
        "0-4:24.1.0(004)",
        "0-4:24.2.1(000101000000W)(00000000)",
    ]);
    assert_eq!(found.id, None);
    let device = |channel: &str, kind, id: Option<&str>| Device {
        channel: channel.to_owned(),
        kind: Some(kind),
        id: id.map(str::to_owned),
    };
    assert_eq!(found.devices, [device("1", 3, Some("G0039")), device("2", 7, None)]);
}
