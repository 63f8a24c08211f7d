//! Information of a device about itself: identity, state, load, clock, channel, tariffs and prices.
//!
//! It is read rarely, one request after the other, beside the values or in the rest of their interval.
//! Invariants: it never delays values; a token is renewed here when its time has ended, not when the device refuses
//! it; a part that the device refuses is asked for again an hour later; a part that fails is shown and stops nothing.

mod subject;

use super::access::{Access, Requests};
use super::describe::Owner;
use super::resource::Topic;
use crate::clock::Clock;
use crate::reading::{MeterId, UnixNanos};
use crate::source::parts::Parts;
use crate::source::{Arrivals, Decoded, Describer, Fact, Inlet, Reporter, SourceError};
use crate::vendor::MessageError;
use crate::vendor::ksem::VENDOR;
use crate::vendor::ksem::device::{LocalTime, Settings, usage};
use crate::vendor::ksem::gdr::{Channel, Configuration};
use crate::vendor::ksem::tariff::{Contract, Tariff, prices};
use crate::wire::batch::Original;
use bytes::Bytes;
use hyper::StatusCode;
use std::time::{Duration, Instant};
use subject::{DAY_NS, day};
pub(super) use subject::{PRICE_DAYS_BACK_MAX, Subject};
use tokio::time::timeout;
use uuid::Uuid;

/// The formats of values.
pub(super) const USAGE_FORMAT: &str = "ksem-usage";
pub(super) const PRICES_FORMAT: &str = "ksem-prices";
/// A part is read once in this time.
const EVERY: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_mins(5) };
/// A part that the device refuses or does not have is asked for once in this time.
const REFUSED_EVERY: Duration = if cfg!(test) { Duration::from_millis(200) } else { Duration::from_hours(1) };
/// Tariffs and prices of a day are read within this time after its begin in UTC.
const DAILY_WITHIN: Duration = Duration::from_hours(1);
/// Tariffs whose prices are read.
const TARIFFS_MAX: usize = 16;

/// The information about a device, and when each part is due.
#[derive(Debug)]
pub(super) struct Information {
    due: Vec<(Subject, Instant)>,
    /// The parts that the device refused with this login, and why.
    refused: Vec<(Subject, String)>,
    /// The name of the source.
    name: String,
    /// The contract as sent, its priced tariffs, and its currency.
    tariff: String,
    tariffs: Vec<Tariff>,
    currency: String,
    /// The channels beside the grid meter, by the topic whose configuration named them.
    channels: Vec<(Topic, Channel)>,
    inlet: Inlet,
    arrivals: Arrivals,
    describer: Describer,
    clock: Clock,
}

/// A device's answer about a part.
#[derive(Debug)]
pub(super) struct Answer {
    subject: Subject,
    received: UnixNanos,
    body: Result<Result<Bytes, StatusCode>, SourceError>,
}

impl Information {
    pub(super) fn new(
        name: &str,
        has_flow: bool,
        inlet: Inlet,
        arrivals: Arrivals,
        describer: Describer,
        clock: Clock,
    ) -> Self {
        let now = clock.monotonic();
        let subjects = [
            Subject::Settings,
            Subject::LocalTime,
            Subject::Configuration(Topic::SmartMeter),
            Subject::Status,
            Subject::Usage,
            Subject::Contract,
        ];
        let flow = has_flow.then_some(Subject::Configuration(Topic::EnergyFlow));
        Self {
            due: subjects.into_iter().chain(flow).map(|subject| (subject, now)).collect(),
            refused: Vec::new(),
            name: name.to_owned(),
            tariff: String::new(),
            tariffs: Vec::new(),
            currency: String::new(),
            channels: Vec::new(),
            inlet,
            arrivals,
            describer,
            clock,
        }
    }

