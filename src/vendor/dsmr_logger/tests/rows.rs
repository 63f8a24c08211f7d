//! Rows of the history.

use super::*;
use crate::vendor::dsmr_logger::history;

fn rows(text: &str, identity: &Identity) -> Result<Vec<String>, MessageError> {
    let mut lines = Vec::new();
    history::read(text.as_bytes(), identity, |part| lines.push(line(&part))).map(|()| lines)
}

/// A history with one row of this hour, behind a newer one.
fn hour(recid: &str) -> Vec<String> {
    let text = format!(r#"{{"hours":[{{"recid":"99010100"}},{{"recid":"{recid}","edt1":2328.742}}]}}"#);
    rows(&text, &Identity::default()).unwrap()[1..].to_vec()
}

/// Hour, values and kinds of periods of thavini/DSMRloggerAPI-DOCS; the other values are our own.
#[test]
fn a_row_has_the_readings_at_the_end_of_its_hour() {
    for (period, recid, end) in [
        ("hours", "21031006", "2021-03-10T06:00:00Z"),
        ("days", "21031023", "2021-03-10T23:00:00Z"),
        ("months", "21022823", "2021-02-28T23:00:00Z"),
    ] {
        let text = format!(
            r#"{{"{period}":[
            {{"recnr":0,"recid":"21031107","slot":4,"edt1":2329,"edt2":8513,"ert1":353,"ert2":196,"gdt":2959}},
            {{"recnr":1,"recid":"{recid}","slot":3,"edt1":2328.742,"edt2":"8512.100","ert1":353.841,"ert2":196.645,"gdt":2958.498}},
            {{"recnr":2,"recid":"00000000","slot":2,"edt1":0.000,"edt2":0.000,"ert1":0.000,"ert2":0.000,"gdt":0.000}}]}}"#
        );
        let lines = rows(&text, document(INFO).identity()).unwrap();
        let newest = r#"text 21031107 {"recnr":0,"recid":"21031107","#;
        assert!(lines[0].starts_with(newest), "the newest row is still being written: {lines:#?}");
        let expected = [
            "1-0:1.8.1*255 2328742 Wh [local-time] < edt1",
            "1-0:1.8.2*255 8512100 Wh [local-time] < edt2",
            "1-0:2.8.1*255 353841 Wh [local-time] < ert1",
            "1-0:2.8.2*255 196645 Wh [local-time] < ert2",
            "7-0:3.0.0*255 2958.498 m3 [local-time] < gdt",
            "1-0:1.8.0*255 10840842 Wh [local-time] < edt1+edt2",
            "1-0:2.8.0*255 550486 Wh [local-time] < ert1+ert2",
        ];
        let expected = expected.map(|line| {
            let channel = if line.starts_with('7') { "channel 1 " } else { "" };
            format!("{channel}{end} {line}")
        });
        assert_eq!(lines[1..], expected, "{period}");
    }
}

#[test]
fn the_begin_of_the_hour_decides_on_summer_time() {
    for (recid, end) in [
        // In spring 02 does not exist; in autumn it comes twice and the second one stays.
        ("26032901", "2026-03-29T01:00:00Z"),
        ("26032903", "2026-03-29T02:00:00Z"),
        ("26102501", "2026-10-25T00:00:00Z"),
        ("26102502", "2026-10-25T02:00:00Z"),
        ("26102503", "2026-10-25T03:00:00Z"),
    ] {
        assert_eq!(hour(recid), [format!("{end} 1-0:1.8.1*255 2328742 Wh [local-time] < edt1")], "{recid}");
    }
}

#[test]
fn a_slot_that_was_not_overwritten_keeps_its_own_time() {
    let text =
        r#"{"hours":[{"recid":"26032904","edt1":3},{"recid":"26032703","edt1":1},{"recid":"26032901","edt1":2}]}"#;
    let lines = rows(text, &Identity::default()).unwrap();
    assert_eq!(
        lines[1..],
        [
            "2026-03-27T03:00:00Z 1-0:1.8.1*255 1000 Wh [local-time] < edt1",
            "2026-03-29T01:00:00Z 1-0:1.8.1*255 2000 Wh [local-time] < edt1",
        ]
    );
}

#[test]
fn rows_of_dsmr_api_v2_are_arrays() {
    let text = r#"{"actSlot":7,"data":[{"date":"21000000","values":[0,0,0,0,0,0]},
        {"date":"26031511","values":[1.5,2,0.25,0,12.5,3.75]},{"date":"26031512","values":[1,1,1,1,1,1]}]}"#;
    let lines = rows(text, &Identity::default()).unwrap();
    assert_eq!(
        lines[..6],
        [
            "2026-03-15T11:00:00Z 1-0:1.8.1*255 1500 Wh [local-time] < values/0",
            "2026-03-15T11:00:00Z 1-0:1.8.2*255 2000 Wh [local-time] < values/1",
            "2026-03-15T11:00:00Z 1-0:2.8.1*255 250 Wh [local-time] < values/2",
            "2026-03-15T11:00:00Z 1-0:2.8.2*255 0 Wh [local-time] < values/3",
            "channel gas 2026-03-15T11:00:00Z 7-0:3.0.0*255 12.5 m3 [local-time] < values/4",
            "channel water 2026-03-15T11:00:00Z 8-0:1.0.0*255 3.75 m3 [local-time] < values/5",
        ]
    );
    let off = r#"{"error":{"message":"history is off"}}"#;
    assert!(matches!(rows(off, &Identity::default()), Err(MessageError::Device(_))));
}

#[test]
fn a_row_that_cannot_be_read_costs_itself_alone() {
    let text = r#"{"hours":[{"recid":"99010100"},{"recid":"26131506","edt1":1},{"recid":"x"},{"edt1":1},3,{"recid":"26031506","edt1":"n/a1","edt2":5}]}"#;
    assert_eq!(
        rows(text, &Identity::default()).unwrap(),
        [
            r#"unreadable {"recid":"x"}: the row's time has an unknown form"#,
            r#"unreadable {"edt1":1}: the row has no time"#,
            "unreadable 3: the row is not an object",
            r#"text 99010100 {"recid":"99010100"}"#,
            "unreadable timestamp(261315060000): the telegram's time is not a date",
            "2026-03-15T06:00:00Z 1-0:1.8.2*255 5000 Wh [local-time] < edt2",
            "unreadable edt1: n/a1: the value is not a number",
        ]
    );
}

proptest! {
    #[test]
    fn no_history_panics(bytes in any::<Vec<u8>>(), recid in "[0-9]{8}|.{0,9}", value in "-?[0-9]{1,20}(\\.[0-9]{1,4})?") {
        let recid = serde_json::to_string(&recid).unwrap();
        let text = format!(r#"{{"hours":[{{"recid":{recid},"edt1":"{value}","gdt":{value}}},{{"date":"99010100","values":[{value}]}}]}}"#);
        for bytes in [&bytes, text.as_bytes()] {
            history::read(bytes, &Identity::default(), |_| {}).ok();
        }
    }
}
