//! The answers of the server's SQL endpoint, `/exec`.
//!
//! Does not know HTTP. Values are read by column name, so that columns added by a later
//! server version do no harm.

use serde::Deserialize;
use serde_json::Value;

/// The JSON of an answer: a result, or the error of the statement.
#[derive(Debug, Deserialize)]
pub struct Answer {
    #[serde(default)]
    columns: Vec<Column>,
    #[serde(default)]
    dataset: Vec<Vec<Value>>,
    /// Why the statement was refused.
    pub(super) error: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Column {
    name: String,
}

impl Answer {
    /// The rows of the result.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.dataset.iter().map(|values| Row { columns: &self.columns, values })
    }
}

/// One row of a result.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    columns: &'a [Column],
    values: &'a [Value],
}

impl<'a> Row<'a> {
    /// A text; empty if it is NULL or missing.
    pub fn text(&self, column: &str) -> &'a str {
        self.value(column).and_then(Value::as_str).unwrap_or_default()
    }

    /// A whole number; `None` if it is NULL or missing.
    pub fn integer(&self, column: &str) -> Option<i64> {
        self.value(column).and_then(Value::as_i64)
    }

    /// A number; `None` if it is NULL or missing.
    pub fn number(&self, column: &str) -> Option<f64> {
        self.value(column).and_then(Value::as_f64)
    }

    /// A boolean; false if it is NULL or missing.
    pub fn is_true(&self, column: &str) -> bool {
        self.value(column).and_then(Value::as_bool).unwrap_or(false)
    }

    fn value(&self, column: &str) -> Option<&'a Value> {
        let position = self.columns.iter().position(|candidate| candidate.name == column)?;
        self.values.get(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_found_by_column_name_and_null_is_none() {
        let answer: Answer = serde_json::from_str(
            r#"{"query":"q","columns":[{"name":"id","type":"INT"},{"name":"tag","type":"STRING"},{"name":"on","type":"BOOLEAN"}],
                "timestamp":-1,"dataset":[[6,"",true],[null,null,null]],"count":2}"#,
        )
        .unwrap();
        let rows: Vec<Row<'_>> = answer.rows().collect();
        assert_eq!((rows[0].integer("id"), rows[0].text("tag"), rows[0].is_true("on")), (Some(6), "", true));
        assert_eq!((rows[1].integer("id"), rows[1].text("tag"), rows[1].is_true("on")), (None, "", false));
        assert_eq!(rows[0].integer("other"), None);
    }

    proptest! {
        #[test]
        fn a_number_is_the_one_that_the_server_wrote(number in prop_oneof![prop::num::f64::NORMAL, -1e7..1e7_f64]) {
            let text = format!("{{\"columns\":[{{\"name\":\"value\"}}],\"dataset\":[[{number:?}]]}}");
            let answer: Answer = serde_json::from_str(&text).unwrap();
            let read = answer.rows().next().and_then(|row| row.number("value"));
            prop_assert_eq!(read.map(f64::to_bits), Some(number.to_bits()));
        }
    }

    #[test]
    fn an_answer_without_a_result_is_an_empty_one_or_an_error() {
        let ddl: Answer = serde_json::from_str(r#"{"ddl":"OK"}"#).unwrap();
        assert_eq!(ddl.rows().count(), 0);
        let refused: Answer = serde_json::from_str(r#"{"query":"x","error":"no such","position":3}"#).unwrap();
        assert_eq!(refused.error.as_deref(), Some("no such"));
    }
}
