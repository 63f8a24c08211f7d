//! Generated telegrams as the oracle, and arbitrary bytes.

use super::*;
use crate::reading::Obis;
use proptest::prelude::*;

/// How a telegram is written: head, summer offset of its country, checksum, line ends.
#[derive(Debug, Clone, Copy)]
struct Dialect {
    head: &'static str,
    /// Nordic meters have no empty line after the head.
    has_empty_line: bool,
    winter_hours: i64,
    version: &'static str,
    clock: &'static str,
    checksum: Written,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Written {
    Upper,
    Lower,
    /// Without leading zeros.
    Unpadded,
    None,
    /// A text file without carriage returns.
    LineFeeds,
}

fn dialect() -> impl Strategy<Value = Dialect> {
    let maker = prop::sample::select(vec![
        ("/XYZ5METER", true, 1, "1-3:0.2.8(50)", "0-0:1.0.0"),
        ("/FLU5\\253770234_A", true, 1, "0-0:96.1.4(50217)", "0-0:1.0.0"),
        ("/ADN9 6534", false, 1, "0-0:96.1.9(1)", "0-0:1.0.0"),
        ("/EST5\\253710000_A", true, 1, "1-3:0.2.8(50)", "0-0:1.0.0"),
        ("/ESO5\\KAIFA", true, 2, "0-0:96.1.9(1)", "0-0:1.0.0"),
        ("/GRE5XT211", true, 1, "0-0:98.1.0(0)(garbage)", "0-0:1.0.0"),
        ("/ISk5=2MIE5T-200", true, 1, "0-0:96.1.9(1)", "0-0:1.0.0"),
        ("/ISk5\u{2}MIE5T-200", true, 1, "0-0:96.1.9(1)", "0-0:1.0.0"),
        ("/KAM5", true, 1, "1-1:0.0.5(5706567)", "0-1:1.0.0"),
        ("/NES5:83332-3:v1.0", true, 1, "0-0:96.1.9(1)", "0-0:1.0.0"),
        ("/NWA-WARMTELINK", true, 1, "0-0:96.1.9(1)", "0-0:1.1.0"),
    ]);
    let written = prop::sample::select(vec![
        Written::Upper,
        Written::Lower,
        Written::Unpadded,
        Written::None,
        Written::LineFeeds,
    ]);
    (maker, written).prop_map(|((head, has_empty_line, winter_hours, version, clock), checksum)| Dialect {
        head,
        has_empty_line,
        winter_hours,
        version,
        clock,
        checksum,
    })
}

impl Dialect {
    fn telegram(self, lines: &[String]) -> Vec<u8> {
        let mut all = vec![self.head];
        all.extend(self.has_empty_line.then_some(""));
        all.push(self.version);
        all.extend(lines.iter().map(String::as_str));
        let upper = String::from_utf8(telegram(&all)).unwrap();
        let (text, checksum) = upper.rsplit_once('!').unwrap();
        let checksum = checksum.trim_end();
        let written = match self.checksum {
            Written::Upper | Written::LineFeeds => checksum.to_owned(),
            Written::Lower => checksum.to_lowercase(),
            Written::Unpadded => format!("{:X}", u16::from_str_radix(checksum, 16).unwrap()),
            Written::None => String::new(),
        };
        let whole = format!("{text}!{written}\r\n");
        if self.checksum == Written::LineFeeds { whole.replace('\r', "") } else { whole }.into_bytes()
    }

