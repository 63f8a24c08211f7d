//! The loop of the pump's thread: read, hand over, settle, advance, wait; after a failure
//! go back and retry.

use super::error::PumpError;
use super::feed::FeedEnd;
use super::log::LogReader;
use super::position::PumpPosition;
use super::replay::Replay;
use super::sink::Progress;
use super::start::start;
use super::state::{Pump, RetryState};
use super::status::SinkState;
use crate::journal::Sequence;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Interval at which lag and gauges are updated.
const REFRESH_EVERY: Duration = Duration::from_secs(1);
/// How long to wait while a sink has no room.
const FULL_PAUSE: Duration = Duration::from_millis(5);
/// Time without an error after which a sink with nothing to send counts as recovered.
const RECOVERED_AFTER: Duration = Duration::from_secs(5);

enum Iteration {
    Done,
    Ended,
}

impl Pump {
    pub(super) fn run(mut self) {
        loop {
            let error = match catch_unwind(AssertUnwindSafe(|| self.iterate())) {
                Ok(Ok(Iteration::Done)) => continue,
                Ok(Ok(Iteration::Ended)) => break,
                Ok(Err(error)) => error,
                Err(panic) => self.panicked(&*panic),
            };
            self.fail(error);
            if !self.wait_for_next_try() {
                break;
            }
        }
        if let Some(position) = &self.position {
            self.cursor.finish(&self.shared, position.safe, self.replay);
        }
        self.refresh();
        if self.shared.log.can_move() {
            self.metrics.end();
        }
        // Its end may take seconds, which the stop counts.
        drop(self.sink);
        self.shared.ended();
    }

    fn iterate(&mut self) -> Result<Iteration, PumpError> {
        self.commands_seen = self.shared.commands();
        let begun = self.find_start();
        self.handle_rewind();
        begun?;
        let stop_by = self.shared.stop_deadline();
        if stop_by.is_some_and(|deadline| self.shared.clock.monotonic() >= deadline) {
            return Ok(Iteration::Ended);
        }
        self.make_ready()?;
        let end = self.feed()?;
        let is_drained = stop_by.is_some() && end == FeedEnd::CaughtUp;
        let progress = self.sink.settle(is_drained || matches!(end, FeedEnd::FailedRecord | FeedEnd::ReplayEnd))?;
        let next = self.apply(progress);
        if self.refreshed.is_none_or(|at| self.shared.clock.elapsed(at) >= REFRESH_EVERY) {
            self.refresh();
        }
        if is_drained && self.position.as_ref().is_some_and(|position| position.safe == next) {
            return Ok(Iteration::Ended);
        }
        self.catch_up_rate.note(
            self.shared.clock.monotonic(),
            self.readings,
            matches!(end, FeedEnd::MoreToRead | FeedEnd::SinkFull),
        );
        self.wait_for_work(end, next, progress.wake_at);
        Ok(Iteration::Done)
    }

    /// Finds the first position, once.
    fn find_start(&mut self) -> Result<(), PumpError> {
        if self.position.is_some() {
            return Ok(());
        }
        let start = start(&self.shared, self.sink.as_mut())?;
        if let Some(from) = start.gap_from {
            self.note_gap(from, start.next)?;
        }
        // Stored before anything is read, so that it pins the records from here on.
        let stored = if start.is_first {
            self.cursor.store_first(&self.shared, start.next)
        } else {
            self.cursor.store(&self.shared, start.next, start.replay)
        };
        stored.map_err(|error| PumpError::waiting(error.to_string()))?;
        self.panics.load(self.options.dead_letters.as_ref(), &self.shared.name);
        let mut view = self.shared.view();
        (view.safe, view.waiting) = (start.next, start.next);
        drop(view);
        self.shared.view().replaying_until = start.replay.as_ref().map(Replay::end);
        self.replay = start.replay;
        self.position = Some(PumpPosition::at(start.next));
        tracing::info!(sink = self.shared.name, next = start.next.0, "the sink starts");
        Ok(())
    }

    /// Rewinds the sink to the lowest unsafe record, after a start, a failure, a rewind.
    fn make_ready(&mut self) -> Result<(), PumpError> {
        if self.position.as_ref().is_none_or(|position| position.reader.is_some()) {
            return Ok(());
        }
        self.skip_expired()?;
        let Some(position) = &mut self.position else { return Ok(()) };
        let reader = self.shared.log.reader(position.safe)?;
        self.sink.rewind(self.shared.log.position(position.safe))?;
        position.reader = Some(reader);
        Ok(())
    }

