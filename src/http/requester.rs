//! Rate-limited requests, counted by outcome.

use super::budget::Budget;
use super::client::{Client, HttpError, Request, Response};
use super::outcome::{Outcome, outcome};
use super::web_socket::WebSocket;
use crate::base::{Stop, Stopped};
use crate::clock::Clock;
use crate::metrics;
use ::metrics::Counter;
use hyper::Uri;
use hyper::header::HeaderValue;
use std::future::Future;
use std::time::{Duration, Instant};

/// Sends the requests of one source within its budget.
#[derive(Debug, Clone)]
pub struct Requester {
    client: Client,
    budget: Budget,
    stop: Stop,
    clock: Clock,
    counts: Counts,
    /// No wait lasts longer; `None` for no limit.
    give_up_at: Option<Instant>,
}

/// One request and its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The classified answer.
    pub outcome: Outcome,
    /// The answer, or the client error.
    pub answer: Result<Response, HttpError>,
}

impl Exchange {
    fn no_budget(wait: Duration) -> Self {
        Self { outcome: Outcome::Later(Some(wait)), answer: Err(HttpError::NoBudget) }
    }
}

impl Requester {
    /// Creates the requester of source `name`. Requesters that share a budget share its waits.
    pub fn new(name: &str, client: Client, budget: Budget, stop: Stop, clock: Clock) -> Self {
        Self { client, budget, stop, clock, counts: Counts::new(name), give_up_at: None }
    }

    /// The same requester with waits that end at `give_up_at`.
    #[must_use]
    pub fn until(&self, give_up_at: Instant) -> Self {
        Self { give_up_at: Some(give_up_at), ..self.clone() }
    }

    /// Waits for the budget, sends the request and reads the answer. A stop ends the wait,
    /// but not a request in flight. If the budget allows no request in time, none is sent, and
    /// the answer is [`HttpError::NoBudget`].
    ///
    /// # Errors
    /// When a stop was requested before the request was sent.
    pub async fn send(&self, request: Request) -> Result<Exchange, Stopped> {
        let in_flight = match self.begin().await? {
            Ok(in_flight) => in_flight,
            Err(wait) => return Ok(Exchange::no_budget(wait)),
        };
        let answer = self.client.send(request).await;
        drop(in_flight);
        Ok(self.ended(answer))
    }

    /// Opens a WebSocket by GET, with this Authorization header. Waits and counts as [`Self::send`]; if
    /// the server does not open one, the result is its answer.
    ///
    /// # Errors
    /// When a stop was requested before the request was sent.
    pub async fn open(
        &self,
        uri: &Uri,
        authorization: Option<&HeaderValue>,
    ) -> Result<Result<WebSocket, Exchange>, Stopped> {
        let in_flight = match self.begin().await? {
            Ok(in_flight) => in_flight,
            Err(wait) => return Ok(Err(Exchange::no_budget(wait))),
        };
        let opened = WebSocket::open(&self.client, uri, authorization).await;
        drop(in_flight);
        Ok(match opened {
            Ok(Ok(socket)) => {
                self.counts.count(Outcome::Done, true);
                Ok(socket)
            }
            Ok(Err(answer)) => Err(self.ended(Ok(answer))),
            Err(error) => Err(self.ended(Err(error))),
        })
    }

    /// Waits for the budget; the error is the wait that would be too long.
    async fn begin(&self) -> Result<Result<InFlight<'_>, Duration>, Stopped> {
        if self.stop.deadline().is_some() {
            return Err(Stopped);
        }
        while let Err(wait) = self.budget.begin(self.clock.monotonic()) {
            if self.is_too_late(wait) {
                return Ok(Err(wait));
            }
            self.stop.sleep(wait).await?;
        }
        Ok(Ok(InFlight(self)))
    }

    /// Classifies and counts an answer.
    fn ended(&self, answer: Result<Response, HttpError>) -> Exchange {
        let outcome = outcome(&answer);
        if let Outcome::Later(Some(wait)) = outcome {
            self.budget.hold(self.clock.monotonic() + wait);
        }
        self.counts.count(outcome, answer.is_ok());
        Exchange { outcome, answer }
    }

    /// Waits until the budget allows a request, and sends none. Returns at once where the
    /// budget allows none in time.
    ///
    /// # Errors
    /// When a stop was asked for.
    pub async fn ready(&self) -> Result<(), Stopped> {
        while let Some(wait) = self.budget.wait(self.clock.monotonic()) {
            if self.is_too_late(wait) {
                break;
            }
            self.stop.sleep(wait).await?;
        }
        Ok(())
    }

    /// Waits for `work`, which a stop ends; `None` if it takes too long.
    ///
    /// # Errors
    /// When a stop was asked for.
    pub async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<Option<T>, Stopped> {
        let Some(give_up_at) = self.give_up_at else { return self.stop.unless_asked(work).await.map(Some) };
        self.stop.unless_asked(tokio::time::timeout_at(give_up_at.into(), work)).await.map(Result::ok)
    }

    /// Whether this wait would end too late to send a request.
    fn is_too_late(&self, wait: Duration) -> bool {
        self.give_up_at.is_some_and(|give_up_at| self.clock.monotonic() + wait > give_up_at)
    }

    /// The signal that ends its waits.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// The monotonic time, for token expiry and deadlines.
    pub fn now(&self) -> Instant {
        self.clock.monotonic()
    }
}

/// A request in flight. Its drop informs the budget, also when the task is cancelled.
struct InFlight<'a>(&'a Requester);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.budget.end(self.0.clock.monotonic());
    }
}

#[derive(Debug, Clone)]
struct Counts {
    done: Counter,
    later: Counter,
    failed: Counter,
    refused: Counter,
}

impl Counts {
    fn new(source: &str) -> Self {
        let counter = |outcome: &str| {
            let labels = [("source", source.to_owned()), ("outcome", outcome.to_owned())];
            metrics::counter("meterline_source_requests_total", &labels)
        };
        Self { done: counter("done"), later: counter("later"), failed: counter("failed"), refused: counter("refused") }
    }

    fn count(&self, outcome: Outcome, is_answered: bool) {
        match outcome {
            _ if !is_answered => &self.failed,
            Outcome::Done => &self.done,
            Outcome::Later(_) => &self.later,
            Outcome::Uncertain => &self.failed,
            Outcome::Unauthorized | Outcome::Forbidden | Outcome::Refused => &self.refused,
        }
        .increment(1);
    }
}
