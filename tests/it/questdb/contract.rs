//! QuestDB's behaviour: each test pins one that the sink relies on. If one fails with a new
//! server version, review the sink.

use super::{fresh_config, migrated_config, rows_once_there_are, wait_applied};
use crate::support::questdb::{Client, Server};
use hyper::Request;
use meterline_load::http::Http;
use questdb::ingress::{Buffer, ProtocolVersion, TimestampNanos};
use serde_json::{Value, json};

const METER: &str = "12345678-9abc-def0-1234-56789abcdef0";
const AT: i64 = 1_700_000_000_123_456_789;
/// The last nanosecond of the last year that QuestDB takes is before this.
const TOO_LATE: i64 = 9_220_000_000_000_000_000;

/// A connection that is kept from request to request.
struct Writer {
    http: Http,
    url: String,
}

impl Writer {
    fn new(client: &Client) -> Self {
        Self { http: Http::new().unwrap(), url: client.url().to_owned() }
    }

    /// Status and JSON of the answer.
    fn write(&self, rows: &[u8]) -> (u16, Value) {
        let request = Request::post(format!("{}/write?precision=n", self.url));
        let answer = self.http.send(request, rows.to_vec()).unwrap();
        (answer.status().as_u16(), serde_json::from_str(answer.body()).unwrap_or(Value::Null))
    }
}

fn write(client: &Client, rows: &str) -> (u16, Value) {
    Writer::new(client).write(rows.as_bytes())
}

fn refusal(answer: &(u16, Value)) -> (u16, u64, &str) {
    (answer.0, answer.1["line"].as_u64().unwrap_or(0), answer.1["message"].as_str().unwrap_or_default())
}

#[test]
fn a_row_beyond_the_last_nanosecond_is_named_by_its_line_and_nothing_of_the_request_is_stored() {
    let client = Client::shared();
    let table = migrated_config(&client, "overflow").table;
    let answer = write(&client, &format!("{table} value=1 {AT}\n{table} value=2 {TOO_LATE}\n{table} value=3 {AT}\n"));
    let (status, line, message) = refusal(&answer);
    assert_eq!((status, line), (400, 2), "{answer:?}");
    assert!(message.contains("designated timestamp overflow"), "{message}");
    assert_eq!(write(&client, &format!("{table} value=4 {AT}\n")).0, 204);
    let rows = rows_once_there_are(&client, 1, &format!("SELECT value FROM {table}"));
    assert_eq!(rows, [[json!(4.0)]]);
}

#[test]
fn lines_count_rows_also_where_a_name_holds_a_line_break_and_a_double_its_byte() {
    let client = Client::shared();
    let table = migrated_config(&client, "lines").table;
    let mut buffer = Buffer::new(ProtocolVersion::V2);
    let with_line_breaks = f64::from_le_bytes([b'\n'; 8]);
    for at in [AT, AT + 1, TOO_LATE] {
        buffer.table(table.as_str()).unwrap().symbol("source", "a\nb").unwrap();
        buffer.column_f64("value", with_line_breaks).unwrap().at(TimestampNanos::new(at)).unwrap();
    }
    let answer = Writer::new(&client).write(buffer.as_bytes());
    assert_eq!((answer.0, refusal(&answer).1), (400, 3), "{answer:?}");
}

#[test]
fn a_missing_table_or_column_is_a_400_with_a_line_too() {
    let client = Client::shared();
    let table = fresh_config(&client, "missing").table;
    let answer = write(&client, &format!("{table} value=1 {AT}\n"));
    let (status, line, message) = refusal(&answer);
    assert_eq!((status, line), (400, 1), "{answer:?}");
    assert!(message.contains("table does not exist, creating new tables is disabled"), "{message}");

    client.execute(&format!("CREATE TABLE {table} (ts TIMESTAMP_NS, value DOUBLE) TIMESTAMP(ts) PARTITION BY DAY WAL"));
    let answer = write(&client, &format!("{table} other=1 {AT}\n"));
    let (status, line, message) = refusal(&answer);
    assert_eq!((status, line), (400, 1), "{answer:?}");
    assert!(message.contains("column: other does not exist, creating new columns is disabled"), "{message}");
}