    /// Applies the sink's progress. Returns the record to read next.
    fn apply(&mut self, progress: Progress) -> Sequence {
        let Some(position) = &mut self.position else { return progress.next_unsafe };
        let next = position.reader.as_ref().map_or(position.safe, LogReader::next_sequence);
        // With nothing in flight, what was skipped since the last record is safe too.
        let is_idle = position.last_taken.is_none_or(|taken| progress.next_unsafe > taken);
        let safe = if is_idle { next } else { progress.next_unsafe.min(next) };
        let is_waiting_for_none = position.last_taken.is_none_or(|taken| progress.next_waiting > taken);
        let waiting = if is_waiting_for_none { next } else { progress.next_waiting.min(next) };
        (position.safe, position.waiting) = (safe, waiting);
        if let Some(received) = position.take_delay_probes_below(waiting) {
            let delay_ns = self.shared.clock.now().since(received).max(0);
            self.metrics.delay_seconds.record(Duration::from_nanos(delay_ns.unsigned_abs()).as_secs_f64());
        }
        // An exact store gets no new record before the stored cursor has left the replay.
        let has_left = |replay: Replay| !self.sink.is_exact() || self.cursor.has_reached(replay.until());
        if self.replay.is_some_and(|replay| safe >= replay.end() && has_left(replay)) {
            self.replay = None;
            tracing::info!(sink = self.shared.name, next = safe.0, "the replay is complete");
            self.redecoded.finish();
        }
        self.panics.forget_below(safe);
        self.cursor.follow(&self.shared, safe, self.replay);
        self.failed_at = self.failed_at.filter(|failed_at| *failed_at >= safe);
        {
            let mut view = self.shared.view();
            (view.safe, view.waiting) = (safe, waiting);
            view.readings = self.readings;
            view.replaying_until = self.replay.as_ref().map(Replay::end);
        }
        self.check_recovery(waiting, is_waiting_for_none);
        next
    }

    fn check_recovery(&mut self, waiting: Sequence, is_idle: bool) {
        let Some(retry) = &self.retry else { return };
        if waiting > retry.waiting || (is_idle && self.shared.clock.elapsed(retry.tried) >= RECOVERED_AFTER) {
            self.retry = None;
            self.options.backoff.reset();
            self.set_state(SinkState::Running, None);
            self.refresh();
        }
    }

    /// Waits for new records, a command or the sink's timer.
    fn wait_for_work(&self, end: FeedEnd, next: Sequence, wake_at: Option<Instant>) {
        let clock = &self.shared.clock;
        let until_due = wake_at.map_or(REFRESH_EVERY, |at| at.saturating_duration_since(clock.monotonic()));
        let stopping = self.shared.stop_deadline().is_some();
        match end {
            FeedEnd::MoreToRead => {}
            FeedEnd::SinkFull if !self.sink.is_full() => {}
            FeedEnd::SinkFull => self.shared.pause(self.commands_seen, FULL_PAUSE),
            FeedEnd::FailedRecord | FeedEnd::ReplayEnd => {
                self.shared.pause(self.commands_seen, until_due.min(FULL_PAUSE))
            }
            FeedEnd::CaughtUp if stopping => self.shared.pause(self.commands_seen, until_due.min(FULL_PAUSE)),
            FeedEnd::CaughtUp if self.shared.commands() != self.commands_seen => {}
            FeedEnd::CaughtUp => {
                // One iteration over several records costs less than one for each.
                if self.shared.log.wait_beyond(next, until_due.min(REFRESH_EVERY)) {
                    self.shared.pause(self.commands_seen, until_due.min(self.options.linger));
                }
            }
        }
    }

    /// The error that a panic in the sink's code becomes.
    fn panicked(&mut self, panic: &(dyn Any + Send)) -> PumpError {
        self.metrics.restarts.increment(1);
        let safe = self.position.as_ref().map_or(Sequence::FIRST, |position| position.safe);
        self.panics.record(panic, safe, &self.shared, self.options.dead_letters.as_ref())
    }

    fn fail(&mut self, error: PumpError) {
        self.metrics.errors.increment(1);
        self.catch_up_rate.interrupt();
        self.failed_at = self.panics.end().or(self.failed_at);
        let now = self.shared.clock.monotonic();
        let waiting = self.go_back(error.resume);
        self.retry = Some(RetryState { waiting, tried: now });
        {
            let mut view = self.shared.view();
            view.last_error = Some((self.shared.clock.now(), error.message.clone()));
            view.next_try = Some(now + self.options.backoff.next_wait());
        }
        self.set_state(error.state, Some(error.message));
        self.refresh();
    }

    /// Waits out the backoff. False at a stop, when nothing is retried.
    fn wait_for_next_try(&mut self) -> bool {
        let next_try = self.shared.view().next_try;
        while let Some(left) = next_try.and_then(|at| at.checked_duration_since(self.shared.clock.monotonic())) {
            if self.shared.commands() != self.commands_seen || left.is_zero() {
                break;
            }
            self.shared.pause(self.commands_seen, left.min(REFRESH_EVERY));
            if let Err(error) = self.skip_expired() {
                tracing::warn!(sink = self.shared.name, why = error.message, "a gap record cannot be stored; retrying");
            }
            self.refresh();
        }
        self.shared.view().next_try = None;
        if self.shared.stop_deadline().is_some() {
            return false;
        }
        self.metrics.retries.increment(1);
        if let Some(retry) = &mut self.retry {
            retry.tried = self.shared.clock.monotonic();
        }
        true
    }
}
