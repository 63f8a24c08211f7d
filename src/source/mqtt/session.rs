//! A source of one broker: connects, subscribes, takes messages, acknowledges what is synced.
//!
//! Invariants: a message of QoS 1 is acknowledged once it is synced, or known to be left out, in the order of
//! receipt. While the journal refuses, the connection is kept: messages of QoS 1 wait unacknowledged up to
//! the bounds of the queue, then the connection ends and the broker keeps the session; messages of
//! QoS 0 are dropped and counted, and retained ones asked for again afterwards. `prepare` makes the work
//! for a message.

mod prepare;

use super::broker::Broker;
use super::connection::{Requests, explain, next, open};
use super::counters::Counters;
use super::queue::{Queue, Settled};
use super::routes::{Message, Router};
use super::subscriptions::Subscriptions;
use super::unknown::Unknown;
use crate::clock::Clock;
use crate::ingest::Entrance;
use crate::source::{Connected, Decoded, Describer, Inlet, Reporter, SourceError, SourceState};
use rumqttc::{ConnectionError, Event, Outgoing, Packet, Publish, QoS};
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval};

/// The kind of source.
pub(super) const KIND: &str = "mqtt";
/// Time between two looks at what is due; facts are published as often.
const TICK: Duration = Duration::from_secs(1);
/// Descriptions are made after a change, and again after this, so that no other source takes the meters over.
const DESCRIBED_EVERY: Duration = Duration::from_hours(1);
/// A connection that the broker closes within this time was taken over or refused.
const SHORT: Duration = Duration::from_mins(1);
/// After this number of such connections in a row the source is misconfigured.
const SHORT_MAX: u32 = 3;
/// The wait after that.
const TAKEN_OVER_WAIT: Duration = Duration::from_mins(1);

/// The source.
#[derive(Debug)]
pub(super) struct Mqtt {
    broker: Broker,
    client_id: String,
    clock: Clock,
    router: Router,
    inlet: Inlet,
    queue: Queue,
    unknown: Unknown,
    counters: Counters,
    subscriptions: Subscriptions,
    /// Whether messages of QoS 0 were dropped, among which may be retained ones.
    has_dropped: bool,
    describer: Describer,
    /// When the descriptions were last recorded; `None` while some are not.
    described: Option<Instant>,
    /// Facts of the last message with readings.
    last: Option<Decoded>,
    last_error: Option<String>,
    /// Short connections in a row.
    short: u32,
    connections: usize,
}

impl Mqtt {
    pub(super) fn new(
        broker: Broker,
        client_id: String,
        entrance: &Entrance,
        describer: Describer,
        clock: Clock,
    ) -> Self {
        let inlet = Inlet::new(&broker.name, KIND, entrance.clone(), broker.keep);
        let router = Router::new(&broker.routes);
        Self {
            router,
            inlet,
            queue: Queue::new(entrance.clone()),
            unknown: Unknown::new(&broker.name),
            counters: Counters::new(&broker.name),
            subscriptions: Subscriptions::default(),
            has_dropped: false,
            describer,
            described: None,
            last: None,
            last_error: None,
            short: 0,
            connections: 0,
            broker,
            client_id,
            clock,
        }
    }