    /// Reads the next part if it is due, and gives up after `rest`.
    ///
    /// # Errors
    /// When a stop was requested.
    pub(super) async fn read_due(
        &mut self,
        access: &mut Access,
        rest: Duration,
        reporter: &mut Reporter,
    ) -> Result<(), SourceError> {
        let (subject, due) = self.next();
        if self.clock.monotonic() < due {
            return Ok(());
        }
        let answer = timeout(rest, request(access.requests(), subject, &self.clock)).await.unwrap_or_else(|_| {
            let why = "no answer in the rest of the interval".to_owned();
            Answer { subject, received: self.clock.now(), body: Err(SourceError::Failing(why)) }
        });
        self.take(answer, access, reporter).await
    }

    /// Takes an answer: facts go to the reporter, values to ingest.
    ///
    /// # Errors
    /// When a stop was requested.
    pub(super) async fn take(
        &mut self,
        answer: Answer,
        access: &mut Access,
        reporter: &mut Reporter,
    ) -> Result<(), SourceError> {
        let Answer { subject, received, body } = answer;
        let (mut refusal, mut next) = (None, subject);
        let (wait, problem) = match body {
            Err(SourceError::Stopped(stopped)) => return Err(stopped.into()),
            // Firmware does not have everything, and of a missed day perhaps nothing any more.
            Ok(Err(StatusCode::NOT_FOUND)) => {
                next = subject.following_missing(day(self.clock.now()));
                (if next == subject { REFUSED_EVERY } else { self.wait_for(next) }, None)
            }
            // A token of role `api` may not read everything. The device may say so by 500.
            Ok(Err(status)) => {
                refusal = Some(format!("the device answered {status}"));
                (EVERY, None)
            }
            Err(SourceError::Misconfigured { why, .. }) => {
                refusal = Some(why);
                (REFUSED_EVERY, None)
            }
            Err(SourceError::Failing(why) | SourceError::Limited { why, .. }) => (EVERY, Some(why)),
            Ok(Ok(body)) => match self.read(subject, &body, received, access, reporter).await {
                Ok(None) => {
                    next = subject.following();
                    (self.wait_for(next), None)
                }
                Ok(unreadable) => {
                    next = subject.following_missing(day(self.clock.now()));
                    (if next == subject { EVERY } else { self.wait_for(next) }, unreadable)
                }
                Err(why) => (EVERY, Some(why)),
            },
        };
        // The next part that is read clears an error; a refused part is named until it is read.
        self.refused.retain(|(known, _)| !known.is_part(subject));
        self.refused.extend(refusal.map(|why| (subject, why)));
        match self.refused.first() {
            Some((subject, why)) => {
                reporter.set("information_refused", format!("{}: {why}", subject.resource().path()));
            }
            None => reporter.clear_texts("information_refused"),
        }
        match problem {
            Some(why) => reporter.set("information_error", format!("{}: {why}", subject.resource().path())),
            None => reporter.clear_texts("information_error"),
        }
        self.describe(access, reporter).await?;
        let due = (next.within(day(self.clock.now())), self.clock.monotonic() + wait);
        if let Some(known) = self.due.iter_mut().find(|(known, _)| known.is_part(subject)) {
            *known = due;
        }
        Ok(())
    }

    /// Records the descriptions of the grid meter, the other channels and the priced tariffs.
    async fn describe(&mut self, access: &mut Access, reporter: &mut Reporter) -> Result<(), SourceError> {
        let mut described = access.described(&self.name).await?;
        for (_, description) in &mut described {
            description.tariff.clone_from(&self.tariff);
            description.currency.clone_from(&self.currency);
        }
        let serial = access.serial().await?;
        let owner = Owner { name: &self.name, serial: &serial };
        described.extend(owner.channels(self.channels.iter().map(|(_, channel)| channel)));
        described.extend(owner.tariffs(&self.tariffs, &self.currency));
        self.describer.describe(reporter, || described).await;
        Ok(())
    }

    /// The part that is due next.
    pub(super) fn next(&self) -> (Subject, Instant) {
        let never = || (Subject::Settings, self.clock.monotonic() + EVERY);
        self.due.iter().copied().min_by_key(|(_, due)| *due).unwrap_or_else(never)
    }

