//! The typed values of an interval of the second generation.
//!
//! Their names are not published. They look like reading types of IEC 61968-9. So a value is stored if its
//! kind and unit leave one reading alone: its number is in thousandths of the unit. Others are kept as they
//! are.

use super::channel_map::{Index, Place, SITE, SitePhases};
use super::codes::{self, Phase, Quantity};
use super::configuration::Configuration;
use super::emit::Emit;
use crate::vendor::Part;
use crate::vendor::document::{MessageError, Scalar};
use crate::vendor::record::{Names, Record, records};

const VALUE: Names<2> = &["type", "value"];
const TYPE: Names<6> = &["commodity", "measurementKind", "unit", "phase", "channel", "mRID"];
const MILLI: u32 = 1000;

/// Kind, unit, quantity. Names are compared without case and underscores.
const KINDS: [(&str, &str, Quantity); 5] = [
    ("voltage", "V", codes::MEAN_VOLTAGE),
    ("current", "A", codes::MEAN_CURRENT),
    ("power", "W", codes::MEAN_POWER),
    ("power", "VAr", codes::MEAN_REACTIVE_POWER),
    ("power", "VA", codes::MEAN_APPARENT_POWER),
];

/// Gives the values of a channel, or of the location if there is no index.
///
/// # Errors
/// When they are no list.
pub(super) fn read(
    configuration: &Configuration,
    published: &Scalar<'_>,
    values: &str,
    phases: &mut SitePhases,
    emit: &mut Emit<'_, impl FnMut(Part<'_>)>,
) -> Result<(), MessageError> {
    let index = match published {
        Scalar::Absent => None,
        index => match index.whole(0).and_then(|index| u32::try_from(index).ok()) {
            Some(index) => Some(index),
            None => {
                emit.unreadable("publishIndex", index, "the channel has no valid index");
                return Ok(());
            }
        },
    };
    records(values, VALUE, |record| {
        let Some(record) = record else {
            return emit.unreadable("measurements", &Scalar::Absent, "an element is not an object");
        };
        let [kind, value] = &record.known;
        let kind = match kind {
            Scalar::Nested(text) => Record::read(text, TYPE).ok(),
            _ => None,
        };
        let name = name(published, kind.as_ref());
        match kind.and_then(|kind| place(configuration, index, &kind, phases)) {
            Some((place, quantity)) => emit.number(&place, quantity.at(place.phase), value, MILLI, &name),
            None => emit.text(&name, value),
        }
        emit.texts(&record.others);
    })
}

/// Where a value of this kind belongs; `None` if it is kept as it is.
fn place<'a>(
    configuration: &'a Configuration,
    index: Option<u32>,
    kind: &Record<'_, 6>,
    phases: &mut SitePhases,
) -> Option<(Place<'a>, Quantity)> {
    let [commodity, kind, unit, phase, ..] = &kind.known;
    let is_electricity = commodity.text().to_ascii_lowercase().contains("electric") || *commodity == Scalar::Absent;
    let (kind, unit) = (plain(&kind.text()), unit.text());
    let known = KINDS.iter().find(|(name, symbol, _)| *name == kind && symbol.eq_ignore_ascii_case(&unit));
    let (.., quantity) = known.filter(|_| is_electricity)?;
    let phase = match phase {
        Scalar::Absent => None,
        phase => Some(Phase::of_name(&phase.text())?),
    };
    let place = match index {
        Some(index) => phases.place(&configuration.channels, Index::Published(index), phase)?,
        // Any other value of the whole location would replace the value of a channel.
        None if *quantity == codes::MEAN_VOLTAGE => Place { phase, ..SITE },
        None => return None,
    };
    let is_line = *quantity == codes::MEAN_VOLTAGE && configuration.channels.is_delta();
    Some((place, if is_line { codes::MEAN_LINE_VOLTAGE } else { *quantity }))
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect()
}

/// The kind in one line: `measurements[3].power.W.A`.
fn name(published: &Scalar<'_>, kind: Option<&Record<'_, 6>>) -> String {
    let mut name = format!("measurements[{}]", published.text());
    if let Some(kind) = kind {
        let [_, parts @ ..] = &kind.known;
        for part in parts.iter().filter(|part| **part != Scalar::Absent) {
            name.push('.');
            name.push_str(&part.text());
        }
    }
    name
}
