//! Curves and bars as the paths that a browser draws.

use super::plot::{HEIGHT, WIDTH};
use super::*;
use crate::query::Bucket;
use crate::reading::UnixNanos;
use proptest::prelude::*;

const MINUTE: i64 = 60_000_000_000;
const HOUR: i64 = 60 * MINUTE;

fn bucket(minute: i64, value: f64) -> Bucket {
    let at = UnixNanos(minute * MINUTE);
    Bucket { start: at, min: value, max: value, mean: value, last: value, last_at: at, count: 1, is_estimated: false }
}

fn points(buckets: Vec<Bucket>) -> [Points; 1] {
    [Points { label: "power".to_owned(), buckets }]
}

fn canvas<'a>(zone: &'a TimeZone, gaps: &'a [Marked]) -> Canvas<'a> {
    let span = Span { from: UnixNanos(0), until: UnixNanos(10 * HOUR) };
    Canvas { span, zone, gaps, marks: &[] }
}

#[test]
fn a_line_is_drawn_from_zero_in_round_kilowatts() {
    let curve = points(vec![bucket(0, 0.0), bucket(30, 2_000.0), bucket(60, 3_800.0)]);
    let chart = canvas(&TimeZone::UTC, &[]).lines("rate", "Power", Unit::Watt, &curve, true);
    assert_eq!((chart.title.as_str(), chart.low, chart.high), ("Power (kW)", 0.0, 4.0));
    assert_eq!(chart.lines[0].solid, "M0.0 200.0L50.0 100.0L100.0 10.0");
    assert_eq!((chart.lines[0].estimated.as_str(), chart.lines[0].band.as_str()), ("", ""));
    let labels: Vec<_> = chart.values.iter().map(|tick| tick.label.as_str()).collect();
    assert_eq!(labels, ["0", "1", "2", "3", "4"]);
    let times: Vec<_> = chart.times.iter().map(|tick| tick.label.as_str()).collect();
    assert_eq!(times, ["03:00", "06:00", "09:00"]);
}

#[test]
fn a_hole_opens_the_line_and_estimated_values_are_a_line_of_their_own() {
    let mut buckets: Vec<Bucket> = (0..4).chain(200..204).map(|minute| bucket(minute, 5.0)).collect();
    buckets[2].is_estimated = true;
    let chart = canvas(&TimeZone::UTC, &[]).lines("rate", "Power", Unit::Watt, &points(buckets.clone()), true);
    let line = &chart.lines[0];
    assert_eq!(line.solid.matches('M').count(), 2, "{}", line.solid);
    assert_eq!(line.estimated.matches('L').count(), 2, "to the estimated value and from it: {}", line.estimated);
    let holes = holes(&buckets, Span { from: UnixNanos(0), until: UnixNanos(300 * MINUTE) });
    let found: Vec<_> = holes.iter().map(|hole| (hole.from.0 / MINUTE, hole.until.0 / MINUTE)).collect();
    assert_eq!(found, [(3, 200), (203, 300)]);
}

#[test]
fn a_known_gap_opens_the_line_and_is_hatched() {
    let gap = Marked { from: UnixNanos(2 * MINUTE), until: UnixNanos(3 * MINUTE), label: "missing".to_owned() };
    let gaps = [gap];
    let curve = points((0..6).map(|minute| bucket(minute, 5.0)).collect());
    let chart = canvas(&TimeZone::UTC, &gaps).lines("rate", "Power", Unit::Watt, &curve, true);
    assert_eq!(chart.lines[0].solid.matches('M').count(), 2, "{}", chart.lines[0].solid);
    assert_eq!((chart.gaps[0].x.as_str(), chart.gaps[0].width.as_str()), ("3.3", "1.7"));
}

#[test]
fn aggregated_values_have_a_band_of_lowest_and_highest() {
    let mut buckets = vec![bucket(0, 2.0), bucket(60, 2.0)];
    for bucket in &mut buckets {
        (bucket.min, bucket.max, bucket.count) = (1.0, 4.0, 9);
    }
    let chart = canvas(&TimeZone::UTC, &[]).lines("rate", "Power", Unit::Watt, &points(buckets), true);
    assert_eq!(chart.lines[0].band, "M0.0 0.0L100.0 0.0L100.0 150.0L0.0 150.0Z");
}

