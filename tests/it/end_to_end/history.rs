//! The commands `meters`, `query` and `export` beside the running service, on the stores that it wrote: the numbers are
//! compared with those posted.

use crate::support::load::now_ns;
use crate::support::service::{Service, Setup};
use crate::support::{questdb, wait};
use meterline_load::cloud::{Cloud, CloudAccount, CloudDevice, CloudLogin, Switches};
use meterline_load::{Body, Reading};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use uuid::Uuid;

const KEY: &str = "an-api-key-that-must-stay-secret";
const LIMIT: Duration = Duration::from_secs(60);
const SECOND: i64 = 1_000_000_000;
const QUARTER: i64 = 900 * SECOND;
const DAY: i64 = 96 * QUARTER;
const NAMED: Uuid = Uuid::from_u128(0x8d2f_3c64_0c58_4a0e_9d1b_0b7a_3f5f_6f11);
const UNNAMED: Uuid = Uuid::from_u128(0x1f0c_5f0e_5d0f_4f6e_8a55_3c9c_5d6b_7a22);
const WATER: Uuid = Uuid::from_u128(0x3c9c_5d6b_0c58_4a0e_9d1b_0b7a_3f5f_6f12);
/// A formula, a quote, a comma and a line break.
const NAME: &str = "=1+1 \"Wärme\", 'Keller'\nlinks";
const IMPORT: [u8; 6] = [1, 0, 1, 8, 0, 255];
const POWER: [u8; 6] = [1, 0, 1, 7, 0, 255];
/// Its unit is not published; the configuration states it.
const COLD_WATER: [u8; 6] = [8, 0, 1, 0, 0, 255];

/// The counter and the power at a quarter-hour of the day.
fn posted(number: i64) -> (f64, f64) {
    let number = f64::from(i16::try_from(number).unwrap());
    (1000.25 + number * number, (number % 7.0) * 10.0)
}

/// The start of yesterday in UTC.
fn yesterday() -> i64 {
    now_ns() / DAY * DAY - DAY
}

fn bodies(start: i64) -> Vec<Body> {
    let reading = |meter: Uuid, number: i64| {
        let (counter, power) = posted(number);
        let values = vec![(IMPORT, counter), (POWER, power)];
        Reading { meter: *meter.as_bytes(), time_ns: start + number * QUARTER, values }
    };
    let water = |number: i64| {
        let values = vec![(COLD_WATER, posted(number).0)];
        Reading { meter: *WATER.as_bytes(), time_ns: start + number * QUARTER, values }
    };
    let of = |number| Body::new(0, vec![reading(NAMED, number), reading(UNNAMED, number), water(number)]);
    (0..=96).map(of).collect()
}

/// A service with the data of a day in SQLite and QuestDB, and a meter with a name.
fn filled(table: &str, cloud: &Cloud) -> Service {
    let questdb = Some((questdb::Client::shared().url().to_owned(), table.to_owned()));
    let mut service = Setup { questdb, ..Setup::default() }.start();
    assert!(service.stop().success());
    let key = service.secret_file("api-key", KEY);
    service.append_configuration(&format!(
        "[[smart_me]]\naccount = \"by-rest\"\napi_key_file = {key:?}\nurl = \"{}\"\npoll_every = \"1s\"\n\
         requests_per_minute = 6000\n[[unit]]\nregister = \"8-0:1.0.0\"\nunit = \"l\"\nmeters = [\"{WATER}\"]\n",
        cloud.url()
    ));
    service.start_again();
    service.post_all(&bodies(yesterday()));
    wait::until("the meter has its name", LIMIT, || service.text_of(&["meters", "--json"]).contains("Keller"));
    service.wait_drained();
    service
}

fn cloud() -> Cloud {
    let mut account = CloudAccount::new("by-rest", vec![CloudLogin::ApiKey(KEY.to_owned())]);
    account.devices = vec![CloudDevice { name: NAME.to_owned(), serial: 4711, ..CloudDevice::new(NAMED, 900.0) }];
    Cloud::start(vec![account], Switches::default()).unwrap()
}

