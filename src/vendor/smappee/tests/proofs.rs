//! The units of the messages, proved by the laws of electricity: a wrong scale breaks one of them.
//!
//! The numbers are from the vendor's document, and from published samples of one device whose `realtime` and
//! `aggregated` messages are minutes apart.

use super::{fixture, kind, monitor};
use crate::vendor::Part;

/// The values of a message by their raw names.
struct Values(Vec<(String, f64)>);

impl Values {
    fn of(rest: &str, message: &str) -> Self {
        let (mut monitor, mut values) = (monitor(), Vec::new());
        let each = |_, part: Part<'_>| {
            if let Part::Value(value) = part {
                values.push((format!("{} {}", value.raw_code, value.unit.symbol()), value.value));
            }
        };
        monitor.read(kind(rest), message.as_bytes(), each).unwrap();
        Self(values)
    }

    fn get(&self, name: &str) -> f64 {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.unwrap_or_else(|| panic!("{name} in {:?}", self.0)).1
    }
}

/// Whether two numbers differ by at most this part of the second.
fn assert_near(a: f64, b: f64, part: f64) {
    assert!((a - b).abs() <= part * b.abs(), "{a} is near {b}");
}

#[test]
fn means_are_in_milliwatts_milliamperes_and_tenths_of_a_volt() {
    let values = Values::of("aggregated", &fixture("vendor-document/aggregated.json"));
    for channel in 0..2 {
        let value = |name: &str, unit: &str| values.get(&format!("{name}[{channel}] {unit}"));
        let apparent = value("averageRMSApparentPower", "VA");
        let (active, reactive) = (value("averageImportRMSActivePower", "W"), value("averageRMSReactivePower", "var"));
        assert_near(values.get("averageRMSVoltages[0] V") * value("averageRMSCurrent", "A"), apparent, 0.005);
        assert_near(active.hypot(reactive), apparent, 0.005);
        // A mean of its own, so not the quotient of the means.
        assert_near(value("averagePowerfactor", ""), active / apparent, 0.03);
        // The energy of five minutes, in watt-hours.
        let energy = values.0.iter().find(|(name, _)| *name == format!("averageImportRMSActivePower[{channel}] Wh"));
        assert_near(energy.unwrap().1, active / 12.0, 1e-12);
    }
}

#[test]
fn live_energies_are_joules_since_the_restart() {
    let values = Values::of("realtime", &fixture("vendor-document/realtime.json"));
    // The monitor started when it wrote its configuration.
    let hours = (1_516_355_206_580.0 - 1_516_351_781_376.0) / 3_600_000.0;
    assert_near(values.get("importEnergy[0] Wh") / hours, values.get("power[0] W"), 0.03);
    assert_near(values.get("totalImportEnergy Wh"), values.get("importEnergy[0] Wh"), 0.0);
}

#[test]
fn live_currents_are_tenths_and_means_thousandths_of_an_ampere_of_the_same_device() {
    let live = [8, 5, 6, 35, 35].map(|current| format!(r#"{{"ctInput":{current},"current":{current}}}"#)).join(",");
    let live =
        Values::of("realtime", &format!(r#"{{"channelPowers":[{live}],"voltages":[{{"phaseId":0,"voltage":236}}]}}"#));
    let means = [(8, 811), (5, 515), (6, 628), (35, 3354)]
        .map(|(channel, current)| format!(r#"{{"ctInput":{channel},"averageRMSCurrent":{current}}}"#))
        .join(",");
    let means = Values::of(
        "aggregated",
        &format!(
            r#"{{"intervalDatas":[{{"averageRMSVoltages":[2360],"alwaysOn":59287,"channelIntervalDatas":[{means}]}}]}}"#
        ),
    );
    for channel in [8, 5, 6, 35] {
        let mean = means.get(&format!("averageRMSCurrent[{channel}] A"));
        // A tenth of an ampere is the resolution of the live value; the messages are minutes apart.
        assert!((live.get(&format!("current[{channel}] A")) - mean).abs() < 0.2, "{mean}");
    }
    assert_near(live.get("voltage[0] V"), means.get("averageRMSVoltages[0] V"), 0.001);
    // Of 157 W in all.
    assert_near(means.get("alwaysOn W"), 59.3, 0.001);
}

#[test]
fn the_monitors_total_is_of_the_grid_alone_so_it_has_no_register_of_the_grid() {
    let channels = [(0, 62), (1, 28), (2, 68), (3, 813)]
        .map(|(input, power)| format!(r#"{{"ctInput":{input},"power":{power}}}"#))
        .join(",");
    let message = format!(r#"{{"totalPower":157,"channelPowers":[{channels}]}}"#);
    let values = Values::of("realtime", &message);
    let grid: f64 = (0..3).map(|input| values.get(&format!("power[{input}] W"))).sum();
    assert_near(values.get("totalPower W"), grid, 0.01);
    let mut codes = Vec::new();
    let each = |_, part: Part<'_>| {
        if let Part::Value(value) = part {
            codes.push((value.raw_code.into_owned(), value.obis.0[2]));
        }
    };
    monitor().read(kind("realtime"), message.as_bytes(), each).unwrap();
    assert!(codes.contains(&("totalPower".to_owned(), 128)), "{codes:?}");
}

#[test]
fn in_a_network_without_neutral_voltages_are_between_lines_in_both_messages() {
    let mut monitor = monitor();
    super::read(&mut monitor, "channelConfigV2", &fixture("second-generation-delta/channelConfigV2.json"));
    for rest in ["realtime", "aggregated"] {
        let lines = super::read(&mut monitor, rest, &fixture(&format!("second-generation-delta/{rest}.json")));
        assert!(lines.iter().any(|line| line.contains(" V < ")), "{rest}");
        assert!(!lines.iter().any(|line| line.contains(" 1-0:32.") && line.contains(" V < ")), "{rest}: {lines:?}");
    }
}
