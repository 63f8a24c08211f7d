//! Receives a body within a size limit, two time limits and the limits of bytes in flight.

use super::answer::Answer;
use super::bounds::Bounds;
use super::in_flight::{InFlightLimits, InFlightPermits};
use super::inflate::{Encoding, InflateError};
use crate::clock::Clock;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::time::Sleep;

/// Permits for bytes in flight are taken in steps of this many bytes.
const STEP_BYTES: usize = 64 << 10;

/// A received body, with its permits for bytes in flight.
pub(super) struct Received<'a> {
    pub(super) content: Content,
    /// Its size as received.
    pub(super) bytes: usize,
    /// Held until the body is stored.
    pub(super) _in_flight: InFlightPermits<'a>,
}

/// The content of a received body.
pub(super) enum Content {
    /// As the format wants it.
    Plain(Bytes),
    /// As received, and why it cannot be inflated.
    Packed(Bytes, &'static str),
}

/// Receives a body and inflates it.
pub(super) async fn receive<'a>(
    incoming: &mut Incoming,
    encoding: Encoding,
    limits: InFlightLimits<'a>,
    bounds: &Bounds,
    clock: &Clock,
) -> Result<Received<'a>, Answer> {
    let declared = declared_bytes(incoming, bounds)?;
    let received_max = declared.unwrap_or(bounds.body_bytes_max);
    let mut in_flight = InFlightPermits::new(limits);
    in_flight.grow_to(received_max.min(STEP_BYTES)).await?;
    let body = gather(incoming, declared, &mut in_flight, bounds, clock).await?;
    let bytes = body.len();
    let inflated_max = encoding.inflated_max(bytes).min(bounds.body_bytes_max);
    in_flight.grow_to(bytes + inflated_max).await?;
    let content = match encoding.inflate(&body, bounds.body_bytes_max) {
        Ok(None) => Content::Plain(body),
        Ok(Some(inflated)) => Content::Plain(Bytes::from(inflated)),
        Err(InflateError::TooLarge) => return Err(too_large(bounds)),
        Err(InflateError::Broken(why)) => Content::Packed(body, why),
    };
    let (Content::Plain(held) | Content::Packed(held, _)) = &content;
    in_flight.shrink_to(held.len());
    Ok(Received { content, bytes, _in_flight: in_flight })
}

/// Gathers the body as one buffer: hyper's own if it came in one piece.
async fn gather(
    incoming: &mut Incoming,
    declared: Option<usize>,
    in_flight: &mut InFlightPermits<'_>,
    bounds: &Bounds,
    clock: &Clock,
) -> Result<Bytes, Answer> {
    let received_max = declared.unwrap_or(bounds.body_bytes_max);
    let mut frames = Frames::new(incoming, bounds, clock);
    let mut whole = Bytes::new();
    let mut joined = Vec::new();
    while let Some(piece) = frames.next_piece().await? {
        let came = whole.len() + joined.len() + piece.len();
        if came > bounds.body_bytes_max {
            return Err(too_large(bounds));
        }
        in_flight.grow_to(came.next_multiple_of(STEP_BYTES).min(received_max.max(came))).await?;
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
    body_timeout: Duration,
    stall_timeout: Duration,
    /// Set when a piece does not arrive at once: most bodies need no clock.
    whole_by: Option<Instant>,
    /// Armed then.
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
        let Bounds { body_timeout, stall_timeout, .. } = *bounds;
        Self { incoming, clock, body_timeout, stall_timeout, whole_by: None, alarm: Alarm::Off }
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
                if let (Alarm::On(_), Some(whole_by)) = (&self.alarm, self.whole_by)
                    && self.clock.monotonic() >= whole_by
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
        let now = self.clock.monotonic();
        let left = self.whole_by.get_or_insert(now + self.body_timeout).saturating_duration_since(now);
        if let Alarm::Polled = self.alarm {
            self.alarm = Alarm::On(Box::pin(tokio::time::sleep(left.min(self.stall_timeout))));
        }
        let Alarm::On(alarm) = &mut self.alarm else { return Poll::Pending };
        alarm.as_mut().poll(context).map(|()| Err(if left.is_zero() { TRICKLED } else { STALLED }))
    }
}

const STALLED: Answer = Answer::Timeout("the body stalled for too long");
const TRICKLED: Answer = Answer::Timeout("the body took too long to arrive");
