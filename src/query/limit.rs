//! When a query ends without its answer: after a time, or when its client has gone.
//!
//! The embedded store's statement is interrupted; the connection to a server is closed, which ends the statement there.

use super::error::QueryError;
use crate::base::Stop;
use crate::clock::Clock;
use std::time::{Duration, Instant};

/// The limit of one or several queries. Without one, as in a command, a query takes as long as it needs.
#[derive(Debug, Clone, Default)]
pub struct Limit(Option<Ends>);

#[derive(Debug, Clone)]
struct Ends {
    clock: Clock,
    /// The time for all, and its end.
    time: Option<(Duration, Instant)>,
    left: Stop,
}

impl Limit {
    /// All queries together have this time from now; they end earlier if `left` is asked.
    pub fn of(time: Duration, clock: &Clock, left: &Stop) -> Self {
        let time = Some((time, clock.monotonic() + time));
        Self(Some(Ends { clock: clock.clone(), time, left: left.clone() }))
    }

    /// Queries take as long as they need, and end when `left` is asked.
    pub fn until(left: &Stop) -> Self {
        Self(Some(Ends { clock: Clock::system(), time: None, left: left.clone() }))
    }

    /// Whether a query goes on.
    ///
    /// # Errors
    /// Why it does not.
    pub(super) fn check(&self) -> Result<(), QueryError> {
        let Some(Ends { clock, time, left }) = &self.0 else { return Ok(()) };
        match time {
            _ if left.deadline().is_some() => Err(QueryError::Left),
            Some((time, end)) if clock.monotonic() >= *end => Err(QueryError::TooSlow { seconds: time.as_secs() }),
            _ => Ok(()),
        }
    }

    /// Returns when a query has to end.
    #[cfg(feature = "questdb")]
    pub(super) async fn over(&self) {
        match &self.0 {
            None => std::future::pending().await,
            Some(Ends { time: None, left, .. }) => left.asked().await,
            Some(Ends { clock, time: Some((_, end)), left }) => {
                let rest = end.saturating_duration_since(clock.monotonic());
                tokio::time::timeout(rest, left.asked()).await.ok();
            }
        }
    }

    /// Why a query was ended.
    pub(super) fn error(&self) -> QueryError {
        let time = self.0.as_ref().and_then(|ends| ends.time);
        let too_slow = QueryError::TooSlow { seconds: time.map_or(0, |(time, _)| time.as_secs()) };
        self.check().err().unwrap_or(too_slow)
    }
}
