//! Receives a body within a size limit, two time limits and the limits of bytes in flight.

use super::answer::Answer;
use super::bounds::{Bounds, RETRY_AFTER_IN_FLIGHT};
use super::inflate::{Encoding, InflateError};
use crate::clock::Clock;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Sleep;

/// Permits for bytes in flight, per account and in total. A body acquires its account's
/// first, so that a flooding account blocks only itself.
#[derive(Debug)]
pub(super) struct InFlightPermits<'a> {
    account: &'a Semaphore,
    total: &'a Semaphore,
    wait: Duration,
    held: Option<(SemaphorePermit<'a>, SemaphorePermit<'a>)>,
}

impl<'a> InFlightPermits<'a> {
    pub(super) fn new(account: &'a Semaphore, total: &'a Semaphore, wait: Duration) -> Self {
        Self { account, total, wait, held: None }
    }

    /// Acquires permits for `bytes` more, within a bounded time.
    async fn grow(&mut self, bytes: usize) -> Result<(), Answer> {
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        let at_once = self.account.try_acquire_many(permits).ok();
        let (account, total) = match at_once.and_then(|held| Some((held, self.total.try_acquire_many(permits).ok()?))) {
            Some(taken) => taken,
            None => self.wait_for(permits).await?,
        };
        match &mut self.held {
            Some((held_account, held_total)) => {
                held_account.merge(account);
                held_total.merge(total);
            }
            None => self.held = Some((account, total)),
        }
        Ok(())
    }

    async fn wait_for(&self, permits: u32) -> Result<(SemaphorePermit<'a>, SemaphorePermit<'a>), Answer> {
        let both = async {
            let account = self.account.acquire_many(permits).await.ok()?;
            Some((account, self.total.acquire_many(permits).await.ok()?))
        };
        tokio::time::timeout(self.wait, both)
            .await
            .ok()
            .flatten()
            .ok_or(Answer::Unavailable("too many bytes are in flight; send again later", RETRY_AFTER_IN_FLIGHT))
    }

    /// Releases the permits of `bytes`.
    fn shrink(&mut self, bytes: usize) {
        if let Some((account, total)) = &mut self.held {
            drop((account.split(bytes), total.split(bytes)));
        }
    }
}

/// Receives the body as one buffer: hyper's own if it came in one piece.
pub(super) async fn gather(
    incoming: &mut Incoming,
    in_flight: &mut InFlightPermits<'_>,
    bounds: &Bounds,
    clock: &Clock,
) -> Result<Bytes, Answer> {
    let declared = declared_bytes(incoming, bounds)?;
    in_flight.grow(declared.unwrap_or(0)).await?;
    let mut frames = Frames::new(incoming, bounds, clock);
    let mut whole = Bytes::new();
    let mut joined = Vec::new();
    while let Some(piece) = frames.next_piece().await? {
        if whole.len() + joined.len() + piece.len() > bounds.body_bytes_max {
            return Err(too_large(bounds));
        }
        if declared.is_none() {
            in_flight.grow(piece.len()).await?;
        }
        if whole.is_empty() && joined.is_empty() {
            whole = piece;
            continue;
        }
        if joined.is_empty() {
            joined.reserve_exact(declared.unwrap_or(whole.len() + piece.len()));
            joined.extend_from_slice(&std::mem::take(&mut whole));
        }
        joined.extend_from_slice(&piece);
    }
    Ok(if joined.is_empty() { whole } else { Bytes::from(joined) })
}

/// Inflates a received body.
pub(super) async fn inflate(
    body: Bytes,
    encoding: Encoding,
    in_flight: &mut InFlightPermits<'_>,
    bounds: &Bounds,
) -> Result<Bytes, Answer> {
    if encoding == Encoding::Identity || body.is_empty() {
        return Ok(body);
    }
    in_flight.grow(bounds.body_bytes_max).await?;
    let inflated = encoding.inflate(&body, bounds.body_bytes_max).map_err(|error| match error {
        InflateError::TooLarge => too_large(bounds),
        InflateError::Broken(why) => Answer::Broken(why.to_owned()),
    })?;
    in_flight.shrink(bounds.body_bytes_max - inflated.len());
    Ok(Bytes::from(inflated))
}

/// The declared length of the body, if any, checked against the limit.
fn declared_bytes(incoming: &Incoming, bounds: &Bounds) -> Result<Option<usize>, Answer> {
    match incoming.size_hint().exact().map(usize::try_from) {
        None => Ok(None),
        Some(Ok(bytes)) if bytes <= bounds.body_bytes_max => Ok(Some(bytes)),
        Some(_) => Err(too_large(bounds)),
    }
}

fn too_large(bounds: &Bounds) -> Answer {
    Answer::TooLarge(format!("a body may have at most {} bytes, before and after inflation", bounds.body_bytes_max))
}

/// The pieces of a body, received within both time limits.
struct Frames<'a> {
    incoming: &'a mut Incoming,
    clock: &'a Clock,
    whole_by: Instant,
    stall_timeout: Duration,
    /// Armed when a piece does not arrive at once.
    alarm: Alarm,
}

enum Alarm {
    Off,
    /// The first poll returned nothing. hyper reads the socket only after it, so a timer is
    /// not worth its cost yet.
    Polled,
    On(Pin<Box<Sleep>>),
}

impl<'a> Frames<'a> {
    fn new(incoming: &'a mut Incoming, bounds: &Bounds, clock: &'a Clock) -> Self {
        let whole_by = clock.monotonic() + bounds.body_timeout;
        Self { incoming, clock, whole_by, stall_timeout: bounds.stall_timeout, alarm: Alarm::Off }
    }

    /// The next bytes; `None` at the end.
    async fn next_piece(&mut self) -> Result<Option<Bytes>, Answer> {
        loop {
            let Some(frame) = std::future::poll_fn(|context| self.poll_frame(context)).await? else { return Ok(None) };
            match frame.into_data() {
                Ok(piece) if piece.is_empty() => {}
                Ok(piece) => return Ok(Some(piece)),
                // Trailers are ignored.
                Err(_) => {}
            }
        }
    }

    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, Answer>> {
        match Pin::new(&mut *self.incoming).poll_frame(context) {
            Poll::Ready(frame) => {
                if let Alarm::On(_) = self.alarm
                    && self.clock.monotonic() >= self.whole_by
                {
                    return Poll::Ready(Err(TRICKLED));
                }
                self.alarm = Alarm::Off;
                Poll::Ready(frame.transpose().map_err(|_| Answer::Broken("the body ended early".to_owned())))
            }
            Poll::Pending => self.poll_alarm(context),
        }
    }

    fn poll_alarm(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, Answer>> {
        if let Alarm::Off = self.alarm {
            self.alarm = Alarm::Polled;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let left = self.whole_by.saturating_duration_since(self.clock.monotonic());
        if let Alarm::Polled = self.alarm {
            self.alarm = Alarm::On(Box::pin(tokio::time::sleep(left.min(self.stall_timeout))));
        }
        let Alarm::On(alarm) = &mut self.alarm else { return Poll::Pending };
        alarm.as_mut().poll(context).map(|()| Err(if left.is_zero() { TRICKLED } else { STALLED }))
    }
}

const STALLED: Answer = Answer::Timeout("the body stalled for too long");
const TRICKLED: Answer = Answer::Timeout("the body took too long to arrive");
