//! Setting a sink back: what a replay is.
//!
//! The pump sends everything from the given record on again, in journal order, up
//! to now; so a correction always follows what it corrects. With a source named,
//! the other sources' records are skipped up to where the sink was safe when the
//! rewind was asked for. All records that had come by then, also those that the sink
//! had not had, may be read otherwise than the door read them ([`Reread`]). A restart
//! in between goes on in the same way. One that is taken back half-way has put old
//! values over their corrections: so those, and nothing else, are sent of the rest of
//! its way (`touched`). Known limits: where two sources bring the same meter, a rewind
//! of one of them can put its value over a later one of the other (rewind without a
//! source then); and a second rewind during a first does what both ask for, without a
//! source.

use super::replaying::{Replaying, Reread};
use super::run::Run;
use super::touched::Touched;
use super::trouble::Trouble;
use crate::journal::{Cursor, CursorError, Journal, Sequence, SourceId};
use crate::reading::UnixNanos;

/// Where to go back to, and how to read what comes from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewind {
    /// The first record to be sent again. Older than retained: the oldest.
    pub from: Sequence,
    /// Only this source's records are sent again.
    pub source: Option<SourceId>,
    /// How they are read.
    pub reread: Reread,
}

impl Rewind {
    /// Everything from a record on, read as always.
    #[must_use]
    pub fn to(from: Sequence) -> Self {
        Self { from, source: None, reread: Reread::default() }
    }

    /// What it does for a sink that is safe below `safe`, with a journal that ends
    /// below `end`; `None` where there is nothing to do.
    fn plan(&self, oldest: Sequence, safe: Sequence, end: Sequence) -> Option<Rewound> {
        let until = if self.reread == Reread::default() { safe } else { safe.max(end) };
        let from = self.from.max(oldest);
        (from < until).then_some(Rewound { from, until })
    }

    /// What is under way after it.
    fn replaying(&self, done: Rewound, safe: Sequence, before: Option<Replaying>) -> Replaying {
        Replaying {
            until: safe,
            source: self.source,
            reread: self.reread,
            reread_from: done.from,
            reread_until: done.until,
            can_be_taken_back: true,
            began: done.from.min(safe),
            sent_below: done.from.min(safe),
            is_taken_back: false,
        }
        .joined_to(before)
    }
}

/// What a pump is asked to do with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Rewind(Rewind),
    /// Give up the replay that is under way.
    TakeBack,
}

/// What a rewind did; durable when it is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewound {
    /// The first record that it is about.
    pub from: Sequence,
    /// The first record that it changes nothing for: the first that had not been safe
    /// before, or, where records are read otherwise, the first that had not come yet.
    pub until: Sequence,
}

/// Why a rewind was not made, or not yet.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RewindError {
    /// The place is not known yet.
    #[error("the sink has not found its place yet ({0}); mend that first")]
    NotStarted(String),
    /// The cursor cannot be stored.
    #[error("the rewind could not be made durable, so it was not made: {0}")]
    Cursor(#[from] CursorError),
    /// Its thread is busy with the sink.
    #[error("the sink is busy with a request and will rewind after it; ask for its status to see when")]
    Busy,
    /// It is being stopped.
    #[error("the sink is being stopped; rewind it offline, or after the next start")]
    Stopped,
    /// Nothing to take back.
    #[error("no replay is under way, or the sink's store lost something during it: there is nothing to take back")]
    NotReplaying,
}

impl Run {
    /// Carries out what was asked for, if anything.
    pub(super) fn attend(&mut self) {
        if let Some((order, asked)) = self.shared.take_order() {
            let done = match order {
                Order::Rewind(rewind) => self.rewind(rewind),
                Order::TakeBack => self.take_back(),
            };
            // Who asked may have given up waiting.
            asked.try_send(done).ok();
        }
    }

    fn rewind(&mut self, rewind: Rewind) -> Result<Rewound, RewindError> {
        let Some(place) = &self.place else { return Err(self.not_started()) };
        let safe = place.safe;
        let Some(done) = rewind.plan(self.shared.journal.oldest().next, safe, self.shared.journal.next()) else {
            return Ok(Rewound { from: safe, until: safe });
        };
        self.go_to(done.from.min(safe), Some(rewind.replaying(done, safe, self.replaying)))?;
        tracing::info!(sink = self.shared.name, from = done.from.0, until = done.until.0, "the sink is rewound");
        Ok(done)
    }