#[test]
fn bars_stand_on_zero_import_above_and_export_below() {
    let hour = |hour: i64| UnixNanos(hour * HOUR);
    let bar = |number: i64, taken, given| Bar {
        from: hour(number),
        until: hour(number + 1),
        taken,
        given,
        is_estimated: number == 1,
        is_complete: true,
    };
    let all = [bar(0, Some(1_000.0), Some(0.0)), bar(1, Some(0.0), Some(1_000.0))];
    let chart = canvas(&TimeZone::UTC, &[]).bars("energy", "Energy", Unit::WattHour, &all);
    assert_eq!((chart.low, chart.high), (-1.0, 1.0));
    let bars = chart.bars.unwrap();
    let places: Vec<_> = bars
        .boxes
        .iter()
        .map(|it| (it.x.as_str(), it.y.as_str(), it.width.as_str(), it.height.as_str(), it.class))
        .collect();
    assert_eq!(
        places,
        [("10.0", "0.0", "80.0", "100.0", "import"), ("110.0", "100.0", "80.0", "100.0", "export estimated")]
    );
    assert_eq!(bars.boxes[1].title, "1970-01-01 01:00: 1 kWh, estimated");
    assert!(bars.has_given && bars.has_estimated);
}

#[test]
fn ticks_of_long_spans_are_local_midnights_and_months() {
    let zone = TimeZone::get("Europe/Zurich").unwrap();
    let day = 24 * HOUR;
    // 2026-10-20T22:00:00Z is local midnight; the clocks change within the week.
    let from = UnixNanos(1_792_533_600_000_000_000);
    let labels = |days: i64| -> Vec<String> {
        let span = Span { from: from.saturating_add(-HOUR * 12), until: from.saturating_add(days * day) };
        time_ticks(span, &zone).into_iter().map(|tick| tick.label).collect()
    };
    assert_eq!(labels(7), ["22 Oct", "24 Oct", "26 Oct"]);
    assert_eq!(labels(365), ["Jan 2027", "Apr 2027", "Jul 2027", "Oct 2027"]);
    assert_eq!(labels(1)[0], "21 Oct");
}

#[test]
fn a_chart_has_at_most_six_lines() {
    let curves: Vec<Points> = (0..9).flat_map(|_| points(vec![bucket(0, 1.0), bucket(1, 2.0)])).collect();
    let chart = canvas(&TimeZone::UTC, &[]).lines("voltage", "Voltage", Unit::Volt, &curves, false);
    assert_eq!(chart.lines.len(), LINES_MAX);
    assert!(chart.lines.iter().all(|line| line.band.is_empty()), "bands of many lines hide each other");
}

proptest! {
    #[test]
    fn any_values_have_three_to_five_ticks_that_enclose_them(one in -1e9..1e9_f64, other in -1e9..1e9_f64) {
        let (low, high) = (one.min(other), one.max(other));
        let found = value_ticks(low, high);
        prop_assert!((2..=5).contains(&found.ticks.len()), "{found:?}");
        prop_assert!(found.low <= low && high <= found.high, "{low} {high} {found:?}");
        prop_assert!(found.high > found.low);
    }

    #[test]
    fn any_span_has_at_most_five_ticks_within_it(from in 0..4_000_000_000_i64, seconds in 1..400_000_000_i64) {
        let from = UnixNanos(from * 1_000_000_000);
        let span = Span { from, until: from.saturating_add(seconds * 1_000_000_000) };
        let found = time_ticks(span, &TimeZone::get("Europe/Zurich").unwrap());
        prop_assert!(found.len() <= 5);
        prop_assert!(found.windows(2).all(|pair| pair[0].share < pair[1].share));
        prop_assert!(seconds < 600 || !found.is_empty(), "{found:?}");
    }

    #[test]
    fn any_curve_stays_within_the_plot(values in prop::collection::vec((-100..1_000_i64, -1e7..1e7_f64), 0..50)) {
        let mut buckets: Vec<Bucket> = values.into_iter().map(|(minute, value)| bucket(minute, value)).collect();
        buckets.sort_by_key(|bucket| bucket.start);
        let chart = canvas(&TimeZone::UTC, &[]).lines("rate", "Power", Unit::Watt, &points(buckets), true);
        for pair in chart.lines[0].solid.split(['M', 'L']).filter(|pair| !pair.is_empty()) {
            let (x, y) = pair.split_once(' ').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            prop_assert!((0.0..=WIDTH).contains(&x) && (-0.05..=HEIGHT + 0.05).contains(&y), "{pair}");
        }
    }
}