/// The configuration without the embedded store: commands then read QuestDB.
fn use_questdb(service: &Service) {
    service.reconfigure("[sink.sqlite]\n", "");
}

fn json(service: &Service, arguments: &[&str]) -> Value {
    serde_json::from_str(&service.text_of(arguments)).unwrap()
}

/// Reads CSV, independently of the program.
fn csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field, mut is_quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match (is_quoted, char) {
            (true, '"') if chars.peek() == Some(&'"') => field.extend(chars.next()),
            (_, '"') => is_quoted = !is_quoted,
            (false, ',' | '\n') => {
                row.push(std::mem::take(&mut field));
                if char == '\n' {
                    rows.push(std::mem::take(&mut row));
                }
            }
            (_, char) => field.push(char),
        }
    }
    rows
}

fn day(at: i64) -> String {
    jiff::Timestamp::from_nanosecond(at.into()).unwrap().strftime("%F").to_string()
}

/// Meter, time, register, value.
type Exported = BTreeMap<(String, String, String), f64>;

/// Everything that was posted.
fn expected() -> Exported {
    let mut samples = Exported::new();
    for number in 0..=96 {
        let at = jiff::Timestamp::from_nanosecond((yesterday() + number * QUARTER).into()).unwrap().to_string();
        let (counter, power) = posted(number);
        samples.insert((WATER.to_string(), at.clone(), "8-0:1.0.0*255".to_owned()), counter);
        for meter in [NAMED, UNNAMED] {
            for (register, value) in [("1-0:1.8.0*255", counter), ("1-0:1.7.0*255", power)] {
                samples.insert((meter.to_string(), at.clone(), register.to_owned()), value);
            }
        }
    }
    samples
}

