//! The producer that owns the sink's position, in the mode `transactional`.
//!
//! The position is committed in a consumer group without members, whose name is the
//! `transactional.id`. A new producer first looks whose it is, then takes the id over, which ends
//! the transactions of its predecessor and fences it, and then reads the position that counts.
//! Its first transaction claims it. Invariants: nothing is sent before the claim is committed; a
//! sink that finds another one's claim after its own has been replaced, and stays blocked until the
//! service is started again; a position of another data directory is refused.

use super::acked_offsets::ConfirmedState;
use super::claim::Claim;
use super::config::Config;
use super::connection::Connection;
use super::fault;
use super::in_flight::InFlight;
use super::transaction::{PARTITION, Transactions};
use crate::clock::Clock;
use crate::deliver::SinkError;
use crate::journal::{Journal, Position, ResolvedCursor, Sequence};
use crate::kafka::{self, LogContext};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::Producer as _;
use rdkafka::{Offset, TopicPartitionList};
use std::time::Duration;
use uuid::Uuid;

/// How long the coordinator may take to end the predecessor's transaction and to make this producer
/// the only one.
const TAKE_OVER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long it may take to return a position.
const POSITION_TIMEOUT: Duration = Duration::from_secs(10);

/// Which transactions a reader of the position waits for.
#[derive(Debug, Clone, Copy)]
enum Pending {
    /// For none: the reader gets the committed position, though a later one may be pending.
    Ignored,
    /// For each one that has a position for this group.
    Awaited,
}

/// The brokers' state when a producer of this sink took the id over.
#[derive(Debug)]
struct TakeOver {
    /// The visible claim.
    claim: Option<Claim>,
    /// The position that counted.
    position: Option<Position>,
}

/// The right of this sink to commit positions.
#[derive(Debug)]
pub(super) struct Ownership {
    journal: Journal,
    /// This sink in its claims: another number for each start of the service.
    owner: Uuid,
    /// The last one; `None` before the first.
    take_over: Option<TakeOver>,
    /// The position that the pump knows.
    known: Option<Position>,
    /// Whether the end of the last commit was not answered, so that `known` may be too low.
    is_unanswered: bool,
    /// A producer that has sent nothing, with the position that it found.
    fresh: Option<Connection>,
    /// The sentence about the producer that replaced this one.
    replaced: Option<String>,
}

impl Ownership {
    pub(super) fn new(journal: Journal) -> Self {
        let owner = Uuid::new_v4();
        Self { journal, owner, take_over: None, known: None, is_unanswered: false, fresh: None, replaced: None }
    }

    /// The position in the brokers, after the predecessor's transactions have ended; `None` for a
    /// new `transactional.id` or a new topic.
    ///
    /// # Errors
    /// When the brokers do not answer, or another data directory or a later producer owns the id.
    pub(super) fn stored_position(&mut self, config: &Config, clock: &Clock) -> Result<Option<Position>, SinkError> {
        self.fresh = None;
        self.fresh = Some(self.take_over(config, clock)?);
        (self.known, self.is_unanswered) = (self.found(), false);
        Ok(self.known)
    }

    fn found(&self) -> Option<Position> {
        self.take_over.as_ref().and_then(|take_over| take_over.position)
    }

    /// Whether a position is committed.
    pub(super) fn has_position(&self) -> bool {
        self.known.is_some()
    }

    /// A producer that goes on at `position`, which may be a lower one than the committed one, and the committed state if
    /// it is not above that position. It must not send anything before [`Ownership::commit`].
    ///
    /// # Errors
    /// [`SinkError::replaced`] when a commit with an unknown end turns out to be committed, [`SinkError::lost`] when the
    /// brokers lost a position. Otherwise as [`Ownership::stored_position`].
    pub(super) fn connect(
        &mut self,
        config: &Config,
        clock: &Clock,
        position: Position,
    ) -> Result<(Connection, Option<ConfirmedState>), SinkError> {
        let connection = match self.fresh.take() {
            Some(fresh) => fresh,
            None => self.take_over(config, clock)?,
        };
        // Brokers that forgot the position get the pump's again.
        let found = self.found();
        match (found, self.known) {
            (Some(found), Some(known)) if found.journal == known.journal && found.next < known.next => {
                self.known = Some(found);
                return Err(fault::of_lost_position(config, found.next, known.next));
            }
            (Some(found), known) if Some(found) != known => return Err(fault::of_late_commit(config)),
            _ => {}
        }
        connection.producer.context().reports().in_flight = InFlight::from(position.next);
        let is_below =
            |claim: &&Claim| claim.position.journal == position.journal && claim.position.next <= position.next;
        let claim = self.take_over.as_ref().and_then(|take_over| take_over.claim.as_ref()).filter(is_below);
        Ok((connection, claim.map(|claim| ConfirmedState { next: claim.position.next, acked: claim.acked.clone() })))
    }

