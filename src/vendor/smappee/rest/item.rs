//! The entries of an answer: rows, events, costs of appliances. An answer with some of them is read as they were in
//! the whole one.

use super::super::hide::hide_every;
use super::cost;
use super::document::Document;
use super::row::Row;
use super::shape::Shape;
use crate::vendor::document::{Members, MessageError, elements};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The members beside the list of rows that the decoder reads.
const HEAD: [&str; 2] = ["serviceLocationId", "sensorId"];

/// An entry of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item<'a> {
    /// As sent.
    pub raw: &'a str,
    /// The start of a row in milliseconds; `None` if it is no row, or has no readable time.
    pub start: Option<i64>,
    /// Tells it from others in answers to the same question. One with the same key and another content is a
    /// correction.
    pub key: Cow<'a, str>,
}

impl<'a> Document<'a> {
    /// Its entries. A state is one.
    ///
    /// # Errors
    /// When they are not where they should be.
    pub fn items(&self) -> Result<Vec<Item<'a>>, MessageError> {
        let whole = |raw: &'a str| Item { raw, start: None, key: raw.into() };
        Ok(match self.shape() {
            Shape::Locations | Shape::Site => Vec::new(),
            Shape::Consumption | Shape::Sensor | Shape::Switch => self.rows()?.iter().map(of_row).collect(),
            Shape::Events => elements(self.text())?.into_iter().map(|event| whole(event.get())).collect(),
            Shape::Cost => {
                let key = |raw: &'a str| cost::appliance(raw).map_or(raw.into(), Cow::Owned);
                let items = elements(self.text())?.into_iter();
                items.map(|item| Item { key: key(item.get()), ..whole(item.get()) }).collect()
            }
            Shape::State => vec![whole(self.text())],
        })
    }

    /// The answer with these of its entries alone, without secrets.
    pub fn with<'i>(&self, items: impl Iterator<Item = &'i Item<'i>>) -> String {
        let items = items.map(|item| item.raw).collect::<Vec<_>>().join(",");
        let list = || format!("[{items}]");
        let message = match self.list() {
            Some(name) => {
                let head = Members::read(self.text()).ok();
                let known = |name: &&str| Some(((*name).to_owned(), head.as_ref()?.string(name)?.into()));
                let head = Value::from(HEAD.iter().filter_map(known).collect::<Map<_, _>>()).to_string();
                let head = head.trim_end_matches('}');
                let comma = if head.len() > 1 { "," } else { "" };
                format!("{head}{comma}\"{name}\":{}}}", list())
            }
            None if self.shape() == Shape::State => items,
            None => list(),
        };
        // Known members are numbers; an unknown one may be anything.
        String::from_utf8_lossy(&hide_every(message.as_bytes())).into_owned()
    }
}

fn of_row<'a>(row: &Row<'a>) -> Item<'a> {
    let key = row.start.map_or(Cow::Borrowed(row.raw), |start| start.to_string().into());
    Item { raw: row.raw, start: row.start, key }
}
