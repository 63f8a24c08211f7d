//! Collects the parts of a device's message into what ingest and the description of the source need.

use super::{Decoded, Fact};
use crate::reading::{MeterId, UnixNanos};
use crate::vendor::{At, Part, Readings, Transformers};

/// The parts of one message.
#[derive(Debug)]
pub(super) struct Parts {
    received: UnixNanos,
    /// The time of the message. Values of another time are events of the past; `None` if there are none.
    now: Option<At>,
    transformers: Transformers,
    readings: Readings,
    events: Readings,
    unreadable: usize,
    last_unreadable: Option<String>,
}

impl Parts {
    /// Parts of a message that was received at this time.
    pub(super) fn new(received: UnixNanos) -> Self {
        Self {
            received,
            now: None,
            transformers: Transformers::NONE,
            readings: Readings::default(),
            events: Readings::default(),
            unreadable: 0,
            last_unreadable: None,
        }
    }

    /// Parts of a message whose values of the meter itself are events unless they have this time.
    pub(super) fn with_events(received: UnixNanos, now: At) -> Self {
        Self { now: Some(now), ..Self::new(received) }
    }

    /// The same, of a meter behind these transformers.
    pub(super) fn behind(self, transformers: Transformers) -> Self {
        Self { transformers, ..self }
    }

    /// Adds a part; `meter` gives the id of a channel's meter.
    pub(super) fn add(&mut self, part: Part<'_>, meter: impl FnOnce(&str) -> MeterId) {
        match part {
            Part::Value(value) => {
                let value = self.transformers.applied(value);
                let is_event = value.channel.is_empty() && self.now.is_some_and(|now| now != value.at);
                let readings = if is_event { &mut self.events } else { &mut self.readings };
                readings.add(meter(&value.channel), &value, self.received);
            }
            Part::Text { .. } => {}
            Part::Unreadable { part, why } => {
                self.unreadable += 1;
                self.last_unreadable = Some(format!("{why}: {part}"));
            }
        }
    }

    /// The decoded message.
    pub(super) fn into_decoded(self) -> Decoded {
        let unreadable = self.last_unreadable.map(|part| ("last_unreadable", Fact::from(part)));
        let (current, voltage) = self.transformers.ratios();
        let ratios = [("current_factor", current), ("voltage_factor", voltage)];
        let ratios = ratios.into_iter().filter(|(_, ratio)| *ratio != 1.0);
        Decoded {
            readings: self.readings.into_vec(),
            events: self.events.into_vec(),
            unreadable: self.unreadable,
            facts: unreadable.into_iter().chain(ratios.map(|(name, ratio)| (name, ratio.into()))).collect(),
        }
    }
}