    /// Commits the messages of the open transaction, or none, with the position after the last
    /// record, once all messages are acknowledged.
    ///
    /// # Errors
    /// Then they are not committed, or that is not known; the next producer finds out.
    pub(super) fn commit(
        &mut self,
        connection: &mut Connection,
        config: &Config,
        clock: &Clock,
    ) -> Result<(), SinkError> {
        let Connection { producer, transactions: Some(transactions), .. } = connection else { return Ok(()) };
        let context = producer.context();
        if context.reports().in_flight.messages() > 0 {
            return Ok(());
        }
        let (next, acked) = {
            let reports = context.reports();
            (reports.in_flight.next(), reports.acked.clone())
        };
        let position = self.journal.position(next);
        let failed = |error: KafkaError| fault::of_commit(fault::code(&error), config);
        let claim = Claim { position, owner: self.owner, acked };
        transactions.prepare(producer, config, &claim, clock).map_err(failed)?;
        self.is_unanswered = true;
        transactions.commit(producer, clock).map_err(failed)?;
        (self.known, self.is_unanswered) = (Some(position), false);
        let mut reports = context.reports();
        reports.committed = Some(reports.acknowledged_state());
        Ok(())
    }

    /// The visible claim once the predecessor's transactions have ended, and the position that counts. Brokers can lose the
    /// end of a transaction for its position alone (seen with Kafka 4.4.0, killed after it had answered the commit): it
    /// stays pending then, and the next claim replaces it. So where the last commit was answered, that answer counts.
    fn read_own_claim(
        &self,
        config: &Config,
    ) -> Result<(Option<Claim>, Option<Position>, ConsumerGroupMetadata), SinkError> {
        let error = match read_claim(config, Pending::Awaited) {
            Ok((claim, group)) => {
                let position = claim.as_ref().map(|claim| claim.position);
                return Ok((claim, position, group));
            }
            Err(error) => error,
        };
        let known = self.known.filter(|_| !self.is_unanswered).ok_or(error)?;
        let (claim, group) = read_claim(config, Pending::Ignored)?;
        tracing::warn!(
            position = known.next.0,
            "the brokers hold the end of an answered transaction back; continuing after it"
        );
        Ok((claim, Some(known), group))
    }

    fn take_over(&mut self, config: &Config, clock: &Clock) -> Result<Connection, SinkError> {
        if let Some(why) = &self.replaced {
            return Err(SinkError::blocked(why));
        }
        let mut connection = Connection::open(config, clock, Sequence::FIRST)?;
        self.examine(read_claim(config, Pending::Ignored)?.0.as_ref(), config)?;
        let ready = connection.producer.init_transactions(TAKE_OVER_TIMEOUT);
        ready.map_err(|error| fault::of_transaction(fault::code(&error), config))?;
        let (claim, position, group) = self.read_own_claim(config)?;
        self.examine(claim.as_ref(), config)?;
        self.take_over = Some(TakeOver { claim, position });
        connection.transactions = Some(Transactions::new(group, clock.monotonic()));
        Ok(connection)
    }

    /// Refuses a claim of another data directory, and one of a producer that replaced this one.
    fn examine(&mut self, claim: Option<&Claim>, config: &Config) -> Result<(), SinkError> {
        let Some(found) = claim else { return Ok(()) };
        if self.take_over.as_ref().is_some_and(|last| found.owner != self.owner && claim != last.claim.as_ref()) {
            let error = fault::of_another_producer(config);
            self.replaced = Some(error.message.clone());
            return Err(error);
        }
        match self.journal.resolve(found.position) {
            // Another journal continued this one, as after a restore.
            ResolvedCursor::UnknownJournal(continued) if continued.journal != found.position.journal => {
                Err(fault::of_another_directory(config, found.position.journal))
            }
            ResolvedCursor::BeyondEnd { cursor, end } => Err(fault::of_older_directory(config, cursor, end.next)),
            _ => Ok(()),
        }
    }
}

/// Reads the claim in the group named by the `transactional.id`. The consumer joins no group.
fn read_claim(config: &Config, pending: Pending) -> Result<(Option<Claim>, ConsumerGroupMetadata), SinkError> {
    let isolation = match pending {
        Pending::Ignored => "read_uncommitted",
        Pending::Awaited => "read_committed",
    };
    let consumer: BaseConsumer<LogContext> = config
        .client
        .settings()
        .set("group.id", &config.transactional_id)
        .set("enable.auto.commit", "false")
        .set("isolation.level", isolation)
        .create_with_context(LogContext::new(&config.client))
        .map_err(|error| kafka::of_client(&error))?;
    let mut wanted = TopicPartitionList::new();
    wanted.add_partition(&config.topic, PARTITION);
    let found = consumer
        .committed_offsets(wanted, POSITION_TIMEOUT)
        .and_then(|found| {
            let element = found.find_partition(&config.topic, PARTITION);
            element.map_or(Ok(None), |element| {
                element.error()?;
                Ok(matches!(element.offset(), Offset::Offset(_)).then(|| element.metadata().to_owned()))
            })
        })
        .map_err(|error| match kafka::is_refused_group(&consumer, &error) {
            true => fault::of_transaction(RDKafkaErrorCode::GroupAuthorizationFailed, config),
            false => fault::of_transaction(fault::code(&error), config),
        })?;
    let group = consumer.group_metadata().ok_or_else(|| fault::of_missing_group(config))?;
    let claim = found.map(|text| Claim::parse(&text).ok_or_else(|| fault::of_foreign_offset(config))).transpose()?;
    Ok((claim, group))
}
