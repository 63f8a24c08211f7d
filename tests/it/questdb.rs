//! The QuestDB sink against a real server: the server's behaviour (`contract`), `migrate`
//! and `check` (`migrate`), the sink itself (`sink`), losses in the server
//! (`checkpoints`), its views (`roll_ups`), documented statements (`cookbook`), late rows (`late_rows`), meter descriptions (`meters`)
//! and the history (`history`).

mod checkpoints;
mod contract;
mod cookbook;
mod harness;
mod history;
mod late_rows;
mod meters;
mod migrate;
mod roll_ups;
mod sink;

use crate::support::questdb::Client;
use crate::support::wait;
use meterline::sink::questdb::{Config, ServerUrl, TableName};
use serde_json::Value;
use std::time::Duration;

/// How long the server may take to apply its log.
const APPLY_LIMIT: Duration = Duration::from_secs(30);

/// A configuration for a new table that no other test uses.
fn fresh_config(client: &Client, test: &str) -> Config {
    let table = format!("samples_{test}");
    for view in ["day", "hour", "15m"] {
        client.execute(&format!("DROP MATERIALIZED VIEW IF EXISTS {table}_{view}"));
    }
    client.execute(&format!("DROP TABLE IF EXISTS {table}"));
    client.execute(&format!("DROP TABLE IF EXISTS {table}_meters"));
    let mut config = Config::new(ServerUrl::parse(client.url()).unwrap());
    config.table = TableName::parse(&table).unwrap();
    config
}

/// The same with the table created by `migrate`.
pub(crate) fn migrated_config(client: &Client, test: &str) -> Config {
    let config = fresh_config(client, test);
    meterline::sink::questdb::migrate(&config, None).unwrap();
    config
}

/// The rows of a query once there are `count` of them.
fn rows_once_there_are(client: &Client, count: usize, sql: &str) -> Vec<Vec<Value>> {
    wait::until_some(&format!("{count} rows of {sql}"), APPLY_LIMIT, || {
        client.try_query(sql).ok().filter(|rows| rows.len() == count)
    })
}

/// Waits until the server has applied everything in the table's log.
pub(crate) fn wait_applied(client: &Client, table: &TableName) {
    let sql = format!("SELECT writerTxn = sequencerTxn FROM wal_tables() WHERE name = '{table}'");
    wait::until("the log is applied", APPLY_LIMIT, || client.value(&sql) == Value::Bool(true));
}
