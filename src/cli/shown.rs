//! Values and times as people read them.

use crate::reading::UnixNanos;

const SECOND_NS: i64 = 1_000_000_000;

/// A value with its unit: kW and kWh from 1,000 W and Wh on.
pub(super) fn amount(value: f64, unit: &str) -> String {
    let thousands = ["W", "Wh", "var", "varh", "VA", "VAh"];
    match unit {
        _ if thousands.contains(&unit) && value.abs() >= 1e3 => format!("{} k{unit}", rounded(value / 1e3)),
        "" => rounded(value),
        _ => format!("{} {unit}", rounded(value)),
    }
}

/// At most three digits after the point.
fn rounded(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// How long ago a time is, in its largest unit: `3 s`, `12 min`, `5 h`, `4 d`.
pub(super) fn age(at: UnixNanos, now: UnixNanos) -> String {
    let seconds = now.since(at) / SECOND_NS;
    match seconds {
        ..0 => "in the future".to_owned(),
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_units_that_people_read() {
        for (value, unit, shown) in [
            (999.5, "W", "999.5 W"),
            (-2150.0, "W", "-2.15 kW"),
            (219_344_217.0, "Wh", "219344.217 kWh"),
            (0.12, "m3", "0.12 m3"),
            (-0.000_1, "A", "0 A"),
            (0.98, "", "0.98"),
        ] {
            assert_eq!(amount(value, unit), shown);
        }
    }

    #[test]
    fn an_age_has_one_unit() {
        let now = UnixNanos(1_000_000 * SECOND_NS);
        for (seconds, shown) in
            [(-5, "in the future"), (3, "3 s"), (119, "119 s"), (720, "12 min"), (7200, "2 h"), (900_000, "10 d")]
        {
            assert_eq!(age(UnixNanos(now.0 - seconds * SECOND_NS), now), shown);
        }
    }
}
