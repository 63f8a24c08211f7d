//! Generated telegrams as the oracle, and arbitrary bytes.

use super::*;
use proptest::prelude::*;

/// A register, its value in thousandths of the printed unit, and how it is printed.
fn register() -> impl Strategy<Value = (&'static str, u32, &'static str, f64)> {
    let registers = prop::sample::select(vec![
        ("1-0:1.8.1", "kWh", 1.0),
        ("1-0:2.8.2", "kWh", 1.0),
        ("1-0:1.7.0", "kW", 1.0),
        ("1-0:32.7.0", "V", 1e-3),
        ("1-0:71.7.0", "A", 1e-3),
        ("1-0:3.8.0", "kvarh", 1.0),
        ("1-0:9.7.0", "kVA", 1.0),
    ]);
    (registers, 0..1_000_000_000_u32).prop_map(|((code, unit, factor), thousandths)| (code, thousandths, unit, factor))
}

proptest! {
    #[test]
    fn a_generated_telegram_gives_its_values_and_its_time(
        registers in prop::collection::vec(register(), 0..20),
        seconds in 946_684_800_i64..4_000_000_000,
        summer: bool,
        star in prop::sample::select(vec!["*", ""]),
    ) {
        prop_assume!((978_307_200 + 86_400..3_155_760_000).contains(&seconds));
        let local = jiff::Timestamp::from_second(seconds + if summer { 7200 } else { 3600 }).unwrap();
        let stamp = local.strftime("%y%m%d%H%M%S").to_string() + if summer { "S" } else { "W" };
        let mut lines = vec!["/XYZ5METER".to_owned(), String::new(), format!("0-0:1.0.0({stamp})")];
        let mut expected = Vec::new();
        for (code, thousandths, unit, factor) in &registers {
            lines.push(format!("{code}({:06}.{:03}{star}{unit})", thousandths / 1000, thousandths % 1000));
            let value = if *factor == 1.0 { f64::from(*thousandths) } else { f64::from(*thousandths) / 1000.0 };
            expected.push((code.parse().unwrap(), value));
        }
        let bytes = telegram(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let Some((_, Frame::Telegram(telegram), _)) = next_frame(&bytes, false) else { panic!("no telegram") };
        prop_assert_eq!(telegram.checksum(), Checksum::Right);
        let mut found = Vec::new();
        telegram.visit(|part| match part {
            Part::Value(value) if !value.raw_code.contains('+') => {
                assert_eq!(value.at, At::Time(at(&jiff::Timestamp::from_second(seconds).unwrap().to_string())));
                found.push((value.obis, value.value));
            }
            Part::Value(_) => {}
            other => panic!("{other:?}"),
        });
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn any_bytes_are_split_into_frames_that_cover_them(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        check(&bytes);
    }

    #[test]
    fn a_damaged_telegram_never_panics_and_stays_within_its_bytes(
        changes in prop::collection::vec((0_usize..400, any::<u8>()), 0..6),
    ) {
        let mut bytes = telegram(&[
            "/XYZ5METER", "", "1-3:0.2.8(50)", "0-0:1.0.0(260315120000W)", "0-0:96.1.1(4530)", "1-0:1.8.1(1*kWh)",
            "1-0:1.8.2(2*kWh)", "1-0:99.97.0(1)(0-0:96.7.19)(200210104719W)(0000014540*s)",
            "0-0:98.1.0(1)(1-0:1.6.0)(1-0:1.6.0)(260201000000W)(260117191530W)(04.329*kW)", "0-1:24.1.0(3)",
            "0-1:24.3.0(260315110000)(2C)(60)(1)(0-1:24.2.1)(m3)", "(00012.345)",
        ]);
        for (place, byte) in changes {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        check(&bytes);
    }
}

/// Every frame ends after it begins, and every part lies within its frame.
fn check(bytes: &[u8]) {
    let mut rest = bytes;
    while let Some((start, frame, end)) = next_frame(rest, true) {
        assert!(start < end && end <= rest.len());
        if let Frame::Telegram(telegram) = frame {
            let _ = telegram.ids().native_id("1");
            telegram.visit(|_| {});
        }
        rest = &rest[end..];
    }
}
