//! The journal records that the broker has not wholly acknowledged.
//!
//! A queue with one slot per record, in journal order, each with its number of
//! unacknowledged messages. Records are acknowledged in any order; the lowest unfinished
//! one is the front. Invariant: a finished front slot and a record without messages are
//! removed at once. Finished records behind a stuck one stay, so the sink bounds
//! [`InFlight::records`].

use crate::journal::Sequence;
use std::collections::VecDeque;

/// A record's slot, as a message carries it to its acknowledgement.
pub(super) type Ticket = usize;

/// The topic of a record's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// The topic of readings.
    Readings,
    /// The compacted topic of meter descriptions.
    Meters,
}

/// The records in flight, in journal order.
#[derive(Debug)]
pub(super) struct InFlight {
    slots: VecDeque<Slot>,
    /// Ticket of the front slot.
    front: Ticket,
    /// Above every record taken.
    next: Sequence,
    messages: u32,
    bytes: u64,
}

#[derive(Debug)]
struct Slot {
    sequence: Sequence,
    target: Target,
    outstanding: u32,
}

impl InFlight {
    /// Nothing in flight; the next record taken is `next` or a later one.
    pub(super) fn from(next: Sequence) -> Self {
        Self { slots: VecDeque::new(), front: 0, next, messages: 0, bytes: 0 }
    }

    /// Adds a slot for a record, held open until [`InFlight::close`].
    pub(super) fn open(&mut self, sequence: Sequence, target: Target) -> Ticket {
        self.slots.push_back(Slot { sequence, target, outstanding: 1 });
        self.front.wrapping_add(self.slots.len() - 1)
    }

    /// Notes that the client got a message of the record.
    pub(super) fn sent(&mut self, ticket: Ticket, bytes: usize) {
        if let Some(slot) = self.slot(ticket) {
            slot.outstanding += 1;
            self.messages += 1;
            self.bytes += bytes as u64;
        }
    }

    /// Notes the acknowledgement of a message of the record. Returns the message's topic.
    pub(super) fn acknowledged(&mut self, ticket: Ticket, bytes: usize) -> Option<Target> {
        let target = self.target(ticket);
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes as u64);
        self.release(ticket);
        target
    }

    /// Notes that the client got all messages of the last record.
    pub(super) fn close(&mut self) {
        let Some(slot) = self.slots.back_mut() else { return };
        self.next = slot.sequence.next();
        slot.outstanding = slot.outstanding.saturating_sub(1);
        if slot.outstanding == 0 {
            self.slots.pop_back();
        }
    }

    /// The lowest record that is not wholly acknowledged.
    pub(super) fn next_unsafe(&self) -> Sequence {
        self.slots.front().map_or(self.next, |slot| slot.sequence)
    }

    /// The record after the last one that was wholly sent.
    pub(super) fn next(&self) -> Sequence {
        self.next
    }

    /// The record of a ticket that is still in flight.
    pub(super) fn sequence(&self, ticket: Ticket) -> Option<Sequence> {
        self.slots.get(ticket.wrapping_sub(self.front)).map(|slot| slot.sequence)
    }

    /// The topic of a message that is still in flight.
    pub(super) fn target(&self, ticket: Ticket) -> Option<Target> {
        self.slots.get(ticket.wrapping_sub(self.front)).map(|slot| slot.target)
    }

    /// Records from the lowest unfinished one up.
    pub(super) fn records(&self) -> usize {
        self.slots.len()
    }

    /// Unacknowledged messages.
    pub(super) fn messages(&self) -> u32 {
        self.messages
    }

    /// Bytes of the keys and values of the unacknowledged messages.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn slot(&mut self, ticket: Ticket) -> Option<&mut Slot> {
        self.slots.get_mut(ticket.wrapping_sub(self.front))
    }

    fn release(&mut self, ticket: Ticket) {
        if let Some(slot) = self.slot(ticket) {
            slot.outstanding = slot.outstanding.saturating_sub(1);
        }
        while self.slots.front().is_some_and(|slot| slot.outstanding == 0) {
            self.slots.pop_front();
            self.front = self.front.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests;
