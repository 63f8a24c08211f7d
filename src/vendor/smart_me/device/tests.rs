//! Devices as the list gives them.

use super::*;
use crate::reading::registry::{self, Kind};
use proptest::prelude::*;

/// The shape of a Kamstrup module's device as it was seen, with other numbers.
const KAMSTRUP: &str = r#"[{"Id":"a1a1a1a1-0000-0000-0000-000000000001","Name":"METER-A","Serial":92000001,
  "DeviceEnergyType":1,"FamilyType":6,"ActivePower":0.018,"ActivePowerUnit":"kW","CounterReading":1210.5,
  "CounterReadingUnit":"kWh","CounterReadingT1":0.0,"CounterReadingT2":1210.5,"CounterReadingImport":1210.5,
  "CounterReadingExport":0.0,"Voltage":235.0,"VoltageL1":235.0,"CurrentL1":0.15,
  "ValueDate":"2026-07-25T13:06:32.0500519Z"}]"#;

fn only(json: &str) -> Device {
    let mut devices = Device::list(json.as_bytes()).unwrap();
    assert_eq!(devices.len(), 1);
    devices.remove(0)
}

/// A device of these fields beside its id.
fn with(fields: &str) -> Device {
    only(&format!(r#"[{{"Id":"a1a1a1a1-0000-0000-0000-000000000001",{fields}}}]"#))
}

fn registers(device: &Device) -> Vec<(String, f64)> {
    let short = |code: &str| code.trim_end_matches("*255").to_owned();
    let rounded = |value: f64| (value * 1e6).round() / 1e6;
    let mut all: Vec<_> =
        device.samples.iter().map(|sample| (short(&sample.obis.to_string()), rounded(sample.value))).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn of(fields: &str) -> Vec<(String, f64)> {
    registers(&with(fields))
}

fn expected(registers: &[(&str, f64)]) -> Vec<(String, f64)> {
    registers.iter().map(|(code, value)| ((*code).to_owned(), *value)).collect()
}

#[test]
fn a_device_of_the_shape_seen_gives_the_expected_registers() {
    let device = only(KAMSTRUP);
    assert_eq!(
        registers(&device),
        expected(&[
            ("1-0:1.7.0", 18.0),
            ("1-0:1.8.0", 1_210_500.0),
            ("1-0:16.8.1", 0.0),
            ("1-0:16.8.2", 1_210_500.0),
            ("1-0:2.8.0", 0.0),
            ("1-0:31.7.0", 0.15),
            ("1-0:32.7.0", 235.0),
        ])
    );
    assert_eq!(device.value_date.unwrap().to_string(), "2026-07-25T13:06:32.0500519Z");
    assert_eq!((device.name.as_deref(), device.serial), (Some("METER-A"), Some(92_000_001)));
    assert_eq!((device.energy_type.label(), device.family.label()), (Some("electricity"), Some("Kamstrup module")));
    assert!(device.left_out.is_empty());
}

#[test]
fn names_are_read_in_any_case_and_absent_is_null() {
    let camel = KAMSTRUP.replace("\"Id\"", "\"id\"").replace("ActivePower", "activePower");
    let camel = camel.replace("\"Name\"", "\"temperature\":null,\"meterSubType\":null,\"name\"");
    assert_eq!(only(&camel.replace("CounterReading", "counterReading")), only(KAMSTRUP));
}

#[test]
fn net_is_never_stored_as_import() {
    let split = of(r#""DeviceEnergyType":1,"CounterReading":90.25,"CounterReadingUnit":"kWh","CounterReadingT1":50.25,
        "CounterReadingT2":40,"CounterReadingImport":100.75,"CounterReadingExport":10.5,"ActivePower":-1.5,
        "ActivePowerUnit":"kW""#);
    assert_eq!(
        split,
        expected(&[
            ("1-0:1.7.0", -1500.0),
            ("1-0:1.8.0", 100_750.0),
            ("1-0:16.8.1", 50_250.0),
            ("1-0:16.8.2", 40_000.0),
            ("1-0:2.8.0", 10_500.0),
        ])
    );
    let alone = of(r#""DeviceEnergyType":1,"CounterReading":-3.5,"CounterReadingUnit":"kWh","CounterReadingT1":-3.5"#);
    assert_eq!(alone, expected(&[("1-0:16.8.0", -3500.0), ("1-0:16.8.1", -3500.0)]), "a tariff of net is net");
    let net = registry::entry("1-0:16.8.0".parse().unwrap()).unwrap();
    assert_eq!(net.kind, Kind::Gauge, "it falls as well as it rises");
}

/// A two-way meter before and after its first export, with one tariff.
fn two_way(net: f64, export: f64) -> Vec<(String, f64)> {
    let import = net + export;
    of(&format!(
        r#""DeviceEnergyType":1,"CounterReading":{net},"CounterReadingUnit":"kWh","CounterReadingT1":{net},
        "CounterReadingImport":{import},"CounterReadingExport":{export}"#
    ))
}

#[test]
fn the_first_export_of_a_meter_changes_no_register() {
    let codes = |registers: Vec<(String, f64)>| registers.into_iter().map(|(code, _)| code).collect::<Vec<_>>();
    assert_eq!(codes(two_way(100.0, 0.0)), codes(two_way(100.0, 0.5)));
    assert_eq!(
        two_way(100.0, 0.0),
        expected(&[("1-0:1.8.0", 1e5), ("1-0:16.8.1", 1e5), ("1-0:2.8.0", 0.0)]),
        "net also before the first export"
    );
}

#[test]
fn a_tariff_of_a_meter_without_an_export_counter_is_import() {
    let fields = r#""DeviceEnergyType":1,"CounterReading":100,"CounterReadingUnit":"kWh","CounterReadingT1":30,
        "CounterReadingT2":70,"CounterReadingImport":100"#;
    assert_eq!(of(fields), expected(&[("1-0:1.8.0", 1e5), ("1-0:1.8.1", 3e4), ("1-0:1.8.2", 7e4)]));
    let without_net = fields.replace("\"CounterReading\":100,", "");
    assert_eq!(of(&without_net), of(fields));
}

#[test]
fn a_meter_that_only_exports_keeps_its_counter() {
    let fields = r#""DeviceEnergyType":1,"CounterReadingExport":5,"CounterReadingUnit":"kWh""#;
    assert_eq!(of(fields), expected(&[("1-0:2.8.0", 5e3)]));
}

#[test]
fn a_value_without_a_phase_is_the_total_only_on_a_device_without_phases() {
    let three = r#""DeviceEnergyType":1,"PowerFactor":0.5,"PowerFactorL1":0.5,"PowerFactorL2":0.9,"PowerFactorL3":1,
        "Voltage":230,"VoltageL1":230,"Current":7,"CurrentL2":8"#;
    assert_eq!(
        of(three),
        expected(&[
            ("1-0:32.7.0", 230.0),
            ("1-0:33.7.0", 0.5),
            ("1-0:51.7.0", 8.0),
            ("1-0:53.7.0", 0.9),
            ("1-0:73.7.0", 1.0),
        ])
    );
    let without = r#""DeviceEnergyType":1,"PowerFactor":0.5,"Voltage":230,"Current":7"#;
    assert_eq!(of(without), expected(&[("1-0:11.7.0", 7.0), ("1-0:12.7.0", 230.0), ("1-0:13.7.0", 0.5)]));
    let one = r#""DeviceEnergyType":1,"PowerFactor":0.5,"VoltageL1":230"#;
    assert_eq!(of(one), expected(&[("1-0:13.7.0", 0.5), ("1-0:32.7.0", 230.0)]));
}

#[test]
fn a_wireless_m_bus_gateway_measures_nothing() {
    let wireless = with(r#""DeviceEnergyType":14,"FamilyType":20,"ActivePower":1,"ActivePowerUnit":"kW""#);
    assert_eq!((wireless.measures(), registers(&wireless)), (false, Vec::new()));
    assert!(with(r#""DeviceEnergyType":14,"FamilyType":12"#).measures(), "the number alone is disputed");
}

#[test]
fn an_enumeration_by_name_is_its_number() {
    let named = KAMSTRUP.replace("\"DeviceEnergyType\":1", "\"DeviceEnergyType\":\"MeterTypeElectricity\"");
    let named = named.replace("\"FamilyType\":6", "\"FamilyType\":\"MeterFamilyTypeKamstrupModule\"");
    assert_eq!(only(&named), only(KAMSTRUP));
    let hot = with(r#""DeviceEnergyType":"metertypewater","MeterSubType":"MeterSubTypeHeat""#);
    assert_eq!((hot.energy_type, hot.sub_type), (EnergyType::WATER, SubType::HOT));
    let wireless = with(r#""DeviceEnergyType":"MeterTypeWMBusGateway","FamilyType":"MeterFamilyTypeWMBusGatewayV1""#);
    assert!(!wireless.measures());
}

#[test]
fn tariffs_that_do_not_add_up_are_left_out() {
    let fields = r#""DeviceEnergyType":1,"CounterReading":100,"CounterReadingUnit":"kWh","CounterReadingT1":70,
        "CounterReadingImport":100,"CounterReadingExport":0"#;
    assert_eq!(of(fields), expected(&[("1-0:1.8.0", 1e5), ("1-0:2.8.0", 0.0)]));
    assert_eq!(with(fields).left_out, [LeftOut::Tariffs]);
}

#[test]
fn a_field_that_cannot_be_read_is_noted_and_costs_only_itself() {
    let fields = r#""DeviceEnergyType":"Warp","ActivePower":"1.5","ActivePowerUnit":"kW","VoltageL1":"230",
        "VoltageL2":231,"CounterReading":{},"PowerFactor":true,"SwitchOn":"on","ValueDate":"yesterday""#;
    let electricity = fields.replace("Warp", "MeterTypeElectricity");
    assert_eq!(of(&electricity), expected(&[("1-0:52.7.0", 231.0)]));
    let unreadable = |fields: &str| -> Vec<String> {
        let mut noted: Vec<_> = with(fields).left_out.iter().map(ToString::to_string).collect();
        noted.sort();
        noted
    };
    let expected = ["activepower", "counterreading", "powerfactor", "switchon", "valuedate", "voltagel1"];
    assert_eq!(unreadable(&electricity), expected.map(|name| format!("the field {name} cannot be read")));
    assert!(unreadable(fields).contains(&"the field deviceenergytype cannot be read".to_owned()));
    let never = with(r#""DeviceEnergyType":1,"ValueDate":"0001-01-01T00:00:00","Voltage":null"#);
    assert_eq!(never.left_out, []);
}

#[test]
fn a_unit_counts_as_it_is_written_and_an_unknown_one_gives_no_sample() {
    for (unit, factor) in [("Wh", 1.0), ("kWh", 1e3), ("MWh", 1e6)] {
        let fields = format!(r#""DeviceEnergyType":1,"CounterReadingImport":2,"CounterReadingUnit":"{unit}""#);
        assert_eq!(of(&fields), expected(&[("1-0:1.8.0", 2.0 * factor)]), "{unit}");
    }
    for (unit, said) in [("mWh", "mWh"), ("kwh", "kwh"), ("m3", "m3"), ("", "(none)")] {
        let device = with(&format!(
            r#""DeviceEnergyType":1,"CounterReadingImport":2,"CounterReadingUnit":"{unit}","VoltageL1":230"#
        ));
        assert_eq!(registers(&device), expected(&[("1-0:32.7.0", 230.0)]), "{unit}");
        assert_eq!(device.left_out, [LeftOut::UnknownUnit(said.to_owned())]);
    }
}

#[test]
fn meters_of_other_media_have_registers_of_their_own() {
    for (kind, sub, unit, code, factor) in [
        (2, 1, "m3", "8-0:1.0.0", 1.0),
        (2, 0, "m3", "8-0:1.0.0", 1.0),
        (2, 2, "m3", "9-0:1.0.0", 1.0),
        (4, 2, "kWh", "6-0:1.0.0", 1e3),
        (4, 1, "MWh", "5-0:1.0.0", 1e6),
        (3, 0, "m³", "7-0:3.0.0", 1.0),
        (3, 0, "kWh", "0-0:128.8.0", 1e3),
        (5, 0, "", "4-0:128.0.0", 1.0),
        (7, 0, "°C", "0-0:96.9.0", 1.0),
        (11, 0, "m3", "15-0:128.0.0", 1.0),
        (13, 0, "kWh", "0-0:128.8.0", 1e3),
        (99, 0, "m3", "0-0:128.9.0", 1.0),
    ] {
        let fields = format!(
            r#""DeviceEnergyType":{kind},"MeterSubType":{sub},"CounterReading":12.5,"CounterReadingUnit":"{unit}""#
        );
        assert_eq!(of(&fields), expected(&[(code, 12.5 * factor)]), "{fields}");
    }
    assert_eq!(of(r#""DeviceEnergyType":8,"CounterReading":1,"CounterReadingUnit":"kWh""#), []);
}

#[test]
fn power_and_flow_of_an_m_bus_meter_go_by_their_unit() {
    let heat = of(r#""DeviceEnergyType":4,"ActivePower":1.5,"ActivePowerUnit":"kW","FlowRate":0.2,"Temperature":61.5"#);
    assert_eq!(heat, expected(&[("0-0:128.10.0", 1500.0), ("0-0:128.2.0", 0.2), ("0-0:96.9.0", 61.5)]));
    let water = of(r#""DeviceEnergyType":2,"ActivePower":0.3,"ActivePowerUnit":"m3/h""#);
    assert_eq!(water, expected(&[("0-0:128.2.0", 0.3)]));
}

#[test]
fn states_are_numbers() {
    let fields = r#""DeviceEnergyType":1,"SwitchOn":true,"SwitchPhaseL2On":false,"DigitalOutput2":true,
        "DigitalInput1":1,"AnalogOutput1":32183,"ActiveTariff":2,"ChargingStationState":4"#;
    assert_eq!(
        of(fields),
        expected(&[
            ("0-0:128.4.0", 4.0),
            ("0-0:128.5.1", 32_183.0),
            ("0-0:128.6.1", 1.0),
            ("0-0:96.14.0", 2.0),
            ("0-0:96.3.10", 1.0),
            ("99-0:12.0.2", 0.0),
            ("99-0:12.1.2", 1.0),
        ])
    );
}

#[test]
fn every_register_that_is_made_has_an_entry() {
    let all = r#""ActivePower":1,"ActivePowerL1":1,"ActivePowerL2":1,"ActivePowerL3":1,"ActivePowerUnit":"kW",
        "CounterReadingImport":1,"CounterReadingExport":0,"CounterReading":1,"CounterReadingT1":1,"CounterReadingUnit":"kWh",
        "Voltage":1,"VoltageL2":1,"Current":1,"CurrentL3":1,"PowerFactor":1,"PowerFactorL1":1,"PowerFactorL2":1,
        "PowerFactorL3":1,"Temperature":1,"FlowRate":1,"ActiveTariff":1,"ChargingStationState":1,"AnalogOutput1":1,
        "AnalogOutput2":1,"DigitalInput1":1,"DigitalInput2":1,"SwitchOn":1,"SwitchPhaseL1On":1,"DigitalOutput1":1"#;
    for kind in 0..20 {
        let device = with(&format!(r#""DeviceEnergyType":{kind},{all}"#));
        for sample in &device.samples {
            assert!(registry::entry(sample.obis).is_some(), "{sample:?}");
        }
    }
}

#[test]
fn unknown_numbers_are_kept_and_a_device_without_an_id_is_left_out() {
    let device = with(r#""DeviceEnergyType":4711,"MeterSubType":-3,"FamilyType":99,"ValueDate":"0001-01-01T00:00:00""#);
    assert_eq!((device.energy_type, device.sub_type, device.family), (EnergyType(4711), SubType(-3), Family(99)));
    assert_eq!((device.energy_type.label(), device.value_date), (None, None));
    assert_eq!(Device::list(br#"[{"Name":"x"},{"Id":"00000000-0000-0000-0000-000000000000"}]"#), Ok(Vec::new()));
    for wrong in ["{}", "[1]", "<html>", ""] {
        assert!(Device::list(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn no_value_changes_the_registers_of_a_meter(
        import in 0_u32..1_000_000,
        export in prop_oneof![Just(0), 0_u32..1_000_000],
        watts in -20_000_i32..20_000,
        first in 0_u32..1_000_000,
        has in prop::array::uniform3(any::<bool>()),
    ) {
        let device = |import: u32, export: u32, watts: i32, first: u32| {
            let [has_net, has_import, has_export] = has;
            let (import, export) = (f64::from(import), if has_export { f64::from(export) } else { 0.0 });
            let (net, first) = (import - export, f64::from(first));
            let mut fields = format!(
                r#""DeviceEnergyType":1,"ActivePower":{watts},"ActivePowerUnit":"W","CounterReadingUnit":"Wh",
                "CounterReadingT1":{first},"CounterReadingT2":{}"#,
                net - first,
            );
            for (has, name, value) in [(has_net, "", net), (has_import, "Import", import), (has_export, "Export", export)] {
                if has {
                    fields.push_str(&format!(r#","CounterReading{name}":{value}"#));
                }
            }
            of(&fields).into_iter().map(|(code, _)| code).collect::<Vec<_>>()
        };
        prop_assert_eq!(device(import, export, watts, first), device(100, 0, 1, 50));
    }

    #[test]
    fn nothing_panics_on_any_answer(
        bytes: Vec<u8>,
        name in prop::sample::select(vec!["Serial", "DeviceEnergyType", "CounterReading", "CounterReadingUnit",
            "ActivePower", "VoltageL1", "ValueDate", "SwitchOn", "CounterReadingT1", "CounterReadingImport"]),
        value in prop_oneof![Just("true".to_owned()), Just("[]".to_owned()), Just("{}".to_owned()), Just("9e307".to_owned()),
            "-?[0-9]{1,25}", "-?[1-9]e[0-9]{1,3}", "\"[a-zA-Z0-9:.°³ -]{0,30}\""],
        kind in -2_i64..20,
    ) {
        Device::list(&bytes).ok();
        let text = KAMSTRUP.replace("\"DeviceEnergyType\":1", &format!("\"DeviceEnergyType\":{kind},\"{name}\":{value}"));
        for device in Device::list(text.as_bytes()).unwrap_or_default() {
            prop_assert!(device.samples.iter().all(|sample| sample.value.is_finite()));
        }
    }
}