#[test]
fn a_changed_type_is_a_400_with_a_line_too() {
    let client = Client::shared();
    let table = migrated_config(&client, "changed_type").table;
    client.execute(&format!("ALTER TABLE {table} ALTER COLUMN value TYPE SYMBOL"));
    wait_applied(&client, &table);
    client.execute(&format!("ALTER TABLE {table} ALTER COLUMN value TYPE BOOLEAN"));
    wait_applied(&client, &table);
    let answer = write(&client, &format!("{table} value=1.5 {AT}\n"));
    let (status, line, message) = refusal(&answer);
    assert_eq!((status, line), (400, 1), "{answer:?}");
    assert!(message.contains("cast error from protocol type: FLOAT to column type: BOOLEAN"), "{message}");
}

#[test]
fn a_type_changed_under_an_open_connection_converts_the_next_request_without_a_word() {
    // So the sink compares the columns again after requests, before it counts them as confirmed.
    let client = Client::shared();
    let table = migrated_config(&client, "changed_open").table;
    let writer = Writer::new(&client);
    assert_eq!(writer.write(format!("{table} value=1.5 {AT}\n").as_bytes()).0, 204);
    wait_applied(&client, &table);
    client.execute(&format!("ALTER TABLE {table} ALTER COLUMN value TYPE LONG"));
    wait_applied(&client, &table);
    assert_eq!(writer.write(format!("{table} value=2.5 {}\n", AT + 1).as_bytes()).0, 204);
    let rows = rows_once_there_are(&client, 2, &format!("SELECT value FROM {table} ORDER BY ts"));
    assert_eq!(rows, [[json!(1)], [json!(2)]]);
}

#[test]
fn a_narrower_float_column_takes_doubles_without_a_word() {
    // So the sink compares the columns itself before it sends.
    let client = Client::shared();
    let table = migrated_config(&client, "narrow").table;
    client.execute(&format!("ALTER TABLE {table} ALTER COLUMN value TYPE FLOAT"));
    wait_applied(&client, &table);
    assert_eq!(write(&client, &format!("{table} value=0.123456789012345 {AT}\n")).0, 204);
    let rows = rows_once_there_are(&client, 1, &format!("SELECT cast(value AS DOUBLE) FROM {table}"));
    let stored = rows[0][0].as_f64().unwrap();
    assert!((stored - 0.123_456_789_012_345).abs() > 1e-12, "{stored}");
}

#[test]
fn nan_and_infinity_become_null_without_a_word() {
    // So the rule sets values aside that are not finite.
    let client = Client::shared();
    let table = migrated_config(&client, "nan").table;
    let mut buffer = Buffer::new(ProtocolVersion::V2);
    for (value, at) in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].into_iter().zip(AT..) {
        buffer.table(table.as_str()).unwrap().column_f64("value", value).unwrap().at(TimestampNanos::new(at)).unwrap();
    }
    assert_eq!(Writer::new(&client).write(buffer.as_bytes()).0, 204);
    let rows = rows_once_there_are(&client, 3, &format!("SELECT value IS NULL FROM {table}"));
    assert_eq!(rows, [[json!(true)], [json!(true)], [json!(true)]]);
}

#[test]
fn the_year_2260_and_1970_are_taken_without_a_word() {
    // So the rule sets implausible times aside.
    let client = Client::shared();
    let table = migrated_config(&client, "far").table;
    let answer = write(&client, &format!("{table} value=1 9151574400000000000\n{table} value=2 0\n"));
    assert_eq!(answer.0, 204, "{answer:?}");
    rows_once_there_are(&client, 2, &format!("SELECT value FROM {table}"));
}

