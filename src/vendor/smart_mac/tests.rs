//! The vendor's own examples, and what devices send beside them.

use super::*;
use crate::vendor::lines::line;
use proptest::prelude::*;

fn parts(text: &str, options: &Options) -> Result<(Vec<String>, Message), MessageError> {
    let mut lines = Vec::new();
    let message = read(text.as_bytes(), options, |part| lines.push(line(&part)))?;
    Ok((lines, message))
}

fn lines(text: &str) -> Vec<String> {
    parts(text, &Options::default()).unwrap().0
}

/// A message with these records, each `key:value`.
fn message(records: &str) -> String {
    let records: Vec<String> = records
        .split(' ')
        .filter_map(|record| record.split_once(':'))
        .map(|(key, value)| format!(r#""{key}":{{"name":"n","unit":"u","value":"{value}"}}"#))
        .collect();
    format!(r#"{{"devid":"1728053249","time":"1530607456","pout":"0","data":{{{}}}}}"#, records.join(","))
}

const AT: &str = "2018-07-03T08:44:16Z";

/// The example of the vendor's article, "API Interface for devices": line breaks stand raw within texts.
const EXAMPLE: &str = include_str!("../../../tests/fixtures/smart-mac/getdata.json");

#[test]
fn the_vendors_example_is_read_after_its_line_breaks_are_replaced() {
    let (lines, message) = parts(EXAMPLE, &Options::default()).unwrap();
    assert_eq!(message, Message { device: Some("1728053249".to_owned()), was_repaired: true, model: Some("D103") });
    let expected = [
        "0-0:96.3.10*255 0  < pout",
        "1-0:32.7.0*255 220.89 V < V1",
        "1-0:31.7.0*255 2.78 A < A1",
        "1-0:21.7.0*255 586 W < W1",
        "1-0:22.7.0*255 0 W < rW1",
        "1-0:21.8.0*255 33549075 Wh < Wh1",
        "1-0:22.8.0*255 0 Wh < rWh1",
        "1-0:33.7.0*255 0.94  < PF1",
        "1-0:52.7.0*255 213.4 V < V2",
        "1-0:51.7.0*255 0.34 A < A2",
        "1-0:41.7.0*255 30 W < W2",
        "1-0:42.7.0*255 0 W < rW2",
        "1-0:41.8.0*255 4831905 Wh < Wh2",
        "1-0:42.8.0*255 0 Wh < rWh2",
        "1-0:53.7.0*255 0.42  < PF2",
        "1-0:72.7.0*255 218.59 V < V3",
        "1-0:71.7.0*255 0.28 A < A3",
        "1-0:61.7.0*255 37 W < W3",
        "1-0:62.7.0*255 0 W < rW3",
        "1-0:61.8.0*255 6710742 Wh < Wh3",
        "1-0:62.8.0*255 0 Wh < rWh3",
        "1-0:73.7.0*255 0.6  < PF3",
        "0-0:96.9.0*255 14 degC < T",
    ];
    assert_eq!(lines, expected.map(|line| format!("{AT} {line}")));
}

#[test]
fn line_breaks_in_another_form_need_no_repair() {
    for line_break in ["<br>", r"\n", "&lt;br&gt;"] {
        let text = EXAMPLE.trim_end().replace("\"\n\"", &format!("\"{line_break}\""));
        let (lines, message) = parts(&text, &Options::default()).unwrap();
        assert_eq!((lines.len(), message.was_repaired), (23, false), "{line_break}");
    }
}

#[test]
fn one_phase_has_the_codes_of_the_sum_and_of_l1() {
    let text = message("V:229.4 A:1.31 W:288 rW:0 Wh:1234 rWh:5 PF:0.96 T:31");
    let expected = [
        "0-0:96.3.10*255 0  < pout",
        "1-0:32.7.0*255 229.4 V < V",
        "1-0:31.7.0*255 1.31 A < A",
        "1-0:1.7.0*255 288 W < W",
        "1-0:2.7.0*255 0 W < rW",
        "1-0:1.8.0*255 1234 Wh < Wh",
        "1-0:2.8.0*255 5 Wh < rWh",
        "1-0:13.7.0*255 0.96  < PF",
        "0-0:96.9.0*255 31 degC < T",
    ];
    assert_eq!(lines(&text), expected.map(|line| format!("{AT} {line}")));
}

#[test]
fn newer_devices_send_totals_and_frequencies() {
    let text = message("W1:1 W2:2 W3:3 Fr1:50.01 Fr3:49.99 A:6.5 W:6 TWh:7000 V2:0");
    let expected = [
        "0-0:96.3.10*255 0  < pout",
        "1-0:21.7.0*255 1 W < W1",
        "1-0:41.7.0*255 2 W < W2",
        "1-0:61.7.0*255 3 W < W3",
        "1-0:34.7.0*255 50.01 Hz < Fr1",
        "1-0:74.7.0*255 49.99 Hz < Fr3",
        "1-0:90.7.0*255 6.5 A < A",
        "1-0:1.7.0*255 6 W < W",
        "1-0:1.8.0*255 7000 Wh < TWh",
        "1-0:52.7.0*255 0 V < V2",
    ];
    assert_eq!(lines(&text), expected.map(|line| format!("{AT} {line}")), "a 0 that is there is a value");
}

#[test]
fn three_lines_of_one_phase_are_three_meters_and_have_no_total() {
    let options = Options { wiring: Wiring::Lines, ..Options::default() };
    let text = message("V1:230 W1:10 Wh1:100 A2:1 PF3:0.5 W:60 TWh:600 T:20");
    let (lines, _) = parts(&text, &options).unwrap();
    let expected = [
        "0-0:96.3.10*255 0  < pout",
        "1-0:32.7.0*255 230 V < V1",
        "1-0:1.7.0*255 10 W < W1",
        "1-0:1.8.0*255 100 Wh < Wh1",
        "1-0:31.7.0*255 1 A < A2",
        "1-0:13.7.0*255 0.5  < PF3",
        "text W 60",
        "text TWh 600",
        "0-0:96.9.0*255 20 degC < T",
    ];
    let channel =
        ["", "channel line1 ", "channel line1 ", "channel line1 ", "channel line2 ", "channel line3 ", "", "", ""];
    let expected = expected.iter().zip(channel).map(|(line, channel)| match line.strip_prefix("text") {
        Some(_) => (*line).to_owned(),
        None => format!("{channel}{AT} {line}"),
    });
    assert_eq!(lines, expected.collect::<Vec<_>>());
}

#[test]
fn a_total_is_made_only_if_configured_and_only_of_all_three_lines() {
    let sum = Options { sum: true, ..Options::default() };
    let totals = |records: &str, options: &Options| {
        let (lines, _) = parts(&message(records), options).unwrap();
        lines
            .into_iter()
            .filter_map(|line| line.strip_prefix(AT).map(str::to_owned))
            .filter(|line| line.contains('+'))
            .collect::<Vec<_>>()
    };
    let all = "W1:1 W2:2 W3:3 Wh1:10 Wh2:20 Wh3:30";
    assert_eq!(totals(all, &Options::default()), Vec::<String>::new());
    assert_eq!(totals(all, &sum), [" 1-0:1.7.0*255 6 W < W1+W2+W3", " 1-0:1.8.0*255 60 Wh < Wh1+Wh2+Wh3"]);
    assert_eq!(totals("W1:1 W3:3 Wh1:10 Wh2:20 Wh3:x", &sum), Vec::<String>::new());
    assert_eq!(totals("W1:1 W2:2 W3:3 W:6 Wh1:1 Wh2:2 Wh3:3 TWh:6", &sum), Vec::<String>::new());
}

#[test]
fn pulses_have_the_users_factor_and_medium() {
    let pulses = message("Ch1:3 TCh1:12345 TCh2:500 T1:21.5 T5:-3 T6:1 ADC:2.5");
    let expected = [
        "0-0:96.3.10*255 0  < pout",
        "text Ch1 3",
        "1-1:82.8.0*255 12345  < TCh1",
        "1-2:82.8.0*255 500  < TCh2",
        "0-1:96.9.0*255 21.5 degC < T1",
        "0-5:96.9.0*255 -3 degC < T5",
        "text T6 1",
        "0-0:128.11.0*255 2.5 ? < ADC",
    ];
    let with_time = |line: &str| if line.starts_with("text") { line.to_owned() } else { format!("{AT} {line}") };
    assert_eq!(lines(&pulses), expected.map(with_time));
    for (medium, pulses_per_unit, expected) in [
        (Medium::Gas, 100.0, "7-0:3.0.0*255 123.45 m3"),
        (Medium::ColdWater, 1000.0, "8-0:1.0.0*255 12.345 m3"),
        (Medium::HotWater, 10.0, "9-0:1.0.0*255 1234.5 m3"),
        (Medium::Heat, 1.0, "6-0:1.0.0*255 12345000 Wh"),
        (Medium::Electricity, 1000.0, "1-0:1.8.0*255 12345 Wh"),
    ] {
        let options = Options { inputs: [Some(Input { medium, pulses_per_unit }), None], ..Options::default() };
        let (lines, _) = parts(&message("TCh1:12345"), &options).unwrap();
        assert_eq!(lines[1..], [format!("channel input1 {AT} {expected} < TCh1")]);
    }
    let zero =
        Options { inputs: [Some(Input { medium: Medium::Gas, pulses_per_unit: 0.0 }), None], ..Options::default() };
    assert_eq!(parts(&message("TCh1:12345"), &zero).unwrap().0[1..], ["text TCh1 12345"]);
}

#[test]
fn the_analog_input_has_the_users_factor_and_unit_in_every_form() {
    for (unit, factor, expected) in [
        ("bar", 0.25, "0-0:128.11.1*255 12800000 Pa"),
        ("mbar", 1.0, "0-0:128.11.1*255 51200 Pa"),
        ("cm", 0.5, "0-0:128.11.2*255 2.56 m"),
        ("mV", 1.0, "0-0:128.11.3*255 0.512 V"),
        ("mA", 1.0, "0-0:128.11.4*255 0.512 A"),
        ("°C", 0.25, "0-0:128.11.5*255 128 degC"),
        ("l/h", 1.0, "0-0:128.11.6*255 0.512 m3/h"),
        ("%", 0.125, "0-0:128.11.7*255 0.64 "),
    ] {
        let options = Options { analog: Analog::new(unit, factor), ..Options::default() };
        assert_eq!(parts(&message("ADC:512"), &options).unwrap().0[1..], [format!("{AT} {expected} < ADC")], "{unit}");
        let mut found = Vec::new();
        read_flat(br#"{"time":1530607456,"ADC":512}"#, &options, |part| found.push(line(&part))).unwrap();
        read_single("ADC", b"512", &options, None, |part| found.push(line(&part)));
        let rows = br#"[{"TIME":1530607456,"ADC":512}]"#;
        read_rows(rows, Period::Minute, &options, |_, part| found.push(line(&part))).unwrap();
        let of_receipt = format!("receipt {expected} [time-is-receive-time] < ADC");
        let same = format!("{AT} {expected} < ADC");
        assert_eq!(found, [same.clone(), of_receipt, same], "{unit}");
    }
    for (unit, factor) in
        [("", 1.0), ("psi", 1.0), ("kWh", 1.0), ("bar", 0.0), ("bar", f64::NAN), ("bar", f64::INFINITY)]
    {
        assert_eq!(Analog::new(unit, factor), None, "{unit} {factor}");
    }
}

#[test]
fn blanks_are_removed_and_absent_values_give_nothing() {
    let text = r#"{"devid":"1","time":1530607456,"powset":"7","apikey":"s3cret","PIN":"0123","data":{
        "Wh1":{"name":"Energy","unit":"Wh","value":"33 549 075"},"Wh2":{"name":"Energy","value":"4 831\u00a0905"},
        "W1":{"name":"Power","unit":"W"},"W2":{"value":""},"W3":{"value":null},"V1":{"value":"n/a"},"br0":{"name":"x"},
        "A1":{"value":0},"odd":[1]}}"#;
    assert_eq!(
        lines(text),
        [
            "text powset 7".to_owned(),
            "unreadable odd: [1]: the record is not an object".to_owned(),
            format!("{AT} 1-0:21.8.0*255 33549075 Wh < Wh1"),
            format!("{AT} 1-0:41.8.0*255 4831905 Wh < Wh2"),
            "unreadable V1: n/a: the value is not a number".to_owned(),
            format!("{AT} 1-0:31.7.0*255 0 A < A1"),
        ]
    );
}

#[test]
fn a_clock_that_was_never_set_gives_the_receive_time() {
    for time in [r#""0""#, "0", r#""86400""#, "null", r#""soon""#, "99999999999999"] {
        let text = format!(r#"{{"devid":"1","time":{time},"data":{{"W":{{"value":"1"}}}}}}"#);
        assert_eq!(lines(&text), ["receipt 1-0:1.7.0*255 1 W [time-is-receive-time] < W"], "{time}");
    }
}

#[test]
fn another_body_is_an_error_that_says_why() {
    let error = |text: &str| parts(text, &Options::default()).unwrap_err();
    assert_eq!(error("\r\n<html><title>MAIC Login</title>"), MessageError::WebPage);
    assert_eq!(error(r#"{"devid":"1"}"#), MessageError::Shape("an object with data"));
    assert_eq!(error("[]"), MessageError::Shape("a JSON object"));
    assert!(matches!(error(&EXAMPLE[..900]), MessageError::Json(_)));
}

#[test]
fn bytes_that_are_not_utf_8_cost_their_character_alone() {
    let mut lines = Vec::new();
    let text = b"{\"devid\":\"1\",\"time\":1530607456,\"data\":{\"T\":{\"unit\":\"\xb0C\",\"value\":\"14\"}}}";
    let message = read(text, &Options::default(), |part| lines.push(line(&part))).unwrap();
    assert!(message.was_repaired);
    assert_eq!(lines, [format!("{AT} 0-0:96.9.0*255 14 degC < T")]);
}

#[test]
fn rows_of_the_cloud_have_their_own_times_and_rows_of_an_hour_only_counters() {
    let rows = |text: &str, period| {
        let mut lines = Vec::new();
        read_rows(text.as_bytes(), period, &Options::default(), |_, part| lines.push(line(&part))).map(|()| lines)
    };
    let text = r#"[{"ID":1728053249,"TIME":1530607456,"STAT":0,"V1":237.81,"A1":0,"W1":270,"Wh1":2099565,"PF1":0,"T":39},
        {"TIME":0,"W":1},7]"#;
    let minute = [
        "text STAT 0".to_owned(),
        format!("{AT} 1-0:32.7.0*255 237.81 V < V1"),
        format!("{AT} 1-0:31.7.0*255 0 A < A1"),
        format!("{AT} 1-0:21.7.0*255 270 W < W1"),
        format!("{AT} 1-0:21.8.0*255 2099565 Wh < Wh1"),
        format!("{AT} 1-0:33.7.0*255 0  < PF1"),
        format!("{AT} 0-0:96.9.0*255 39 degC < T"),
        r#"unreadable row: {"TIME":0,"W":1}: the row has no time"#.to_owned(),
        "unreadable row: 7: the row is not an object".to_owned(),
    ];
    assert_eq!(rows(text, Period::Minute).unwrap(), minute);
    let hour = rows(text, Period::Hour).unwrap();
    assert_eq!(hour.iter().filter(|line| line.starts_with(AT)).collect::<Vec<_>>(), [&minute[4]]);
    assert!(hour.contains(&"text W1 270".to_owned()), "{hour:?}");
    assert_eq!(rows("[]", Period::Hour), Ok(vec![]), "no data");
    assert_eq!(rows(r#"{"error":"wrong key"}"#, Period::Hour), Err(MessageError::Device("wrong key".to_owned())));
    assert_eq!(rows("<html>", Period::Minute), Err(MessageError::WebPage));
}

proptest! {
    #[test]
    fn no_body_panics_and_every_value_is_finite(
        bytes in any::<Vec<u8>>(),
        key in "[VAWrWhPFrTCDO]{1,3}[0-9]?|.{0,5}",
        value in "-?[0-9 ]{0,30}(\\.[0-9]{1,5})?(e[0-9]{1,3})?",
        sum: bool,
    ) {
        let options = Options {
            wiring: if sum { Wiring::Phases } else { Wiring::Lines },
            sum,
            inputs: [Some(Input { medium: Medium::Gas, pulses_per_unit: 1e-3 }), None],
            analog: Analog::new("bar", 1e-3),
        };
        let key = key.replace(['"', '\\'], "");
        let text = format!(r#"{{"time":"{value}","data":{{"{key}":{{"value":"{value}"}},"V1":{{"value":"{value}"}}}}}}"#);
        let rows = format!(r#"[{{"TIME":1530607456,"{key}":"{value}"}}]"#);
        let check = |part: Part<'_>| if let Part::Value(value) = part { assert!(value.value.is_finite()) };
        for bytes in [&bytes, text.as_bytes(), rows.as_bytes()] {
            read(bytes, &options, check).ok();
            read_rows(bytes, Period::Minute, &options, |_, part| check(part)).ok();
        }
    }
}

#[test]
fn the_keys_name_the_model_and_the_configuration_the_medium() {
    for (records, model) in [
        ("V:229.4 W:288", Some("D101")),
        ("V1:229.4 W:288", Some("D103")),
        ("TCh1:10 T1:20", Some("D105")),
        ("T:20", None),
    ] {
        assert_eq!(parts(&message(records), &Options::default()).unwrap().1.model, model, "{records}");
    }
    let input = Input { medium: Medium::ColdWater, pulses_per_unit: 100.0 };
    let options = Options { inputs: [Some(input), None], ..Options::default() };
    let media = ["", "line2", "input1", "input2"].map(|channel| options.medium(channel).map(Medium::label));
    assert_eq!(media, [None, Some("electricity"), Some("cold water"), None]);
}
