//! Properties of the site: what any time and any number of meters must keep.

use super::*;
use std::collections::BTreeSet;

const NS: i64 = 1_000_000_000;
const DAY_NS: i64 = 86_400 * NS;
/// 2026-11-28T00:00:00Z, a Saturday.
const SATURDAY: i64 = 1_795_824_000 * NS;
/// Export, by the webhook's code.
const EXPORT: [u8; 6] = [1, 0, 2, 8, 0, 255];

fn curve(device: &CloudDevice) -> &Curve {
    let Load::Curve(curve) = &device.load else { panic!("{} has no curve", device.name) };
    curve
}

fn meter(point: &str) -> CloudDevice {
    meters(METERS).into_iter().find(|meter| meter.point == point).unwrap().device
}

/// Times of a week that are at knots, just before and after them, and between them.
fn times() -> impl Iterator<Item = i64> {
    (0..7 * 288).flat_map(|knot| [0, 1, 77 * NS + 13, 299 * NS].map(|rest| SATURDAY + knot * 300 * NS + rest))
}

#[test]
fn counters_never_fall() {
    for SiteMeter { device, .. } in meters(METERS + 4) {
        let mut before: Vec<([u8; 6], f64)> = Vec::new();
        for time in times() {
            let is_counter = |code: &[u8; 6]| code[3] == 8 || code[3] == 0;
            let values: Vec<_> = device.values(time).into_iter().filter(|(code, _)| is_counter(code)).collect();
            assert!(!values.is_empty());
            for (old, new) in before.iter().zip(&values) {
                assert!(old.0 == new.0 && old.1 <= new.1, "{}: {old:?}, then {new:?}", device.name);
            }
            before = values;
        }
        assert!(before[0].1 > 0.0, "{}", device.name);
    }
}

#[test]
fn energy_is_the_integral_of_the_power() {
    let step = NS / 2;
    for SiteMeter { device, .. } in meters(METERS + 1) {
        let curve = curve(&device);
        // Within a span, over an hour, and over noon: the sign of the house changes.
        for (from, seconds) in [(8 * 3600 + 17, 100), (17 * 3600 + 1800, 3600), (10 * 3600 + 3, 7000)] {
            let from = SATURDAY + from * NS;
            let (mut import, mut export) = (0.0, 0.0);
            for number in 0..seconds * 2 {
                let power = curve.power(from + number * step + step / 2);
                if power > 0.0 { import += power / 7200.0 } else { export -= power / 7200.0 }
            }
            let until = from + seconds * NS;
            let counted = (curve.imported(until) - curve.imported(from), curve.exported(until) - curve.exported(from));
            let is_near = |counted: f64, summed: f64| (counted - summed).abs() <= 1e-4 * (summed + 1.0);
            assert!(
                is_near(counted.0, import) && is_near(counted.1, export),
                "{}: {counted:?}, {import} {export}",
                device.name
            );
        }
    }
}

#[test]
fn the_house_and_the_office_use_what_is_behind_their_grid_meters() {
    let of = |point: &str, time| curve(&meter(point)).power(time);
    let midday = SATURDAY + 2 * DAY_NS + 11 * 3600 * NS;
    for knot in 0..288 {
        // At a knot no wave is on the line.
        let time = midday + knot * 300 * NS;
        let behind = of("house-heat-pump", time) + of("house-charger", time) - of("house-solar", time);
        let household = of("house-grid", time) - behind;
        assert!((100.0..5000.0).contains(&household), "{household}");
        assert!(of("office-grid", time) > of("office-servers", time) + of("office-ventilation", time));
    }
}

#[test]
fn the_power_follows_the_day() {
    let day = |point: &str, day: i64| -> Vec<f64> {
        let device = meter(point);
        (0..288).map(|knot| curve(&device).power(SATURDAY + day * DAY_NS + knot * 300 * NS)).collect()
    };
    let solar = day("house-solar", 0);
    // In UTC, in November: no sun before six, sun at eleven, none at six in the evening.
    assert!(solar[..72].iter().chain(&solar[216..]).all(|power| *power == 0.0), "{solar:?}");
    assert!(solar[132] > 200.0, "{solar:?}");
    let (weekend, weekday) = (day("office-grid", 0), day("office-grid", 2));
    assert!(weekday[120] > 3.0 * weekend[120], "ten o'clock: {} and {}", weekday[120], weekend[120]);
    let charging = (0..14).map(|number| day("house-charger", number));
    let evenings = charging.filter(|day| day[192..].iter().any(|power| *power > 7000.0)).count();
    assert!((5..14).contains(&evenings), "{evenings}");
    let pump = day("house-heat-pump", 0);
    let starts = pump.windows(2).filter(|pair| pair[0] < 100.0 && pair[1] > 1000.0).count();
    assert!((10..60).contains(&starts), "{starts}");
    assert!(curve(&meter("house-grid")).exported(SATURDAY) > 1_000_000.0, "the house exports in summer");
}

#[test]
fn each_meter_has_a_name_a_serial_number_and_a_point_of_its_own_and_keeps_them() {
    let all = meters(2000);
    assert_eq!(all.len(), 2000);
    let unique = |of: fn(&SiteMeter) -> String| all.iter().map(of).collect::<BTreeSet<_>>().len();
    assert_eq!(unique(|meter| meter.device.serial.to_string()), all.len());
    assert_eq!(unique(|meter| meter.device.name.clone()), all.len());
    assert_eq!(unique(|meter| meter.device.id.to_string()), all.len());
    assert_eq!(unique(|meter| meter.point.clone()), all.len());
    let few = meters(3);
    for (few, many) in few.iter().zip(&all) {
        assert_eq!((few.device.id, few.device.serial), (many.device.id, many.device.serial));
        assert_eq!(few.device.values(SATURDAY + 5), many.device.values(SATURDAY + 5));
    }
}

#[test]
fn the_phases_add_up_and_only_meters_with_two_directions_export() {
    for SiteMeter { device, .. } in meters(METERS) {
        let values = device.values(SATURDAY + DAY_NS / 2 + 7 * NS);
        let of = |c: u8| values.iter().find(|(code, _)| code[2] == c && code[3] == 7).map(|(_, value)| *value);
        assert_eq!(values.iter().any(|(code, _)| *code == EXPORT), of(21).is_some(), "{}", device.name);
        if let (Some(all), Some(l1), Some(l2), Some(l3)) = (of(1), of(21), of(41), of(61)) {
            assert!((all - l1 - l2 - l3).abs() < 0.2, "{values:?}");
        }
    }
}

#[test]
fn before_the_first_year_there_is_nothing() {
    let curve = Curve::new(|_| 500.0);
    let begin = 1_767_225_600 * NS;
    assert_eq!((curve.power(begin - 1), curve.imported(begin - DAY_NS), curve.imported(begin)), (0.0, 0.0, 0.0));
    assert!((curve.imported(begin + 3600 * NS) - 500.0).abs() < 1e-6);
    assert!((curve.times(2.0).imported(begin + 25 * 3600 * NS + 1800 * NS) - 25_500.0).abs() < 1e-6);
}