    fn wait_for(&self, subject: Subject) -> Duration {
        match subject {
            Subject::Prices(_, missed) if missed <= day(self.clock.now()) => return Duration::ZERO,
            Subject::Prices(..) | Subject::Contract => {}
            _ => return EVERY,
        }
        let rest = DAY_NS - self.clock.now().0.rem_euclid(DAY_NS);
        Duration::from_nanos(rest.unsigned_abs()) + DAILY_WITHIN.mul_f64(fastrand::f64())
    }

    /// Reads an answer. Returns why it has no values if it cannot be read and is kept. The error is a sentence.
    async fn read(
        &mut self,
        subject: Subject,
        body: &[u8],
        received: UnixNanos,
        access: &mut Access,
        reporter: &mut Reporter,
    ) -> Result<Option<String>, String> {
        let text = |error: MessageError| error.to_string();
        match subject {
            Subject::Settings => {
                access.note_identity(Settings::read(body).map_err(text)?);
                reporter.set("device", access.identity().join(", "));
            }
            Subject::LocalTime => {
                let time = LocalTime::read(body).map_err(text)?;
                reporter.set("clock_deviation_seconds", seconds(time.deviation(received)));
                if let Some(is_synchronized) = time.is_synchronized {
                    reporter.set("clock_synchronized", if is_synchronized { "yes" } else { "no" });
                }
            }
            Subject::Configuration(topic) => {
                let configuration = Configuration::read(body).map_err(|error| error.to_string())?;
                let channel = configuration.channel(topic.name());
                for (name, fact) in channel.map(channel_facts).into_iter().flatten() {
                    reporter.set(format!("{}{name}", prefix(topic)), fact);
                }
                let others = configuration.channels.into_iter().filter(|it| it.name != Topic::SmartMeter.name());
                self.channels.retain(|(known, _)| *known != topic);
                self.channels.extend(others.map(|channel| (topic, channel)));
            }
            Subject::Status | Subject::Usage => {
                if let Ok(Some(status)) = usage(body, |_| {}) {
                    reporter.set("device_status", status);
                }
                return self.store(subject, body, received, access).await;
            }
            Subject::Contract => {
                let contract = Contract::read(body).map_err(text)?;
                self.follow(&contract, &access.serial().await.map_err(|error| error.to_string())?);
                reporter.set("tariffs", contract.tariffs.len());
                let has_tariffs = !contract.tariffs.is_empty();
                self.tariff = if has_tariffs { String::from_utf8_lossy(body).into_owned() } else { String::new() };
                self.currency = contract.currency.unwrap_or_default();
                if !self.currency.is_empty() {
                    reporter.set("currency", self.currency.as_str());
                }
            }
            Subject::Prices(..) => return self.store(subject, body, received, access).await,
        }
        Ok(None)
    }

    /// Journals the values of an answer with the answer itself. Returns why it has none: then it is
    /// journaled alone.
    async fn store(
        &mut self,
        subject: Subject,
        body: &[u8],
        received: UnixNanos,
        access: &mut Access,
    ) -> Result<Option<String>, String> {
        let serial = access.serial().await.map_err(|error| error.to_string())?;
        let origin = subject.resource().path();
        let (format, decoded) = match subject {
            Subject::Prices(tariff, _) => (PRICES_FORMAT, decode_prices(body, &tariff.to_string(), &serial, received)),
            _ => (USAGE_FORMAT, decode_usage(body, &serial, received)),
        };
        let original = Original {
            bytes: body,
            content_type: "application/json",
            origin: &origin,
            format,
            device: &serial,
            ..Original::default()
        };
        match decoded {
            Ok(decoded) => {
                self.inlet.take(&decoded.readings, &original).await.map_err(|error| error.to_string())?;
                Ok(None)
            }
            Err(why) => {
                let unreadable = self.inlet.unreadable(&original, received);
                self.inlet.keep_unreadable(&unreadable, received).await.map_err(|error| error.to_string())?;
                Ok(Some(why))
            }
        }
    }