#[test]
fn of_two_rows_with_the_same_key_in_a_request_the_later_one_wins() {
    let client = Client::shared();
    let table = migrated_config(&client, "same_key").table;
    let row = |obis: &str, value: u32, at: i64| format!("{table},obis={obis} meter=\"{METER}\",value={value} {at}\n");
    let rows = row("a", 1, AT) + &row("b", 5, AT) + &row("a", 2, AT) + &row("a", 3, AT - 1) + &row("a", 4, AT);
    assert_eq!(write(&client, &rows).0, 204);
    let rows = rows_once_there_are(&client, 3, &format!("SELECT obis, value FROM {table} ORDER BY ts, obis"));
    assert_eq!(rows, [[json!("a"), json!(3.0)], [json!("a"), json!(4.0)], [json!("b"), json!(5.0)]]);
}

#[test]
fn a_row_keeps_its_nanoseconds_its_uuid_and_its_flags() {
    let client = Client::shared();
    let table = migrated_config(&client, "exact").table;
    let rows = format!(
        "{table},obis=1-0:1.8.0*255,source=home meter=\"{METER}\",value=0.1,received={}n,flags=34i {AT}\n",
        AT + 1
    );
    assert_eq!(write(&client, &rows).0, 204);
    let sql =
        format!("SELECT cast(ts AS LONG), meter, obis, value, source, cast(received AS LONG), flags FROM {table}");
    let rows = rows_once_there_are(&client, 1, &sql);
    let expected =
        [json!(AT), json!(METER), json!("1-0:1.8.0*255"), json!(0.1), json!("home"), json!(AT + 1), json!(34)];
    assert_eq!(rows, [expected]);
}

#[test]
fn a_row_without_flags_has_flags_0() {
    let client = Client::shared();
    let table = migrated_config(&client, "no_flags").table;
    assert_eq!(write(&client, &format!("{table} value=1 {AT}\n")).0, 204);
    assert_eq!(rows_once_there_are(&client, 1, &format!("SELECT flags FROM {table}")), [[json!(0)]]);
}

#[test]
fn a_table_dropped_under_an_open_connection_swallows_the_next_request() {
    // So the sink compares the table's id, and opens new connections after a doubt.
    let client = Client::shared();
    let table = migrated_config(&client, "dropped").table;
    let id_of = || client.value(&format!("SELECT id FROM tables() WHERE table_name = '{table}'"));
    let id = id_of();
    let writer = Writer::new(&client);
    assert_eq!(writer.write(format!("{table} value=1 {AT}\n").as_bytes()).0, 204);
    wait_applied(&client, &table);
    client.execute(&format!("DROP TABLE {table}"));
    let ddl = format!("CREATE TABLE {table} (ts TIMESTAMP_NS, value DOUBLE) TIMESTAMP(ts) PARTITION BY DAY WAL");
    client.execute(&ddl);
    assert_ne!(id_of(), id, "a recreated table has another id");
    assert_eq!(writer.write(format!("{table} value=2 {AT}\n").as_bytes()).0, 204, "acknowledged");
    assert_eq!(writer.write(format!("{table} value=3 {AT}\n").as_bytes()).0, 204);
    let rows = rows_once_there_are(&client, 1, &format!("SELECT value FROM {table}"));
    assert_eq!(rows, [[json!(3.0)]], "the request after the drop is gone");
}

#[test]
fn a_suspended_table_acknowledges_and_applies_nothing() {
    let server = Server::start_with(&["dev.mode.enabled=true"]);
    let client = server.client();
    let table = migrated_config(client, "suspended").table;
    client.execute(&format!("ALTER TABLE {table} SUSPEND WAL"));
    assert_eq!(write(client, &format!("{table} value=1 {AT}\n")).0, 204);
    let state =
        || client.query(&format!("SELECT suspended, writerTxn, sequencerTxn FROM wal_tables() WHERE name = '{table}'"));
    assert_eq!(state(), [[json!(true), json!(0), json!(1)]]);
    client.execute(&format!("ALTER TABLE {table} RESUME WAL"));
    wait_applied(client, &table);
    assert_eq!(state(), [[json!(false), json!(1), json!(1)]]);
}