    fn take_back(&mut self) -> Result<Rewound, RewindError> {
        let Some(place) = &self.place else { return Err(self.not_started()) };
        let safe = place.safe;
        let replaying = self.replaying.filter(|replaying| replaying.can_be_taken_back && !replaying.is_taken_back);
        let replaying = replaying.ok_or(RewindError::NotReplaying)?;
        let (until, (began, sent_below)) = (replaying.until.max(safe), replaying.sent());
        if safe >= replaying.until || began == sent_below {
            self.go_to(until, None)?;
        } else {
            self.go_to(safe, Some(Replaying { is_taken_back: true, ..replaying }))?;
        }
        tracing::info!(sink = self.shared.name, until = until.0, "the replay is taken back");
        Ok(Rewound { from: until, until })
    }

    /// Which samples had been sent, where a replay was taken back half-way. False at
    /// a stop: then that is looked for after the next start.
    pub(super) fn know_what_was_sent(&mut self) -> Result<bool, Trouble> {
        let replaying = self.replaying.filter(|replaying| replaying.is_taken_back);
        let Some(replaying) = replaying.filter(|_| self.touched.is_none()) else { return Ok(true) };
        let is_stopping = || self.shared.stop_deadline().is_some();
        self.touched = Touched::by(&replaying, &self.shared.journal, &self.options.rules, is_stopping)?;
        Ok(self.touched.is_some())
    }

    /// Makes a place and a way of reading durable, then takes them.
    fn go_to(&mut self, next: Sequence, replaying: Option<Replaying>) -> Result<(), RewindError> {
        self.cursor.store(&self.shared, next, replaying)?;
        self.replaying = replaying;
        self.touched = None;
        if let Some(place) = &mut self.place {
            place.go_to(next);
        }
        self.stumble = None;
        if let Some(failed) = &mut self.failed {
            failed.waiting = next;
        }
        self.deaths.load(&self.options, &self.shared.name);
        let mut view = self.shared.view();
        (view.safe, view.waiting) = (next, next);
        view.replaying_until = replaying.as_ref().map(Replaying::end);
        drop(view);
        Ok(())
    }

    fn not_started(&self) -> RewindError {
        let why = self.shared.view().why.clone();
        RewindError::NotStarted(why.unwrap_or_else(|| "it is just starting".to_owned()))
    }

    /// Everything that is not safe is to be sent again; and where the store forgot
    /// what was safe, that too, once the lower cursor is durable. Until it is, the
    /// sink finds the loss anew at every try.
    ///
    /// The record that has to become safe before the sink has recovered.
    pub(super) fn go_back(&mut self, lost_from: Option<Sequence>) -> Sequence {
        let Some(place) = &mut self.place else { return Sequence(0) };
        let (mut from, mut waiting) = (place.safe, place.waiting);
        if let Some(lost_from) = lost_from.filter(|lost| *lost < from) {
            let replaying = self.replaying.map(Replaying::after_a_loss);
            match self.cursor.store(&self.shared, lost_from, replaying) {
                Ok(()) => {
                    tracing::warn!(
                        sink = self.shared.name,
                        from = lost_from.0,
                        until = from.0,
                        "the store forgot what it had confirmed; it is sent again"
                    );
                    self.metrics.went_back.increment(1);
                    self.replaying = replaying;
                    self.touched = None;
                    (from, waiting) = (lost_from, lost_from);
                }
                Err(error) => {
                    tracing::warn!(sink = self.shared.name, %error, "the cursor cannot be set back; it is tried again");
                }
            }
        }
        place.go_to(from);
        let mut view = self.shared.view();
        (view.safe, view.waiting) = (from, from);
        waiting
    }
}

/// Sets a stored cursor back, for the next start; `None` where the sink has not come
/// that far yet. For a journal that no pump reads.
///
/// # Errors
/// When the cursor cannot be read or stored.
pub fn rewind_stored(
    journal: &Journal,
    sink: &str,
    rewind: &Rewind,
    now: UnixNanos,
) -> Result<Option<Rewound>, CursorError> {
    let cursor = journal.cursors().load(sink)?;
    let Some(safe) = cursor.as_ref().and_then(Cursor::position).map(|position| position.next) else {
        return Ok(None);
    };
    let Some(done) = rewind.plan(journal.oldest().next, safe, journal.next()) else { return Ok(None) };
    let before = cursor.and_then(|cursor| Replaying::from_note(&cursor.note)).filter(|before| before.end() > safe);
    let mut cursor = Cursor::at(sink, journal.position(done.from.min(safe)), now);
    cursor.note = rewind.replaying(done, safe, before).to_note();
    journal.cursors().store(&cursor)?;
    Ok(Some(done))
}
