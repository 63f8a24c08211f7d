//! The form of a gap in the coverage file.

use super::gap::{Extent, Gap, GapId, GapState};
use super::slot::{Slot, SlotRange};
use crate::reading::{MeterId, UnixNanos};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A gap as it is stored; times are nanoseconds since 1970 UTC.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredGap {
    id: u64,
    meter: Uuid,
    source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slots: Option<SlotRange>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    silence: Option<(i64, i64)>,
    found: i64,
    state: String,
    changed: i64,
    late: u64,
    repaired: u64,
    asked: usize,
    ask_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked_until: Option<Slot>,
    is_back: bool,
}

impl StoredGap {
    pub(super) fn of(gap: &Gap) -> Self {
        let silence = match gap.extent {
            Extent::Slots(_) => None,
            Extent::Silence { from, until } => Some((from.0, until.0)),
        };
        Self {
            id: gap.id.0,
            meter: gap.meter.uuid(),
            source: gap.source.clone(),
            slots: gap.slots(),
            silence,
            found: gap.found.0,
            state: gap.state.label().to_owned(),
            changed: gap.changed.0,
            late: gap.late,
            repaired: gap.repaired,
            asked: gap.asked,
            ask_at: gap.ask_at.0,
            asked_until: gap.asked_until,
            is_back: gap.is_back,
        }
    }

    pub(super) fn gap(self) -> Option<Gap> {
        let extent = match (self.slots, self.silence) {
            (Some(slots), _) => Extent::Slots(slots),
            (None, Some((from, until))) => Extent::Silence { from: UnixNanos(from), until: UnixNanos(until) },
            (None, None) => return None,
        };
        Some(Gap {
            id: GapId(self.id),
            meter: MeterId::from(self.meter),
            source: self.source,
            extent,
            found: UnixNanos(self.found),
            state: GapState::ALL.into_iter().find(|state| state.label() == self.state)?,
            changed: UnixNanos(self.changed),
            late: self.late,
            repaired: self.repaired,
            asked: self.asked,
            ask_at: UnixNanos(self.ask_at),
            asked_until: self.asked_until,
            is_back: self.is_back,
        })
    }
}