    /// Receives until the connection ends.
    async fn receive(&mut self, reporter: &mut Reporter) -> SourceError {
        let (client, connection) = match open(&self.broker, &self.client_id) {
            Ok(opened) => opened,
            Err(error) => return error,
        };
        let mut event = pin!(next(connection));
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // A slow disk holds the broker back. One that refuses does not: keep-alives go on.
            let may_read = self.queue.has_room() || self.queue.refused().is_some();
            let step = tokio::select! {
                biased;
                settled = self.queue.settle() => self.settled(settled, &client),
                _ = tick.tick() => self.tick(&client, reporter).await,
                (connection, outcome) = event.as_mut(), if may_read => {
                    event.set(next(connection));
                    self.handle(outcome, &client, reporter).await
                }
            };
            if let Err(error) = step {
                return error;
            }
        }
    }

    async fn handle(
        &mut self,
        outcome: Result<Event, ConnectionError>,
        client: &Requests,
        reporter: &mut Reporter,
    ) -> Result<(), SourceError> {
        match outcome.map_err(|error| explain(&error, &self.broker.address))? {
            Event::Incoming(Packet::ConnAck(connected)) => {
                self.connections += 1;
                reporter.set("connections", self.connections);
                reporter.set("client_id", self.client_id.as_str());
                reporter.set("session", if connected.session_present { "resumed" } else { "new" });
                self.subscribe(client)
            }
            Event::Outgoing(Outgoing::Subscribe(packet)) => {
                self.subscriptions.sent(packet);
                Ok(())
            }
            Event::Incoming(Packet::SubAck(answer)) => {
                self.subscriptions.answered(&answer)?;
                self.report(reporter);
                Ok(())
            }
            Event::Incoming(Packet::Publish(message)) => {
                self.take(&message, client)?;
                self.subscriptions.request(client)
            }
            #[cfg(feature = "test-faults")]
            Event::Outgoing(Outgoing::PubAck(_)) => {
                crate::faults::die_at(super::queue::DIES_AT, 3);
                Ok(())
            }
            Event::Incoming(_) | Event::Outgoing(_) => Ok(()),
        }
    }

    /// Subscribes to everything. The broker then sends its retained messages.
    fn subscribe(&mut self, client: &Requests) -> Result<(), SourceError> {
        self.has_dropped = false;
        self.router.connected(self.clock.monotonic());
        self.subscriptions.want_all(self.filters());
        self.subscriptions.request(client)
    }

    /// The filters to subscribe to.
    fn filters(&self) -> Vec<(String, QoS)> {
        let further = self.broker.inspect.iter().map(|filter| (filter.clone(), QoS::AtMostOnce));
        self.router.filters().iter().cloned().chain(further).collect()
    }

    /// Takes a message.
    fn take(&mut self, message: &Publish, client: &Requests) -> Result<(), SourceError> {
        let packet = (message.qos != QoS::AtMostOnce).then_some(message.pkid);
        self.counters.received(packet.is_some());
        if message.dup && packet.is_some_and(|packet| self.queue.holds(packet)) {
            // Some brokers send an unacknowledged message again on the same connection.
            self.counters.left_out("resent");
            return Ok(());
        }
        if let Some(why) = self.queue.refused() {
            if packet.is_none() {
                self.counters.left_out("dropped");
                self.has_dropped = true;
                return Ok(());
            }
            if !self.queue.has_room() {
                return Err(SourceError::Failing(format!(
                    "{} messages wait for the journal, so the connection was closed; the broker keeps the session: {why}",
                    self.queue.len()
                )));
            }
        }
        let work = match std::str::from_utf8(&message.topic) {
            Ok(topic) => {
                let received = self.clock.now();
                self.prepare(&Message { topic, payload: &message.payload, is_retained: message.retain, received })
            }
            Err(_) => self.leave_out("unreadable"),
        };
        match packet {
            None if work.is_empty() => Ok(()),
            Some(packet) if work.is_empty() && self.queue.is_empty() => client.acknowledge(packet),
            packet => {
                self.queue.push(work, packet);
                Ok(())
            }
        }
    }

    /// Acknowledges the first message of the queue.
    fn settled(&mut self, settled: Settled, client: &Requests) -> Result<(), SourceError> {
        let packet = match settled {
            Settled::Blocked => return Ok(()),
            Settled::Kept(contexts) => {
                contexts.iter().for_each(|(device, version)| self.router.kept(device, version));
                return Ok(());
            }
            Settled::Stored { packet, readings, filter } => {
                #[cfg(feature = "test-faults")]
                crate::faults::die_at(super::queue::DIES_AT, 2);
                self.inlet.count_taken(readings);
                self.subscriptions.want(filter.map(|filter| (filter.expose().to_owned(), QoS::AtLeastOnce)));
                packet
            }
            Settled::GivenUp { packet, why } => {
                self.counters.left_out("refused");
                self.last_error = Some(why);
                packet
            }
        };
        packet.map_or(Ok(()), |packet| client.acknowledge(packet))
    }

    /// Does what is due, and publishes the facts.
    async fn tick(&mut self, client: &Requests, reporter: &mut Reporter) -> Result<(), SourceError> {
        if self.subscriptions.is_answered() {
            for publication in self.router.publications(&self.client_id, self.clock.monotonic()) {
                client.publish(&publication)?;
            }
        }
        self.take_due();
        if self.has_dropped && self.queue.refused().is_none() {
            self.subscribe(client)?;
        }
        self.subscriptions.request(client)?;
        self.describe(reporter).await;
        self.publish_facts(reporter);
        Ok(())
    }

    /// Takes bursts of messages that are complete.
    fn take_due(&mut self) {
        for due in self.router.due(self.clock.now()) {
            let work = match due {
                Ok(readings) => self.prepare_readings(readings, &[]),
                Err(unreadable) => self.prepare_unreadable(unreadable, &[]),
            };
            if !work.is_empty() {
                self.queue.push(work, None);
            }
        }
    }

    /// Describes the meters after a change, and now and then.
    async fn describe(&mut self, reporter: &mut Reporter) {
        let is_recent = |at| self.clock.elapsed(at) < DESCRIBED_EVERY;
        if self.described.is_some_and(is_recent) && !self.router.is_reconfigured() {
            return;
        }
        let (now, router) = (self.clock.monotonic(), &mut self.router);
        let is_recorded = self.describer.describe(reporter, || router.described()).await;
        self.described = is_recorded.then_some(now);
    }

    fn publish_facts(&mut self, reporter: &mut Reporter) {
        reporter.set("messages_waiting", self.queue.len());
        reporter.set("subscriptions", self.subscriptions.granted());
        reporter.set("unknown_patterns", self.unknown.patterns());
        reporter.set("parts_unreadable", self.inlet.parts_unreadable());
        if let Some(decoded) = self.last.take() {
            if let Some(newest) = decoded.readings.iter().map(|reading| reading.at).max() {
                reporter.set("last_reading", newest);
            }
            reporter.set("values", decoded.values());
            for (name, fact) in decoded.facts {
                reporter.set(name, fact);
            }
        }
        if let Some(why) = self.last_error.take() {
            reporter.set("last_message_error", why);
        }
        for (name, text) in self.router.notes() {
            reporter.set(name, text);
        }
        if let Some(monitors) = self.router.monitors() {
            reporter.set("monitors", monitors);
        }
        if self.subscriptions.is_answered() {
            self.report(reporter);
        }
    }

    fn report(&self, reporter: &mut Reporter) {
        let stale = || self.router.stale(self.clock.monotonic());
        let unstored = || self.queue.refused().map(|why| format!("the messages could not be journaled: {why}"));
        let (state, why) = if let Some(why) = self.subscriptions.refused() {
            (SourceState::Misconfigured, Some(why))
        } else if let Some(why) = unstored().or_else(stale) {
            (SourceState::Failing, Some(why))
        } else if self.subscriptions.is_answered() {
            (SourceState::Running, None)
        } else {
            return;
        };
        reporter.report(state, why);
    }
}

impl Connected for Mqtt {
    async fn connect(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        self.queue.forget_packets();
        self.subscriptions = Subscriptions::default();
        let (begun, connections) = (self.clock.monotonic(), self.connections);
        let error = self.receive(reporter).await;
        let is_ours = self.queue.refused().is_some() || matches!(error, SourceError::Misconfigured { .. });
        let was_short = self.connections > connections && self.clock.elapsed(begun) < SHORT && !is_ours;
        self.short = if was_short { self.short + 1 } else { 0 };
        match error {
            SourceError::Failing(why) if self.short >= SHORT_MAX => Err(SourceError::Misconfigured {
                why: format!(
                    "{why}; this happened {} times soon after the connect: another client may have the client id \
                         '{}'",
                    self.short, self.client_id
                ),
                retry_in: Some(TAKEN_OVER_WAIT),
            }),
            error => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
