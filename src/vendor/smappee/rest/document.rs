//! An answer whose shape is recognized by its content.

use super::asked::Asked;
use super::row::{Aggregation, Row, rows_of};
use super::shape::Shape;
use super::site::Site;
use super::{consumption, cost, event, sensor, state};
use crate::reading::registry::Interval;
use crate::vendor::Part;
use crate::vendor::document::{Members, MessageError, elements, text_of};

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document<'a> {
    text: &'a str,
    shape: Shape,
}

impl<'a> Document<'a> {
    /// Recognizes an answer.
    ///
    /// # Errors
    /// When it is no answer of this API, or a token, which is never shown.
    pub fn read(bytes: &'a [u8]) -> Result<Self, MessageError> {
        let text = text_of(bytes)?;
        let shape = match text.trim_start().as_bytes().first() {
            Some(b'{') => Self::object(&Members::read(text)?),
            Some(b'[') => Self::array(text)?,
            _ => state::is_one(text).then_some(Shape::State),
        };
        let shape = shape.ok_or(MessageError::Shape("an answer of Smappee's REST API"))?;
        Ok(Self { text, shape })
    }

    /// The answer to a question that has answers of this kind.
    ///
    /// # Errors
    /// When it is no text.
    pub fn of(shape: Shape, bytes: &'a [u8]) -> Result<Self, MessageError> {
        Ok(Self { text: text_of(bytes)?, shape })
    }

    /// Its kind.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The location that it names.
    pub fn location(&self) -> Option<String> {
        Members::read(self.text).ok()?.string("serviceLocationId")
    }

    /// The interval that its rows have, judged by their distance.
    pub fn interval(&self) -> Option<Interval> {
        let starts = self.rows().ok()?.into_iter().filter_map(|row| row.start);
        Aggregation::of_rows(starts).map(Aggregation::interval)
    }

    /// Gives every part. A description of a site has none: [`Site::learn`] reads it.
    ///
    /// # Errors
    /// When its values are not where they should be.
    pub fn visit(&self, site: &Site, asked: Asked<'_>, mut each: impl FnMut(Part<'_>)) -> Result<(), MessageError> {
        let each = &mut each;
        let interval = asked.interval;
        match self.shape {
            Shape::Locations | Shape::Site => {}
            Shape::Consumption => {
                self.rows()?.iter().for_each(|row| consumption::visit(row, interval, site, each));
            }
            Shape::Sensor => {
                let id = Members::read(self.text)?.string("sensorId").unwrap_or_default();
                self.rows()?.iter().for_each(|row| sensor::visit(row, interval, &id, site, each));
            }
            Shape::Switch => {
                let own = Members::read(self.text)?.string("sensorId").unwrap_or_default();
                let plug = if asked.plug.is_empty() { &own } else { asked.plug };
                self.rows()?.iter().for_each(|row| sensor::visit_switch(row, interval, plug, each));
            }
            Shape::Events => event::visit(self.text, each)?,
            Shape::Cost => cost::visit(self.text, asked.from, interval, each)?,
            Shape::State => state::visit(self.text, asked.plug, each),
        }
        Ok(())
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// The name of its list of rows; `None` if it has no rows.
    pub(super) fn list(&self) -> Option<&'static str> {
        match self.shape {
            Shape::Consumption => Some("consumptions"),
            Shape::Sensor | Shape::Switch => Some("records"),
            Shape::Locations | Shape::Site | Shape::Events | Shape::Cost | Shape::State => None,
        }
    }

    pub(super) fn rows(&self) -> Result<Vec<Row<'a>>, MessageError> {
        let name = self.list().ok_or(MessageError::Shape("rows of an interval"))?;
        rows_of(&Members::read(self.text)?, name)
    }

    fn object(members: &Members<'_>) -> Option<Shape> {
        let has = |name: &str| members.0.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        if has("access_token") {
            return None;
        }
        if has("serviceLocations") {
            return Some(Shape::Locations);
        }
        if !has("serviceLocationId") {
            return None;
        }
        if has("consumptions") {
            return Some(Shape::Consumption);
        }
        if has("records") {
            let rows = rows_of(members, "records").ok()?;
            let is_switch = |row: &Row<'_>| row.members.get("active").is_some();
            return Some(if rows.iter().any(is_switch) { Shape::Switch } else { Shape::Sensor });
        }
        let is_site = ["measurements", "appliances", "actuators", "sensors", "timezone"].into_iter().any(has);
        is_site.then_some(Shape::Site)
    }

    fn array(text: &str) -> Result<Option<Shape>, MessageError> {
        let first = elements(text)?.first().and_then(|item| Members::read(item.get()).ok());
        Ok(first.and_then(|members| {
            let has = |name| members.get(name).is_some();
            if has("applianceId") && has("timestamp") {
                Some(Shape::Events)
            } else {
                (has("appliance") && (has("usage") || has("cost"))).then_some(Shape::Cost)
            }
        }))
    }
}