    /// Reads the prices of these tariffs from now on, and no others.
    fn follow(&mut self, contract: &Contract, serial: &str) {
        let now = self.clock.monotonic();
        let id = |tariff: &Tariff| tariff.id.parse::<Uuid>().ok();
        let priced = contract.tariffs.iter().filter_map(|it| Some((id(it)?, it))).take(TARIFFS_MAX);
        // The meter's id has the usual form.
        self.tariffs = priced.clone().map(|(id, it)| Tariff { id: id.to_string(), ..it.clone() }).collect();
        let prices: Vec<_> =
            priced.map(|(tariff, _)| Subject::Prices(tariff, self.first_day(tariff, serial))).collect();
        let is_followed = |known: Subject| prices.iter().any(|part| part.is_part(known));
        self.refused.retain(|(known, _)| !matches!(known, Subject::Prices(..)));
        self.due.retain(|(known, _)| !matches!(known, Subject::Prices(..)) || is_followed(*known));
        for part in prices {
            if !self.due.iter().any(|(known, _)| known.is_part(part)) {
                self.due.push((part, now));
            }
        }
    }

    /// The first day whose prices may be missing: the one of the newest that arrived.
    fn first_day(&self, tariff: Uuid, serial: &str) -> i64 {
        let today = day(self.clock.now());
        let oldest = today - PRICE_DAYS_BACK_MAX;
        let meter = MeterId::of_channel(VENDOR, serial, &tariff.to_string());
        let newest = self.arrivals.coverage().newest_measurement(meter);
        newest.map_or(oldest, |at| day(at).clamp(oldest, today))
    }
}

/// Decodes the load of the device with this serial number. The error is a sentence.
pub(super) fn decode_usage(body: &[u8], serial: &str, received: UnixNanos) -> Result<Decoded, String> {
    let mut parts = Parts::new(received);
    let read = usage(body, |part| parts.add(part, |channel| MeterId::of_channel(VENDOR, serial, channel)));
    read.map_err(|error| error.to_string())?;
    Ok(parts.into_decoded())
}

/// Decodes the prices of a tariff of the device with this serial number. The error is a sentence.
pub(super) fn decode_prices(body: &[u8], tariff: &str, serial: &str, received: UnixNanos) -> Result<Decoded, String> {
    let mut parts = Parts::new(received);
    let read = prices(tariff, body, |part| parts.add(part, |channel| MeterId::of_channel(VENDOR, serial, channel)));
    read.map_err(|error| error.to_string())?;
    Ok(parts.into_decoded())
}

/// The tariff of journaled prices, by their origin.
pub(super) fn tariff_of(origin: &str) -> &str {
    origin.split('/').nth(4).unwrap_or_default()
}

/// The answer about a part, if the login succeeds.
pub(super) async fn answer(requests: Result<Requests, SourceError>, subject: Subject, clock: Clock) -> Answer {
    match requests {
        Ok(requests) => request(&requests, subject, &clock).await,
        Err(error) => Answer { subject, received: clock.now(), body: Err(error) },
    }
}

async fn request(requests: &Requests, subject: Subject, clock: &Clock) -> Answer {
    let body = requests.get(subject.resource()).await;
    Answer { subject, received: clock.now(), body }
}

/// Nanoseconds as seconds.
fn seconds(nanos: i64) -> f64 {
    Duration::from_nanos(nanos.unsigned_abs()).as_secs_f64().copysign(if nanos < 0 { -1.0 } else { 1.0 })
}

/// The begin of the names of facts about a topic's channel.
fn prefix(topic: Topic) -> &'static str {
    match topic {
        Topic::SmartMeter => "",
        Topic::EnergyFlow => "flow_",
    }
}

/// Facts of the configuration about a channel. Flex values have names in place of codes.
fn channel_facts(channel: &Channel) -> Vec<(&'static str, Fact)> {
    let mut facts =
        vec![("label", Fact::from(channel.label.as_str())), ("codes_delivered", channel.codes.len().into())];
    let codes = channel.codes.iter().map(ToString::to_string);
    let codes: Vec<_> = codes.chain(channel.definitions.iter().map(|it| it.name.clone())).collect();
    if !codes.is_empty() {
        facts.push(("codes", codes.join(", ").into()));
    }
    facts.extend(channel.class.name().map(|class| ("class", class.into())));
    facts.extend(channel.device.name().map(|kind| ("device_kind", kind.into())));
    facts
}
