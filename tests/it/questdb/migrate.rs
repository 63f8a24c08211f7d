//! `migrate` and `check` against a real server.

use super::harness::{Harness, blocked};
use super::{fresh_config, migrated_config, rows_once_there_are, wait_applied};
use crate::support::questdb::{Client, Server};
use crate::support::wait;
use meterline::secret::Secret;
use meterline::sink::questdb::{Config, Credentials, MigrateError, PartitionUnit, TableName, check, migrate};
use meterline::sink::{Level, Step};
use serde_json::json;
use std::time::Duration;

fn did(steps: &[Step]) -> Vec<String> {
    steps.iter().map(Step::to_string).collect()
}

fn refused(config: &Config, partition: Option<PartitionUnit>) -> String {
    match migrate(config, partition) {
        Err(error @ MigrateError::Refused(_)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// The warning about a server with default settings, independent of its tables.
const UNSYNCED: &str = "does not sync its commits";

/// The messages of the findings that are not good, except that warning.
fn complaints(config: &Config) -> Vec<String> {
    let findings = check(config);
    assert!(!findings.is_empty());
    let messages = findings.into_iter().filter(|finding| finding.level != Level::Good).map(|finding| finding.message);
    messages.filter(|message| !message.contains(UNSYNCED)).collect()
}

#[test]
fn an_empty_server_gets_tables_and_views_and_a_repeat_does_nothing() {
    let client = Client::shared();
    let config = fresh_config(&client, "empty");
    assert!(complaints(&config)[0].contains("meterline migrate"), "{:?}", complaints(&config));
    let steps = migrate(&config, None).unwrap();
    let [table, quarter_hours, hours, days, meters] = steps.as_slice() else { panic!("{steps:?}") };
    assert!(table.to_string().starts_with("samples_empty: created, partitioned by DAY"), "{table}");
    assert_eq!(quarter_hours.to_string(), "samples_empty_15m: created; refreshed every 1m");
    assert_eq!(hours.to_string(), "samples_empty_hour: created; refreshed every 5m");
    assert_eq!(days.to_string(), "samples_empty_day: created; refreshed every 10m");
    assert!(meters.to_string().starts_with("samples_empty_meters: created"), "{meters}");
    assert_eq!(migrate(&config, None).unwrap(), []);
    assert_eq!(complaints(&config), [""; 0]);
    let columns = client.query("SELECT \"column\", type, designated, upsertKey FROM (SHOW COLUMNS FROM samples_empty)");
    let column = |name: &str, kind: &str, designated: bool, in_key: bool| {
        vec![json!(name), json!(kind), json!(designated), json!(in_key)]
    };
    assert_eq!(
        columns,
        [
            column("ts", "TIMESTAMP_NS", true, true),
            column("meter", "UUID", false, true),
            column("obis", "SYMBOL", false, true),
            column("value", "DOUBLE", false, false),
            column("source", "SYMBOL", false, false),
            column("received", "TIMESTAMP_NS", false, false),
            column("flags", "SHORT", false, false),
        ]
    );
    let noted = "SELECT did FROM meterline_migrations WHERE object = 'samples_empty' ORDER BY ts DESC LIMIT 1";
    assert_eq!(rows_once_there_are(&client, 1, noted), [[json!(table.did)]]);
}

#[test]
fn migrations_at_the_same_time_do_not_disturb_each_other() {
    let migrate_again_and_again = |test: &str| {
        let client = Client::shared();
        (0..3).for_each(|_| drop(migrated_config(&client, test)));
    };
    std::thread::scope(|scope| {
        for test in ["beside_1", "beside_2", "beside_3", "beside_4"] {
            scope.spawn(move || migrate_again_and_again(test));
        }
    });
}

#[test]
fn the_partition_unit_is_chosen_once() {
    let client = Client::shared();
    let config = fresh_config(&client, "unit");
    let steps = migrate(&config, Some(PartitionUnit::for_rows_per_day(80_000_000))).unwrap();
    assert_eq!(did(&steps)[0], "samples_unit: created, partitioned by HOUR");
    assert_eq!(migrate(&config, None).unwrap(), [], "without the option any unit is left");
    assert_eq!(migrate(&config, Some(PartitionUnit::Hour)).unwrap(), []);
    let sentence = refused(&config, Some(PartitionUnit::Day));
    assert!(sentence.contains("partitioned by HOUR instead of DAY"), "{sentence}");
}

#[test]
fn a_missing_column_and_a_missing_key_are_added_and_the_rows_stay() {
    let client = Client::shared();
    let config = fresh_config(&client, "alter");
    client.execute(
        "CREATE TABLE samples_alter (ts TIMESTAMP_NS, meter UUID, obis SYMBOL, value DOUBLE, mine INT) TIMESTAMP(ts) \
         PARTITION BY DAY WAL",
    );
    client.execute("INSERT INTO samples_alter (ts, value) VALUES ('2026-01-01T00:00:00Z', 7.5)");
    let found = complaints(&config);
    assert!(found.iter().any(|message| message.contains("column flags SHORT is missing")), "{found:?}");
    assert!(found.iter().any(|message| message.contains("does not deduplicate")), "{found:?}");
    let steps = did(&migrate(&config, None).unwrap());
    assert_eq!(
        steps[..3],
        ["source SYMBOL", "received TIMESTAMP_NS", "flags SHORT"]
            .map(|column| format!("samples_alter: added column {column}"))
    );
    assert!(steps[3].contains("keep the last row"), "{steps:?}");
    assert_eq!(migrate(&config, None).unwrap(), []);
    assert_eq!(complaints(&config), [""; 0]);
    assert_eq!(rows_once_there_are(&client, 1, "SELECT value, flags FROM samples_alter"), [[json!(7.5), json!(0)]]);
}

#[test]
fn a_suspended_table_is_not_called_migrated() {
    let server = Server::start_with(&["dev.mode.enabled=true"]);
    let client = server.client();
    let config = migrated_config(client, "stuck");
    client.execute("ALTER TABLE samples_stuck DROP COLUMN flags");
    wait_applied(client, &config.table);
    client.execute("ALTER TABLE samples_stuck SUSPEND WAL");
    let found = complaints(&config);
    assert!(found.iter().any(|message| message.contains("ALTER TABLE samples_stuck RESUME WAL")), "{found:?}");
    let error = migrate(&config, None).unwrap_err().to_string();
    assert!(
        error.contains("RESUME WAL") && error.contains("done before it: samples_stuck: added column flags"),
        "{error}"
    );
    client.execute("ALTER TABLE samples_stuck RESUME WAL");
    rows_once_there_are(client, 7, "SHOW COLUMNS FROM samples_stuck");
    let steps = did(&migrate(&config, None).unwrap());
    assert!(steps[0].contains("samples_stuck_15m: was invalid"), "{steps:?}");
}

#[test]
fn unalterable_differences_are_refused_before_anything_is_done() {
    let client = Client::shared();
    let config = fresh_config(&client, "final");
    client.execute(
        "CREATE TABLE samples_final (ts TIMESTAMP, meter UUID, obis SYMBOL, value FLOAT) TIMESTAMP(ts) PARTITION BY DAY \
         BYPASS WAL",
    );
    let sentence = refused(&config, None);
    for words in
        ["column ts of table samples_final is TIMESTAMP instead", "ALTER COLUMN value TYPE DOUBLE", "SET TYPE WAL"]
    {
        assert!(sentence.contains(words), "{words}: {sentence}");
    }
    let columns = client.query("SHOW COLUMNS FROM samples_final");
    assert_eq!(columns.len(), 4, "no column was added");
    assert_eq!(
        client.query("SELECT view_name FROM materialized_views() WHERE base_table_name = 'samples_final'").len(),
        0
    );
}

#[test]
fn a_view_that_truncate_made_invalid_is_refreshed_once_the_rows_are_back() {
    let client = Client::shared();
    let config = migrated_config(&client, "view");
    let rows = "INSERT INTO samples_view (ts, meter, obis, value) VALUES \
         ('2026-01-01T00:00:00Z', '12345678-9abc-def0-1234-56789abcdef0', 'a', 1), \
         ('2026-01-01T00:14:59.999999999Z', '12345678-9abc-def0-1234-56789abcdef0', 'a', 3), \
         ('2026-01-01T00:15:00Z', '12345678-9abc-def0-1234-56789abcdef0', 'a', 5)";
    client.execute(rows);
    wait_applied(&client, &config.table);
    client.execute("REFRESH MATERIALIZED VIEW samples_view_15m INCREMENTAL");
    let sums = "SELECT value_last, value_sum, value_count FROM samples_view_15m ORDER BY ts";
    let quarters = rows_once_there_are(&client, 2, sums);
    assert_eq!(quarters[0], [json!(3.0), json!(4.0), json!(2)]);
    client.execute("TRUNCATE TABLE samples_view");
    let limit = Duration::from_secs(30);
    wait::until("the view is invalid", limit, || !complaints(&config).is_empty());
    let found = complaints(&config);
    assert!(
        found[0].contains("view samples_view_15m is invalid") && found[0].contains("meterline migrate"),
        "{found:?}"
    );
    // The table has no rows for these quarter-hours now.
    let steps = did(&migrate(&config, None).unwrap());
    assert!(steps.len() == 1 && steps[0].contains("delete its rows from 2026-01-01T00:00"), "{steps:?}");
    assert_eq!(rows_once_there_are(&client, 2, sums), quarters);
    client.execute(rows);
    wait_applied(&client, &config.table);
    let steps = did(&migrate(&config, None).unwrap());
    assert_eq!(steps.len(), 3, "{steps:?}");
    assert!(steps.iter().all(|step| step.contains("started a full refresh")), "{steps:?}");
    wait::until("the views are valid", limit, || complaints(&config).is_empty());
    assert_eq!(rows_once_there_are(&client, 2, sums), quarters);
    assert_eq!(rows_once_there_are(&client, 1, "SELECT value_count FROM samples_view_day"), [[json!(3)]]);
}

#[test]
fn a_view_whose_query_no_longer_compiles_keeps_its_quarter_hours() {
    let client = Client::shared();
    let config = migrated_config(&client, "renamed");
    client.execute(
        "INSERT INTO samples_renamed (ts, meter, obis, value) VALUES \
         ('2026-01-01T00:00:00Z', '12345678-9abc-def0-1234-56789abcdef0', 'a', 1)",
    );
    wait_applied(&client, &config.table);
    client.execute("REFRESH MATERIALIZED VIEW samples_renamed_15m INCREMENTAL");
    let sums = "SELECT value_sum FROM samples_renamed_15m WHERE value_count > 0";
    rows_once_there_are(&client, 1, sums);
    client.execute("ALTER TABLE samples_renamed RENAME COLUMN value TO reading");
    let is_invalid = || complaints(&config).iter().any(|found| found.contains("view samples_renamed_15m is invalid"));
    wait::until("the view is invalid", Duration::from_secs(30), is_invalid);
    // The column that `migrate` adds is empty, so the query compiles and finds no value.
    let steps = did(&migrate(&config, None).unwrap());
    assert!(
        steps.iter().any(|step| step.contains("samples_renamed_15m: is invalid") && step.contains("give")),
        "{steps:?}"
    );
    client.execute("ALTER TABLE samples_renamed DROP COLUMN value");
    client.execute("ALTER TABLE samples_renamed RENAME COLUMN reading TO value");
    wait_applied(&client, &config.table);
    assert_eq!(rows_once_there_are(&client, 1, sums), [[json!(1.0)]]);
    let steps = did(&migrate(&config, None).unwrap());
    assert!(steps.iter().any(|step| step.contains("started a full refresh")), "{steps:?}");
    wait::until("the view is valid", Duration::from_secs(30), || complaints(&config).is_empty());
    assert_eq!(rows_once_there_are(&client, 1, sums), [[json!(1.0)]]);
}

/// Rows of one register: one of now, and one of each of the 30 days before.
fn insert_a_month(client: &Client, table: &str) {
    client.execute(&format!(
        "INSERT INTO {table} (ts, meter, obis, value) SELECT dateadd('d', 1 - x::int, now())::timestamp_ns, \
         '12345678-9abc-def0-1234-56789abcdef0', 'a', x FROM long_sequence(31)"
    ));
}

#[test]
fn a_table_keeps_its_rows_as_long_as_configured_also_with_a_row_far_in_the_future() {
    let client = Client::shared();
    let mut config = migrated_config(&client, "kept");
    insert_a_month(&client, "samples_kept");
    wait_applied(&client, &config.table);
    config.keep = Some(Duration::from_hours(10 * 24 - 1));
    assert!(complaints(&config)[0].contains("`keep`"), "{:?}", complaints(&config));
    assert_eq!(did(&migrate(&config, None).unwrap()), ["samples_kept: set to keep its rows for 240 hours"]);
    // The server lists the new setting after it has applied it to the table's files.
    wait::until("the table is as configured", Duration::from_secs(30), || complaints(&config).is_empty());
    assert_eq!(migrate(&config, None).unwrap(), []);
    let count = "SELECT count() FROM samples_kept";
    wait::until("the older rows are gone", Duration::from_secs(30), || client.value(count).as_u64() < Some(13));
    let kept = client.value(count).as_u64().unwrap();
    client.execute(
        "INSERT INTO samples_kept (ts, meter, obis, value) VALUES \
         ('2099-01-01T00:00:00Z', '12345678-9abc-def0-1234-56789abcdef0', 'a', 1)",
    );
    wait_applied(&client, &config.table);
    assert_eq!(client.value(count), json!(kept + 1));
}

#[test]
fn a_server_that_counts_a_ttl_from_the_newest_row_gets_none() {
    let server = Server::start_with(&["cairo.ttl.use.wall.clock=false"]);
    let mut config = migrated_config(server.client(), "newest");
    config.keep = Some(Duration::from_hours(240));
    let sentence = refused(&config, None);
    assert!(sentence.contains("cairo.ttl.use.wall.clock"), "{sentence}");
    assert!(complaints(&config).iter().any(|message| message.contains("cairo.ttl.use.wall.clock")));
    assert_eq!(server.client().value("SELECT ttlValue FROM tables() WHERE table_name = 'samples_newest'"), json!(0));
}

#[test]
fn a_read_only_server_is_called_that() {
    let mut server = Server::start();
    let config = migrated_config(server.client(), "read_only");
    server.stop();
    server.set(&["http.security.readonly=true"]);
    server.start_again();
    let found = complaints(&config);
    assert!(found.len() == 1 && found[0].contains("is read-only"), "{found:?}");
    let mut harness = Harness::new(server.client(), config);
    harness.add_seconds(0..1);
    blocked(harness.attempt(), "is read-only");
    server.client().execute("SELECT 1");
    let error = migrate(&Config { table: TableName::parse("samples_other").unwrap(), ..harness.config.clone() }, None);
    assert!(error.unwrap_err().to_string().contains("is read-only"));
}

#[test]
fn a_view_that_was_dropped_is_made_again_with_the_ones_made_from_it() {
    let client = Client::shared();
    let config = migrated_config(&client, "dropped_view");
    client.execute(
        "INSERT INTO samples_dropped_view (ts, meter, obis, value) VALUES \
         ('2026-01-01T00:00:00Z', '12345678-9abc-def0-1234-56789abcdef0', 'a', 1)",
    );
    wait_applied(&client, &config.table);
    client.execute("DROP MATERIALIZED VIEW samples_dropped_view_15m");
    let limit = Duration::from_secs(30);
    wait::until("all three need `migrate`", limit, || complaints(&config).len() == 3);
    let steps = did(&migrate(&config, None).unwrap());
    assert!(steps.len() == 3 && steps[0].starts_with("samples_dropped_view_15m: created"), "{steps:?}");
    wait::until("the views are valid", limit, || complaints(&config).is_empty());
    assert_eq!(rows_once_there_are(&client, 1, "SELECT value_last FROM samples_dropped_view_day"), [[json!(1.0)]]);
    assert_eq!(migrate(&config, None).unwrap(), []);
}

#[test]
fn a_view_that_selects_something_else_is_refused() {
    let client = Client::shared();
    let config = migrated_config(&client, "other_view");
    for view in ["day", "hour", "15m"] {
        client.execute(&format!("DROP MATERIALIZED VIEW samples_other_view_{view}"));
    }
    client.execute(
        "CREATE MATERIALIZED VIEW samples_other_view_15m WITH BASE samples_other_view REFRESH EVERY 1m AS \
         (SELECT ts, meter, obis, avg(value) AS average FROM samples_other_view SAMPLE BY 15m) PARTITION BY DAY",
    );
    let sentence = refused(&config, None);
    assert!(sentence.contains("DROP MATERIALIZED VIEW samples_other_view_15m"), "{sentence}");
    assert!(complaints(&config)[0].contains("selects other data"), "{:?}", complaints(&config));
}

#[test]
fn wrong_credentials_are_found_and_not_repeated() {
    let server = Server::start_with(&["http.user=meter", "http.password=right"]);
    let mut config = Config::new(meterline::sink::questdb::ServerUrl::parse(server.client().url()).unwrap());
    for (user, password) in [("meter", "hunter2"), ("other", "right")] {
        config.credentials = Credentials::Basic { user: user.to_owned(), password: Secret::new(password) };
        let found = complaints(&config);
        assert!(found.len() == 1 && found[0].contains("refused the credentials"), "{found:?}");
        assert!(!found[0].contains("hunter2"), "{found:?}");
        let error = migrate(&config, None).unwrap_err().to_string();
        assert!(error.contains("refused the credentials") && !error.contains("hunter2"), "{error}");
    }
    config.credentials = Credentials::Basic { user: "meter".to_owned(), password: Secret::new("right") };
    assert_eq!(migrate(&config, None).unwrap().len(), 5);
    assert_eq!(complaints(&config), [""; 0]);
}

#[test]
fn a_server_that_is_not_there_is_one_finding() {
    let config = Config::new(meterline::sink::questdb::ServerUrl::parse("http://127.0.0.1:1").unwrap());
    let found = complaints(&config);
    assert!(found.len() == 1 && found[0].contains("cannot be reached"), "{found:?}");
}

#[test]
fn a_server_that_does_not_sync_its_commits_is_warned_of_in_one_sentence() {
    let unsynced = |config: &Config| -> Vec<String> {
        let warnings = check(config).into_iter().filter(|finding| finding.level == Level::Warning);
        warnings.map(|finding| finding.message).filter(|message| message.contains(UNSYNCED)).collect()
    };
    let config = fresh_config(&Client::shared(), "unsynced");
    migrate(&config, None).unwrap();
    let [warning] = &unsynced(&config)[..] else { panic!("{:?}", check(&config)) };
    assert!(warning.contains("cairo.commit.mode is nosync") && !warning.contains(". "), "{warning}");

    let server = Server::start_with(&["cairo.commit.mode=sync"]);
    let config = fresh_config(server.client(), "synced");
    migrate(&config, None).unwrap();
    assert_eq!(unsynced(&config), [""; 0]);
}
