//! The committed dashboards, and their SQL with variables and macros expanded as Grafana and QuestDB's plug-in do.

use crate::support::questdb::Client;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(super) const QUESTDB: &str = "meterline-questdb";
pub(super) const PROMETHEUS: &str = "meterline-prometheus";
/// The length of a point of the graph, as Grafana would choose it.
pub(super) const POINT_S: i64 = 300;

pub(super) fn path(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/grafana").join(of)
}

/// All dashboards, by the names of their files.
pub(super) fn all() -> BTreeMap<String, Value> {
    let files = std::fs::read_dir(path("dashboards")).unwrap().map(|file| file.unwrap().path());
    let named = files.map(|file| {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap())
    });
    named.collect()
}

pub(super) fn panels(board: &Value) -> &Vec<Value> {
    board["panels"].as_array().unwrap()
}

pub(super) fn targets(panel: &Value) -> &Vec<Value> {
    panel["targets"].as_array().unwrap()
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// A dashboard as opened at a time range, with values for its variables.
pub(super) struct Opened {
    client: Client,
    board: Value,
    range_s: (i64, i64),
    values: BTreeMap<String, Vec<String>>,
}

impl Opened {
    /// Opens it. `chosen` are variables with the shown text of their value; of the others the first, or all, are chosen.
    pub(super) fn new(client: &Client, name: &str, table: &str, range_s: (i64, i64), chosen: &[(&str, &str)]) -> Self {
        let board = all().remove(name).unwrap();
        let mut opened = Self { client: client.clone(), board: board.clone(), range_s, values: BTreeMap::new() };
        for variable in board["templating"]["list"].as_array().unwrap() {
            let name = text(&variable["name"]);
            let values = match text(&variable["type"]) {
                "constant" => vec![table.to_owned()],
                "custom" => vec![text(&variable["current"]["value"]).to_owned()],
                _ => opened.options(variable, chosen.iter().find(|(of, _)| *of == name).map(|(_, shown)| *shown)),
            };
            opened.values.insert(name.to_owned(), values);
        }
        opened
    }

    /// The chosen values of a query variable: the first column has the value, the last one the text.
    fn options(&self, variable: &Value, chosen: Option<&str>) -> Vec<String> {
        let mut rows = self.client.query(&self.expand(text(&variable["query"])));
        assert!(!rows.is_empty(), "{variable} has no options");
        if let Some(chosen) = chosen {
            rows.retain(|row| row.last().unwrap() == chosen);
            assert_eq!(rows.len(), 1, "{chosen} in {variable}");
        }
        let count = if variable["multi"] == true { rows.len() } else { 1 };
        rows.iter().take(count).map(|row| text(&row[0]).to_owned()).collect()
    }

    /// Variables first, then macros.
    fn expand(&self, sql: &str) -> String {
        let mut sql = sql.to_owned();
        for (name, values) in &self.values {
            let quoted: Vec<String> = values.iter().map(|value| format!("'{}'", value.replace('\'', "''"))).collect();
            sql = sql.replace(&format!("${{{name}:sqlstring}}"), &quoted.join(","));
            sql = sql.replace(&format!("${{{name}}}"), &values[0]);
        }
        let time = |seconds: i64| format!("cast({} as timestamp)", seconds * 1_000_000);
        let (from, to) = (time(self.range_s.0), time(self.range_s.1));
        let sql = sql
            .replace("$__timeFilter(ts)", &format!("ts >= {from} AND ts <= {to}"))
            .replace("$__fromTime", &from)
            .replace("$__toTime", &to)
            .replace("$__sampleByInterval", &format!("{POINT_S}s"));
        assert!(!sql.contains('$'), "left in {sql}");
        sql
    }

    /// The rows of a panel, by its title.
    pub(super) fn rows(&self, title: &str) -> Vec<Vec<Value>> {
        let panel = panels(&self.board).iter().find(|panel| panel["title"] == title);
        let panel = panel.unwrap_or_else(|| panic!("no panel {title}"));
        self.client.query(&self.expand(text(&targets(panel)[0]["rawSql"])))
    }

    /// The titles of the panels without rows.
    pub(super) fn empty_panels(&self) -> Vec<String> {
        let of_questdb = panels(&self.board).iter().filter(|panel| panel["datasource"]["uid"] == QUESTDB);
        let titles = of_questdb.map(|panel| text(&panel["title"]).to_owned());
        titles.filter(|title| self.rows(title).is_empty()).collect()
    }
}