#[test]
fn queries_of_both_stores_have_the_numbers_of_what_was_posted() {
    let cloud = cloud();
    let service = filled("e2e_history", &cloud);
    let (yesterday, mut answers) = (day(yesterday()), Vec::new());
    let span = ["--from", "yesterday", "--to", "yesterday"];
    for store in ["sqlite", "questdb"] {
        if store == "questdb" {
            use_questdb(&service);
        }
        let listed = json(&service, &["meters", "--json"]);
        // Names have no end of a line in a terminal.
        let shown = [service.text_of(&["meters"]), service.text_of(&["top", "--once"])];
        assert!(shown[0].contains("'Keller'\\nlinks") && shown[1].contains("=1+1"), "{shown:?}");
        let named = listed.as_array().unwrap().iter().find(|meter| meter["meter"] == NAMED.to_string()).unwrap();
        assert_eq!(
            (&named["name"], &named["serial"], &named["source"]),
            (&NAME.into(), &"4711".into(), &"by-rest".into())
        );
        assert_eq!(listed.as_array().unwrap().len(), 3, "{listed}");
        let water = listed.as_array().unwrap().iter().find(|meter| meter["meter"] == WATER.to_string()).unwrap();
        assert_eq!(water["registers"][0]["unit"], "l");
        let table = service.text_of(&["meters", "4711"]);
        assert!(
            table.contains("4711") && table.contains("by-rest") && !table.contains(&UNNAMED.to_string()),
            "{table}"
        );

        let hours = json(&service, &[&["query", "4711", "--json"][..], &span].concat());
        let rows = hours["rows"].as_array().unwrap();
        assert_eq!((&hours["name"], rows.len()), (&NAME.into(), 24), "{hours}");
        for (hour, row) in (0..24).zip(rows) {
            assert_eq!(row["value"], posted(4 * hour + 4).0 - posted(4 * hour).0);
            assert_eq!(row["start"], format!("{yesterday}T{hour:02}:00:00+00:00"));
            assert_eq!(
                (&row["state"], &row["unit"], &row["register"]),
                (&"measured".into(), &"Wh".into(), &"1-0:1.8.0*255".into())
            );
        }
        let day = json(&service, &[&["query", &UNNAMED.to_string(), "--step", "day", "--json"][..], &span].concat());
        assert_eq!(day["rows"][0]["value"], posted(96).0 - posted(0).0);
        let power = json(
            &service,
            &[&["query", "keller", "--register", "power import", "--step", "hour", "--json"][..], &span].concat(),
        );
        for (hour, row) in (0..24).zip(power["rows"].as_array().unwrap()) {
            let values: Vec<f64> = (4 * hour..4 * hour + 4).map(|number| posted(number).1).collect();
            assert_eq!(row["value"], values.iter().sum::<f64>() / 4.0, "{row}");
            assert_eq!(
                (row["min"].as_f64(), row["count"].as_i64()),
                (values.iter().copied().reduce(f64::min), Some(4))
            );
        }
        let raw = service.text_of(&[&["query", "4711", "-r", "1.8.0", "--step", "raw", "--csv"][..], &span].concat());
        let raw = csv(&raw);
        assert_eq!((raw.len(), &raw[1][4][..], &raw[2][4][..]), (97, "1000.25", "1001.25"));
        let water = ["query", &WATER.to_string(), "--step", "day", "--json"];
        let water = json(&service, &[&water[..], &span].concat());
        let row = &water["rows"][0];
        assert_eq!((&row["unit"], row["value"].as_f64()), (&"l".into(), Some(posted(96).0 - posted(0).0)));
        answers.push((hours, day, power, raw));
        let shown = service.text_of(&[&["query", "4711", "--step", "day"][..], &span].concat());
        assert!(shown.contains("9.216 kWh") && shown.contains("measured"), "{shown}");
    }
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn an_export_has_exactly_what_was_posted_in_csv_and_in_parquet_from_both_stores() {
    let cloud = cloud();
    let service = filled("e2e_export", &cloud);
    let directory = tempfile::tempdir().unwrap();
    let from = day(yesterday());
    let until = jiff::Timestamp::from_nanosecond((yesterday() + DAY + 1).into()).unwrap().to_string();
    let span = ["--from", &from, "--to", &until];
    for store in ["sqlite", "questdb"] {
        if store == "questdb" {
            use_questdb(&service);
        }
        let text = service.text_of(&[&["export"][..], &span].concat());
        let rows = csv(&text);
        assert_eq!(rows[0][..3], ["time", "meter", "name"]);
        let found: Exported = rows[1..]
            .iter()
            .map(|row| ((row[1].clone(), row[0].clone(), row[5].clone()), row[7].parse().unwrap()))
            .collect();
        assert_eq!((found.len(), &found), (rows.len() - 1, &expected()));
        for row in &rows[1..] {
            assert_eq!(row[2], if row[1] == NAMED.to_string() { NAME } else { "" });
            let unit = [("8-0:1.0.0*255", "l"), ("1-0:1.8.0*255", "Wh"), ("1-0:1.7.0*255", "W")];
            assert!(unit.contains(&(&row[5], &row[8])), "{row:?}");
            assert_eq!(row[9], "acme");
        }
        let file = directory.path().join(format!("{store}.csv"));
        let arguments =
            ["export", "--meter", "4711", "--register", "1.8.0", "--json", "--output", file.to_str().unwrap()];
        let said = json(&service, &[&arguments[..], &span].concat());
        assert_eq!((said["samples"].as_u64(), csv(&std::fs::read_to_string(&file).unwrap()).len()), (Some(97), 98));
        let link = directory.path().join(format!("{store}.link"));
        std::os::unix::fs::symlink(&file, &link).unwrap();
        service.text_of(&[&["export", "--output", link.to_str().unwrap()][..], &span].concat());
        assert!(link.is_symlink(), "what is no regular file is not replaced, such as a device");
        assert_eq!(csv(&std::fs::read_to_string(&file).unwrap()).len(), rows.len());
        #[cfg(feature = "parquet")]
        {
            let file = directory.path().join(format!("{store}.parquet"));
            service.text_of(&[&["export", "--output", file.to_str().unwrap()][..], &span].concat());
            assert_eq!(of_parquet(&file), expected());
        }
    }
    let names: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_str().unwrap().contains(".new")), "{names:?}");
}