    /// The stamp of a time.
    fn stamp(self, seconds: i64, is_summer: bool) -> String {
        let hours = self.winter_hours + i64::from(is_summer);
        let local = jiff::Timestamp::from_second(seconds + 3600 * hours).unwrap();
        local.strftime("%y%m%d%H%M%S").to_string() + if is_summer { "S" } else { "W" }
    }
}

/// A register, its value in thousandths of the printed unit, the unit, and its factor to the base unit.
fn register() -> impl Strategy<Value = (&'static str, u32, &'static str, f64)> {
    let registers = prop::sample::select(vec![
        ("1-0:1.8.1", "kWh", 1e3),
        ("1-0:1.8.0*255", "Wh", 1.0),
        ("1-0:2.8.2", "MWh", 1e6),
        ("1-1:1.8.0", "KWH", 1e3),
        ("1-0:1.7.0", "kW", 1e3),
        ("1-0:16.24.0", "kW", 1e3),
        ("1-0:32.7.0", "V", 1.0),
        ("1-0:52.7.0", "kV", 1e3),
        ("1-0:71.7.0", "mA", 1e-3),
        ("1-0:3.8.0", "kvarh", 1e3),
        ("1-0:4.7.0", "kVAr", 1e3),
        ("1-0:23.7.0", "VAr", 1.0),
        ("1-0:9.7.0", "kVA", 1e3),
        ("1-0:14.7.0", "kHz", 1e3),
    ]);
    (registers, 0..1_000_000_000_u32).prop_map(|((code, unit, factor), thousandths)| (code, thousandths, unit, factor))
}

/// A place on the M-Bus.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// A device with its kind, code, unit, register, and the factor of thousandths to the base unit.
    Counter(u8, &'static str, &'static str, &'static str, f64),
    /// Gas in the form of DSMR 2.2 and 3: the value without a unit, in the next line or in the same.
    OldGas(&'static str),
    /// The groups of a device that was never read.
    Empty(&'static str),
}

impl Place {
    /// The kind of the device and its line, and its value with time and register if it has one.
    fn written(
        self,
        dialect: Dialect,
        number: u8,
        thousandths: u32,
        (seconds, is_summer): (i64, bool),
    ) -> (u8, String, Option<(At, &'static str, f64)>) {
        let digits = format!("{:05}.{:03}", thousandths / 1000, thousandths % 1000);
        match self {
            Self::Counter(kind, code, unit, obis, factor) => {
                let line = format!("0-{number}:{code}({})({digits}*{unit})", dialect.stamp(seconds, is_summer));
                let time = At::Time(at(&jiff::Timestamp::from_second(seconds).unwrap().to_string()));
                (kind, line, Some((time, obis, f64::from(thousandths) * factor)))
            }
            Self::OldGas(end) => {
                // Before all telegrams, in winter: it has no letter.
                let noon = at("2009-01-15T12:00:00Z").saturating_add(-dialect.winter_hours * 3_600_000_000_000);
                let groups = format!("(090115120000)(2C)(60)(1)(0-{number}:24.2.1)(m3){end}({digits})");
                let value = (At::Time(noon), "7-0:3.0.0", f64::from(thousandths) * 1e-3);
                (3, format!("0-{number}:24.3.0{groups}"), Some(value))
            }
            Self::Empty(groups) => (3, format!("0-{number}:24.2.1{groups}"), None),
        }
    }
}

fn place() -> impl Strategy<Value = Place> {
    prop::sample::select(vec![
        Place::Counter(3, "24.2.1", "m3", "7-0:3.0.0", 1e-3),
        Place::Counter(3, "24.2.3", "m3", "7-0:3.0.0", 1e-3),
        Place::Counter(7, "24.2.1", "m3", "8-0:1.0.0", 1e-3),
        Place::Counter(6, "24.2.1", "m3", "9-0:1.0.0", 1e-3),
        Place::Counter(4, "24.2.1", "GJ", "6-0:1.0.0", 1e6 / 3600.0),
        Place::Counter(12, "24.2.1", "m3", "6-0:2.0.0", 1e-3),
        Place::Counter(2, "24.2.1", "kWh", "1-0:1.8.0", 1.0),
        Place::OldGas("\r\n"),
        Place::OldGas(""),
        Place::Empty("(700101010000W)(00000000)"),
        Place::Empty("(000101000000W)(00000000.0000)"),
        Place::Empty("(700101010000W)(00000.000*m3)"),
        Place::Empty("()"),
    ])
}

/// The entries of a failure log: a failure with or without its unit, or a filler.
fn failure() -> impl Strategy<Value = (&'static str, i64, u32)> {
    let form = prop::sample::select(vec!["*s", "", "(000101000001W)(2147483647*s)", "(000000000000W)(00000000)"]);
    (form, 86_400_i64..100_000_000, 1..1_000_000_u32)
}

/// A piece of a stream before a telegram.
#[derive(Debug, Clone, Copy)]
enum Before {
    Whole,
    /// A telegram that lost its end.
    Cut(prop::sample::Index),
    /// A telegram with another byte.
    Changed(prop::sample::Index),
    /// The end of a telegram.
    End,
}

fn before() -> impl Strategy<Value = Before> {
    prop_oneof![
        Just(Before::Whole),
        any::<prop::sample::Index>().prop_map(Before::Cut),
        any::<prop::sample::Index>().prop_map(Before::Changed),
        Just(Before::End),
    ]
}

/// A stream that ends in the telegram, and how often the telegram is whole in it.
fn stream(pieces: &[Before], telegram: &[u8]) -> (Vec<u8>, usize) {
    let (mut stream, mut whole) = (Vec::new(), 1);
    // A head without a digit may be the rest of a head that was cut.
    let head = if telegram[4].is_ascii_digit() { 0 } else { telegram.iter().position(|it| *it == b'\n').unwrap() };
    for piece in pieces {
        match piece {
            Before::Whole => {
                stream.extend_from_slice(telegram);
                whole += 1;
            }
            Before::Cut(at) => stream.extend_from_slice(&telegram[..=head + at.index(telegram.len() / 2 - head)]),
            Before::Changed(at) => {
                let at = stream.len() + at.index(telegram.len() / 2);
                stream.extend_from_slice(telegram);
                stream[at] = b'#';
            }
            Before::End => stream.extend_from_slice(b"0.7.0(00.000*kW)\r\n!1234\r\n"),
        }
    }
    stream.extend_from_slice(telegram);
    (stream, whole)
}

/// Whether two numbers are equal within a few roundings.
fn is_near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= expected.abs() * 4.0 * f64::EPSILON
}

proptest! {
    #[test]
    fn a_generated_telegram_of_any_dialect_gives_its_values_and_its_times(
        dialect in dialect(),
        registers in prop::collection::vec(register(), 0..20),
        places in prop::collection::vec((place(), 0..100_000_000_u32, 0_i64..86_400), 0..8),
        failures in prop::collection::vec(failure(), 0..4),
        pieces in prop::collection::vec(before(), 0..4),
        seconds in 1_262_304_000_i64..3_155_000_000,
        is_summer: bool,
        star in prop::sample::select(vec!["*", "", " * "]),
    ) {
        let now = At::Time(at(&jiff::Timestamp::from_second(seconds).unwrap().to_string()));
        let mut lines = vec![format!("{}({})", dialect.clock, dialect.stamp(seconds, is_summer))];
        let mut expected: Vec<(String, At, Obis, f64)> = Vec::new();
        for (code, thousandths, unit, factor) in &registers {
            lines.push(format!("{code}({:06}.{:03}{star}{unit})", thousandths / 1000, thousandths % 1000));
            expected.push((String::new(), now, code.parse().unwrap(), f64::from(*thousandths) / 1000.0 * factor));
        }
        let mut log = format!("1-0:99.97.0({})(0-0:96.7.19)", failures.len());
        for (form, ago, duration) in &failures {
            if form.starts_with('(') {
                log += form;
                continue;
            }
            let end = seconds - ago;
            log += &format!("({})({duration:010}{form})", dialect.stamp(end, false));
            let end = At::Time(at(&jiff::Timestamp::from_second(end).unwrap().to_string()));
            expected.push((String::new(), end, "0-0:96.7.19".parse().unwrap(), f64::from(*duration)));
        }
        lines.push(log);
        for (number, (place, thousandths, ago)) in (1_u8..).zip(&places) {
            let (kind, counter, value) = place.written(dialect, number, *thousandths, (seconds - ago, is_summer));
            expected.extend(value.map(|(time, obis, value)| (number.to_string(), time, obis.parse().unwrap(), value)));
            // The kind may stand behind the counter.
            let described = format!("0-{number}:24.1.0({kind:03})");
            lines.extend(if thousandths % 2 == 0 { [described, counter] } else { [counter, described] });
        }
        let bytes = dialect.telegram(&lines);
        let (stream, whole) = stream(&pieces, &bytes);
        let text = &bytes[..=bytes.iter().rposition(|byte| *byte == b'!').unwrap()];
        let found = frames(&stream);
        let is_whole = |frame: &&Frame<'_>| matches!(frame, Frame::Telegram(telegram) if telegram.bytes() == text);
        prop_assert_eq!(found.iter().filter(is_whole).count(), whole, "{:?}", found);
        let Some(Frame::Telegram(telegram)) = found.last() else { panic!("no telegram: {found:?}") };
        let checksum = if dialect.checksum == Written::None { Checksum::Missing } else { Checksum::Right };
        prop_assert_eq!(telegram.checksum(), checksum);
        let mut found = Vec::new();
        telegram.visit(|part| match part {
            Part::Value(value) if !value.raw_code.contains('+') => {
                found.push((value.channel.into_owned(), value.at, value.obis, value.value));
            }
            Part::Value(_) | Part::Text { .. } => {}
            other => panic!("{other:?}"),
        });
        prop_assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            prop_assert_eq!((&found.0, found.1, found.2), (&expected.0, expected.1, expected.2));
            prop_assert!(is_near(found.3, expected.3), "{:?} instead of {:?}", found, expected);
        }
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
            telegram.nameplate();
            telegram.visit(|_| {});
        }
        rest = &rest[end..];
    }
}
