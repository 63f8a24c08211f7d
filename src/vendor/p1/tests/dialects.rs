//! The lines of every country and maker that the facts name.

use super::*;

#[test]
fn a_telegram_of_dsmr_5_is_read_to_the_digit() {
    let bytes = telegram(&[
        "/XYZ5\\253833635_A",
        "",
        "1-3:0.2.8(50)",
        "0-0:1.0.0(260704132030S)",
        "0-0:96.1.1(4530303433303036393938373635343137)",
        "1-0:1.8.1(004491.266*kWh)",
        "1-0:1.8.2(006065.310*kWh)",
        "1-0:2.8.1(000788.990*kWh)",
        "1-0:2.8.2(001809.893*kWh)",
        "0-0:96.14.0(0002)",
        "1-0:1.7.0(00.037*kW)",
        "0-0:96.7.21(00011)",
        "0-0:96.7.9(00001)",
        "1-0:99.97.0(1)(0-0:96.7.19)(200210104719W)(0000014540*s)",
        "1-0:32.32.0(00010)",
        "1-0:72.36.0(00000)",
        "0-0:96.13.0()",
        "1-0:32.7.0(238.0*V)",
        "1-0:31.7.0(002*A)",
        "1-0:21.7.0(00.598*kW)",
        "0-1:24.1.0(003)",
        "0-1:96.1.0(4730303339303031363532303530323136)",
        "0-1:24.2.1(260704132007S)(03845.376*m3)",
    ]);
    assert_eq!(
        values(&bytes),
        [
            "2026-07-04T11:20:30Z 1-0:1.8.1*255 4491266 Wh",
            "2026-07-04T11:20:30Z 1-0:1.8.2*255 6065310 Wh",
            "2026-07-04T11:20:30Z 1-0:2.8.1*255 788990 Wh",
            "2026-07-04T11:20:30Z 1-0:2.8.2*255 1809893 Wh",
            "2026-07-04T11:20:30Z 0-0:96.14.0*255 2 ",
            "2026-07-04T11:20:30Z 1-0:1.7.0*255 37 W",
            "2026-07-04T11:20:30Z 0-0:96.7.21*255 11 ",
            "2026-07-04T11:20:30Z 0-0:96.7.9*255 1 ",
            "2020-02-10T09:47:19Z 0-0:96.7.19*255 14540 s",
            "2026-07-04T11:20:30Z 1-0:32.32.0*255 10 ",
            "2026-07-04T11:20:30Z 1-0:72.36.0*255 0 ",
            "2026-07-04T11:20:30Z 1-0:32.7.0*255 238 V",
            "2026-07-04T11:20:30Z 1-0:31.7.0*255 2 A",
            "2026-07-04T11:20:30Z 1-0:21.7.0*255 598 W",
            "channel 1 2026-07-04T11:20:07Z 7-0:3.0.0*255 3845.376 m3",
            "2026-07-04T11:20:30Z 1-0:1.8.0*255 10556576 Wh",
            "2026-07-04T11:20:30Z 1-0:2.8.0*255 2598883 Wh",
        ]
    );
    assert_eq!(ids(&bytes, ""), "E0043006998765417");
    assert_eq!(ids(&bytes, "1"), "G0039001652050216");
    assert_eq!(ids(&bytes, "2"), "E0043006998765417:2");
}