/// The samples of a Parquet file, whose names are checked.
#[cfg(feature = "parquet")]
fn of_parquet(file: &Path) -> Exported {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;
    let reader = SerializedFileReader::new(std::fs::File::open(file).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap().map(Result::unwrap);
    let found: Vec<_> = rows
        .map(|row| {
            let meter = Uuid::from_slice(row.get_bytes(1).unwrap().data()).unwrap();
            assert_eq!(row.get_string(2).unwrap(), if meter == NAMED { NAME } else { "" });
            let at = jiff::Timestamp::from_nanosecond(row.get_long(0).unwrap().into()).unwrap().to_string();
            ((meter.to_string(), at, row.get_string(5).unwrap().clone()), row.get_double(7).unwrap())
        })
        .collect();
    let samples: Exported = found.iter().cloned().collect();
    assert_eq!(samples.len(), found.len());
    samples
}

#[test]
fn a_command_that_cannot_answer_says_why_also_in_json_and_leaves_no_file() {
    let service = Setup::default().start_unmigrated();
    service.post_all(&bodies(yesterday())[..2]);
    service.wait_for_sink("sqlite");
    let error = |arguments: &[&str], code: i32| {
        let output = service.command(arguments);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"));
        json["error"].as_str().unwrap().to_owned()
    };
    assert!(error(&["query", "cellar", "--json"], 1).contains("meterline meters"));
    let meter = NAMED.to_string();
    assert!(error(&["query", &meter, "--register", "voltage", "--json"], 1).contains("1-0:1.8.0*255"));
    assert!(error(&["query", &meter, "--from", "now", "--to", "yesterday", "--json"], 1).contains("is empty"));
    let file = service.data_directory().join("missing/all.csv");
    assert!(error(&["export", "--json", "--output", file.to_str().unwrap()], 1).contains("cannot be written"));
    let wrong = service.command(&["query", &meter, "--from", "last week"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("yesterday or now"));
    service.reconfigure("[sink.sqlite]\n", "[sink.questdb]\nurl = \"http://127.0.0.1:1\"\n");
    let file = service.data_directory().join("all.csv");
    assert!(error(&["export", "--json", "--output", file.to_str().unwrap()], 1).contains("cannot be reached"));
    assert!(!file.exists() && !service.data_directory().join("all.csv.new").exists());
    service.reconfigure("[sink.questdb]\nurl = \"http://127.0.0.1:1\"\n", "[sink.kafka]\nbrokers = \"127.0.0.1:1\"\n");
    assert!(error(&["meters", "--json"], 1).contains("no store with history"));
}

#[test]
fn an_interrupted_export_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    let configuration = format!(
        "data_directory = {:?}\n[sink.questdb]\nurl = \"http://{}\"\ntimeout = \"1h\"\n",
        file("data"),
        questdb::half_silent()
    );
    std::fs::write(file("meterline.toml"), configuration).unwrap();
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let export = Command::new(env!("CARGO_BIN_EXE_meterline"))
            .args(["export", "--config"])
            .arg(file("meterline.toml"))
            .arg("--output")
            .arg(file("all.csv"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait::until("the new file is there", LIMIT, || file("all.csv.new").exists());
        let id = rustix::process::Pid::from_child(&export);
        rustix::process::kill_process(id, signal).unwrap();
        let output = export.wait_with_output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && message.contains("the export was interrupted"), "{message}");
        assert!(!file("all.csv.new").exists() && !file("all.csv").exists());
    }
}