#[test]
fn a_total_is_made_of_two_tariffs_only_where_the_meter_sends_none() {
    let totals = |lines: &[&str]| {
        let all = [&["/XYZ5METER", "", "0-0:1.0.0(260315120000W)"], lines].concat();
        let is_total = |value: &&String| value.contains(" 1-0:1.8.0*255 ");
        values(&telegram(&all))
            .iter()
            .filter(is_total)
            .map(|value| value.split(' ').nth(2).unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(totals(&["1-0:1.8.1(000000.1*kWh)", "1-0:1.8.2(000000.2*kWh)"]), ["300"]);
    assert_eq!(totals(&["1-0:1.8.1(000000.1*kWh)"]), Vec::<String>::new());
    assert_eq!(totals(&["1-0:1.8.0(0.5*kWh)", "1-0:1.8.1(0.1*kWh)", "1-0:1.8.2(0.2*kWh)"]), ["500"]);
    assert_eq!(totals(&["1-0:1.8.1(1*kWh)", "1-0:1.8.2(2*kWh)", "1-0:1.8.3(3*kWh)"]), Vec::<String>::new());
}

#[test]
fn the_tariffs_of_channel_1_have_their_total_in_switzerland() {
    let totals = |lines: &[&str]| {
        let all = [&["/GRE5\\253769484_A", "", "0-0:1.0.0(260315120000W)"], lines].concat();
        let found = values(&telegram(&all));
        let of_totals = found.iter().filter(|value| value.contains(".8.0*255 "));
        of_totals.map(|value| value.split_once(' ').unwrap().1.to_owned()).collect::<Vec<_>>()
    };
    let import = ["1-1:1.8.1(000000.1*kWh)", "1-1:1.8.2(000000.2*kWh)"];
    assert_eq!(totals(&import), ["1-1:1.8.0*255 300 Wh"]);
    let export = ["1-1:2.8.1(1*kWh)", "1-1:2.8.2(2*kWh)"];
    assert_eq!(totals(&[import, export].concat()), ["1-1:1.8.0*255 300 Wh", "1-1:2.8.0*255 3000 Wh"]);
    assert_eq!(totals(&import[..1]), Vec::<String>::new());
    for total in ["1-1:1.8.0", "1-0:1.8.0"] {
        let sent = format!("{total}(0.5*kWh)");
        assert_eq!(totals(&[&import[..], &[&sent]].concat()), [format!("{total}*255 500 Wh")], "{total}");
    }
    assert_eq!(totals(&[&import[..], &["1-1:1.8.3(3*kWh)"]].concat()), Vec::<String>::new());
    assert_eq!(totals(&["1-0:1.8.1(1*kWh)", "1-1:1.8.2(2*kWh)"]), Vec::<String>::new(), "of two channels");
}

#[test]
fn belgium_has_peaks_limits_and_centiampere() {
    assert_eq!(line("1-0:1.4.0(02.351*kW)"), ["2026-03-15T11:00:00Z 1-0:1.4.0*255 2351 W"]);
    assert_eq!(line("1-0:1.6.0(260309134558W)(02.589*kW)"), ["2026-03-09T12:45:58Z 1-0:1.6.0*255 2589 W"]);
    assert_eq!(
        line(
            "0-0:98.1.0(2)(1-0:1.6.0)(1-0:1.6.0)(260201000000W)(260117191530W)(04.329*kW)(260301000000W)(260202001530W)(04.529*kW)"
        ),
        ["2026-01-17T18:15:30Z 1-0:1.6.0*255 4329 W", "2026-02-01T23:15:30Z 1-0:1.6.0*255 4529 W"]
    );
    assert_eq!(line("0-0:17.0.0(999.9*kW)"), ["2026-03-15T11:00:00Z 0-0:17.0.0*255 999900 W"]);
    assert_eq!(line("1-0:31.4.0(999*A)"), ["2026-03-15T11:00:00Z 1-0:31.4.0*255 999 A"]);
    assert_eq!(line("1-0:31.7.0(002.25*A)"), ["2026-03-15T11:00:00Z 1-0:31.7.0*255 2.25 A"]);
    assert_eq!(line("0-0:96.3.10(1)"), ["2026-03-15T11:00:00Z 0-0:96.3.10*255 1 "]);
}

#[test]
fn a_broken_list_of_peaks_costs_only_itself() {
    assert_eq!(line("0-0:98.1.0(0)(garbage)"), Vec::<String>::new());
    assert_eq!(line("0-0:98.1.0(12)"), ["unreadable 0-0:98.1.0(12): the list of peaks is shorter than it says"]);
    assert_eq!(
        line("0-0:98.1.0(260301000000W)(000091.123*kWh)"),
        ["text 0-0:98.1.0 (260301000000W)(000091.123*kWh)"],
        "Hungary"
    );
}

#[test]
fn luxembourg_has_two_limits_in_a_line_and_its_own_id() {
    assert_eq!(
        line("1-1:31.4.0(100*A)(-063*A)"),
        ["2026-03-15T11:00:00Z 1-1:31.4.0*255 100 A", "2026-03-15T11:00:00Z 1-1:31.4.128*255 -63 A"]
    );
    assert_eq!(line("1-0:3.8.0(000004.756*kvarh)"), ["2026-03-15T11:00:00Z 1-0:3.8.0*255 4756 varh"]);
    assert_eq!(line("1-0:9.7.0(00.100*kVA)"), ["2026-03-15T11:00:00Z 1-0:9.7.0*255 100 VA"]);
    let lines = ["/XYZ5METER", "", "0-0:42.0.0(53414731303330373030303531303939)", "0-0:96.1.0(31)"];
    assert_eq!(ids(&telegram(&lines), ""), "SAG1030700051099");
}

#[test]
fn units_count_in_any_case_and_with_any_prefix() {
    for (text, value) in [
        ("1-0:3.7.0(0000.000*kVAr)", "1-0:3.7.0*255 0 var"),
        ("1-0:4.7.0(0000.120*kvar)", "1-0:4.7.0*255 120 var"),
        ("1-0:1.8.0(006545766*Wh)", "1-0:1.8.0*255 6545766 Wh"),
        ("1-0:1.8.0(00012.3456*MWh)", "1-0:1.8.0*255 12345600 Wh"),
        ("1-0:1.8.0(00012.3456*KWH)", "1-0:1.8.0*255 12345.6 Wh"),
        ("1-0:1.7.0(0001.234kW)", "1-0:1.7.0*255 1234 W"),
        ("1-0:32.7.0(00.231*kV)", "1-0:32.7.0*255 231 V"),
        ("1-0:31.7.0(00.003*kA)", "1-0:31.7.0*255 3 A"),
        ("1-0:31.7.0(791*mA)", "1-0:31.7.0*255 0.791 A"),
        ("1-0:14.7.0(00.050*kHz)", "1-0:14.7.0*255 50 Hz"),
        ("1-0:16.24.0(-03.618*kW)", "1-0:16.24.0*255 -3618 W"),
        ("1-0:13.7.0(01000)", "1-0:13.7.0*255 1 "),
        ("1-0:33.7.0(00987)", "1-0:33.7.0*255 0.987 "),
        ("1-0:13.7.0(-0.97)", "1-0:13.7.0*255 -0.97 "),
        ("1-0:1.8.0*255(0012345.6789012*kWh)", "1-0:1.8.0*255 12345678.9012 Wh"),
        ("1-0:0.4.2(400)", "1-0:0.4.2*255 400 "),
        ("1-0:72:32.0(00003)", "1-0:72.32.0*255 3 "),
        ("1.8.0(000001.5*kWh)", "1-0:1.8.0*255 1500 Wh"),
    ] {
        assert_eq!(line(text), [format!("2026-03-15T11:00:00Z {value}")], "{text}");
    }
}

#[test]
fn a_limit_in_ampere_is_a_limit_of_current() {
    assert_eq!(line("0-0:17.0.0(016*A)"), ["2026-03-15T11:00:00Z 1-0:31.4.0*255 16 A"]);
}

#[test]
fn a_bad_line_costs_only_itself() {
    let bytes = telegram(&[
        "/XYZ5METER",
        "",
        "1-3:0.2.8(50)",
        "0-0:1.0.0(260315120000W)",
        "1,0:2.7.0(00.000*kW)",
        "1-0:1.7.0(00.x37*kW)",
        "1-0:32.7.0(231.0*kW)",
        "1-0:52.7.0(231.0)",
        "1-0:71.7.0(002*B)",
        "1-0:2.7.0 00.000*kW",
        "1-0:21.7.0(00.598*kW)",
    ]);
    assert_eq!(
        values(&bytes),
        [
            "unreadable 1,0:2.7.0(00.000*kW): the code is not an OBIS code",
            "unreadable 1-0:1.7.0(00.x37*kW): the value is not a number with a known unit",
            "unreadable 1-0:32.7.0(231.0*kW): the unit does not fit the register",
            "unreadable 1-0:52.7.0(231.0): the value has no unit",
            "unreadable 1-0:71.7.0(002*B): the value is not a number with a known unit",
            "unreadable 1-0:2.7.0 00.000*kW: the line is not a code with values in parentheses",
            "2026-03-15T11:00:00Z 1-0:21.7.0*255 598 W",
        ]
    );
}

#[test]
fn text_stays_text_also_over_several_lines() {
    assert_eq!(line("0-0:96.13.0(303132)"), ["text 0-0:96.13.0 (303132)"]);
    assert_eq!(line("0-0:96.13.0(3031\r\n3233)"), ["text 0-0:96.13.0 (3031\r\n3233)"]);
    assert_eq!(line("0-0:96.50.68(ON)"), ["text 0-0:96.50.68 (ON)"]);
    assert_eq!(line("0-0:96.13.1()"), Vec::<String>::new());
}

#[test]
fn an_empty_or_filled_failure_log_has_no_entry_and_a_bare_number_is_seconds() {
    for text in
        ["1-0:99.97.0()", "1-0:99.97.0(0)(0-0:96.7.19)", "1-0:99.97.0(1)(0-0:96.7.19)(000101000001W)(2147483647*s)"]
    {
        assert_eq!(line(text), Vec::<String>::new(), "{text}");
    }
    assert_eq!(
        line("1-0:99.97.0(2)(0-0:96.7.19)(260101000000W)(23)(000000000000W)(00000000)"),
        ["2025-12-31T23:00:00Z 0-0:96.7.19*255 23 s"]
    );
}

#[test]
fn the_letter_gives_the_offset_and_the_repeated_hour_of_autumn_is_two() {
    let time = |head: &str, stamp: &str| {
        values(&telegram(&[head, "", &format!("0-0:1.0.0({stamp})"), "1-0:1.7.0(1*kW)"]))
            .pop()
            .unwrap()
            .replace(" 1-0:1.7.0*255 1000 W", "")
    };
    assert_eq!(time("/XYZ5M", "261025023000S"), "2026-10-25T00:30:00Z");
    assert_eq!(time("/XYZ5M", "261025023000W"), "2026-10-25T01:30:00Z");
    assert_eq!(time("/XYZ5M", "260701120000W"), "2026-07-01T11:00:00Z", "Sweden has W all year");
    assert_eq!(time("/ESO5M", "260701120000S"), "2026-07-01T09:00:00Z", "Lithuania");
    assert_eq!(time("/XYZ5M", "260701120000"), "2026-07-01T10:00:00Z [local-time]");
    assert_eq!(time("/XYZ5M", "261025023000"), "2026-10-25T01:30:00Z [local-time]");
    // Summer time begins at 1 h UTC: at 2 h in most countries, at 3 h in Lithuania.
    for (stamp, at) in [("260329015959", "2026-03-29T00:59:59Z"), ("260329030000", "2026-03-29T01:00:00Z")] {
        assert_eq!(time("/XYZ5M", stamp), format!("{at} [local-time]"));
    }
    for (stamp, at) in [
        ("260329025959", "2026-03-29T00:59:59Z"),
        ("260329040000", "2026-03-29T01:00:00Z"),
        ("261025025959", "2026-10-24T23:59:59Z"),
        ("261025033000", "2026-10-25T01:30:00Z"),
    ] {
        assert_eq!(time("/ESO5M", stamp), format!("{at} [local-time]"));
    }
    assert_eq!(time("/XYZ5M", "07EA0D01030C000000007880"), "receipt [time-is-receive-time]", "a thirteenth month");
    assert_eq!(time("/XYZ5M", "07EA0701030C000000007880"), "2026-07-01T10:00:00Z [local-time]", "DLMS in summer");
    assert_eq!(time("/XYZ5M", "07EA0115030C000000003C00"), "2026-01-21T11:00:00Z [local-time]", "DLMS in winter");
    assert_eq!(time("/XYZ5M", "000101010000W"), "receipt [time-is-receive-time]", "a clock that was never set");
    let two_lines = telegram(&["/ISk95AM550", "1-0:0.9.1(133015)", "1-0:0.9.2(260704)", "1-0:1.7.0(1*kW)"]);
    assert_eq!(values(&two_lines), ["2026-07-04T11:30:15Z 1-0:1.7.0*255 1000 W [local-time]"]);
    let long = telegram(&["/ISk95AM550", "1-0:0.9.1(13:30:15)", "1-0:0.9.2(2026-07-04)", "1-0:1.7.0(1*kW)"]);
    assert_eq!(values(&long), values(&two_lines));
    let impossible = telegram(&["/XYZ5M", "", "0-0:1.0.0(261332250000W)", "1-0:1.7.0(1*kW)"]);
    assert_eq!(values(&impossible)[1], "receipt 1-0:1.7.0*255 1000 W [time-is-receive-time]");
}

#[test]
fn a_meter_without_an_id_has_its_head() {
    assert_eq!(ids(&telegram(&["/ADN9 6534", "1-0:1.7.0(1*kW)"]), ""), "ADN9 6534");
    assert_eq!(ids(&telegram(&["/XYZ5M", "", "1-0:0.0.0(00012345678)"]), ""), "00012345678");
}

#[test]
fn a_month_without_a_peak_costs_no_other_month() {
    assert_eq!(
        line(
            "0-0:98.1.0(2)(1-0:1.6.0)(1-0:1.6.0)(230801000000S)(632525252525W)(00.000*kW)(230901000000S)(230831181500S)(01.862*kW)"
        ),
        ["2023-08-31T16:15:00Z 1-0:1.6.0*255 1862 W"]
    );
    let broken = "0-0:98.1.0(2)(1-0:1.6.0)(1-0:1.6.0)(260201000000W)(260117191530W)(04.x29*kW)(260301000000W)(260202001530W)(04.529*kW)";
    assert_eq!(
        line(broken),
        [
            "2026-02-01T23:15:30Z 1-0:1.6.0*255 4529 W".to_owned(),
            format!("unreadable {broken}: the value is not a number with a known unit"),
        ]
    );
}

#[test]
fn a_time_is_no_value() {
    for text in ["1-0:1.6.0(200509134558W)", "0-1:24.2.1(101209112500W)", "1-0:1.7.0(200509134558S)"] {
        assert_eq!(line(text), [format!("unreadable {text}: the value is not a number with a known unit")]);
    }
}

#[test]
fn a_power_limit_has_the_unit_that_the_meter_sends() {
    assert_eq!(line("0-0:17.0.0(27.600*kVA)"), ["2026-03-15T11:00:00Z 0-0:17.0.0*255 27600 VA"]);
}

#[test]
fn every_relay_is_a_state() {
    assert_eq!(line("0-2:96.3.10(0)"), ["2026-03-15T11:00:00Z 0-2:96.3.10*255 0 "]);
}

#[test]
fn ids_of_other_media_are_no_values_of_the_electricity_meter() {
    assert_eq!(line("7-0:0.0.0(281009001044)"), ["text 7-0:0.0.0 (281009001044)"]);
}

#[test]
fn an_angle_is_in_degrees() {
    assert_eq!(line("1-0:81.7.1(120.5*deg)"), ["2026-03-15T11:00:00Z 1-0:81.7.1*255 120.5 deg"]);
}

#[test]
fn an_id_of_digits_stays_as_it_is() {
    let id = |text: &str| ids(&telegram(&["/XYZ5M", "", text]), "");
    assert_eq!(id("1-0:0.0.0(61295876)"), "61295876");
    assert_eq!(id("0-0:96.1.1(35404567)"), "35404567", "other characters than letters and digits are no id");
    assert_eq!(id("0-0:96.1.1(00000000)"), "XYZ5M", "zeros are no id");
    assert_eq!(id("1-0:96.1.0*255(1EMH0004711)"), "1EMH0004711");
    assert_eq!(id("0-0:0.0.0(53414731303335313030303132333435)"), "SAG1035100012345", "Groupe E");
    assert_eq!(id("1-0:0.0.5(5706567000000000)"), "5706567000000000", "Kamstrup in Norway");
    assert_eq!(id("0-0:96.1.1(204B413655303031323334353637383930)"), "KA6U001234567890", "without the blank before it");
}

#[test]
fn a_clock_of_1970_was_never_set() {
    let bytes = telegram(&["/XYZ5M", "", "0-0:1.0.0(700101010203W)", "1-0:1.7.0(1*kW)"]);
    assert_eq!(values(&bytes), ["receipt 1-0:1.7.0*255 1000 W [time-is-receive-time]"]);
}

#[test]
fn an_event_whose_time_was_never_set_is_kept_as_text_unless_it_is_empty() {
    for (code, groups) in [
        ("1-0:99.97.0", "(1)(0-0:96.7.19)(000104180320W)(0000237126*s)"),
        ("1-0:99.97.0", "(1)(0-0:96.7.19)(700101010000W)(0000000240*s)"),
        ("1-0:1.6.0", "(000101010000W)(02.589*kW)"),
        ("1-0:1.6.0", "(700101010000W)(02.589*kW)"),
        ("0-0:98.1.0", "(1)(1-0:1.6.0)(1-0:1.6.0)(260201000000W)(000101010000W)(04.329*kW)"),
        ("0-0:98.1.0", "(1)(1-0:1.6.0)(1-0:1.6.0)(260201000000W)(700101010000W)(04.329*kW)"),
    ] {
        assert_eq!(line(&format!("{code}{groups}")), [format!("text {code} {groups}")]);
    }
    for empty in [
        "1-0:1.6.0(000101010000W)(00.000*kW)",
        "1-0:1.6.0(632525252525W)(00.000*kW)",
        "0-0:98.1.0(1)(1-0:1.6.0)(1-0:1.6.0)(260201000000W)(700101010000W)(00.000*kW)",
    ] {
        assert_eq!(line(empty), Vec::<String>::new(), "{empty}");
    }
}

#[test]
fn a_total_that_cannot_be_read_is_not_replaced_by_a_sum() {
    let bytes = telegram(&["/XYZ5M", "", "1-0:1.8.0(00x*kWh)", "1-0:1.8.1(1*kWh)", "1-0:1.8.2(2*kWh)"]);
    assert!(!values(&bytes).iter().any(|value| value.contains("1-0:1.8.0*255 3000")), "{:?}", values(&bytes));
}
