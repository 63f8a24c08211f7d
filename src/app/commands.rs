//! Carries out the control socket's commands in the running service.

use super::parts::Parts;
use super::reload::Reloader;
use super::{replay, sinks};
use crate::admin::Status;
use crate::config::Config;
use crate::control::{Answer, Command, Handler, Replay, ReplayEstimate, Reread};
use crate::dead_letters::{DeadLetter, Kind, LetterId, Settlement};
use crate::deliver::{PumpHandle, Redecode, Rewound};
use crate::ingest::{Entrance, Receipt};
use crate::wire::{PayloadFormat, Tally};
use serde::Serialize;
use std::fmt::Display;
use std::sync::Arc;

/// The parts and settings that the commands use.
#[derive(Debug)]
pub(super) struct Commands {
    parts: Parts,
    reloader: Reloader,
    redecode: Redecode,
    store: sinks::Store,
}

type Outcome = Result<Vec<String>, String>;

const OF_TOPIC: &str = "questdb reads a topic, which has the readings of all sources as they were delivered: replay without \
                        --source, --redecode, --rule and --at-now, or replay --sink kafka with them at the nodes that took the \
                        readings in";

const OF_WRITER: &str = "QuestDB reads a topic at this node, and no sink of this node writes to it: add [sink.kafka] with that \
                         topic, restart, and resubmit again";

impl Commands {
    pub(super) fn new(config: &Config, parts: Parts, reloader: Reloader) -> Self {
        let (redecode, store) = (parts.live.redecode(), sinks::Store::of(config));
        Self { parts, reloader, redecode, store }
    }

    pub(super) fn handler(self, status: Arc<dyn Fn() -> Status + Send + Sync>) -> Handler {
        Arc::new(move |command| match command {
            Command::Status => data(Ok(status())),
            Command::Replay(request) => answer(self.replay(&request)),
            Command::EstimateReplay(request) => data(self.estimate(&request)),
            Command::Resubmit { letter } => answer(self.resubmit(LetterId(letter))),
            Command::Drop { letter } => answer(self.drop_letter(LetterId(letter))),
            Command::Reload { dry_run: false } => data(Ok(self.reloader.reload())),
            Command::Reload { dry_run: true } => data(Ok(self.reloader.preview())),
            Command::Source { source, action } => data(self.parts.sources.act(&source, &action)),
        })
    }

    fn replay(&self, request: &Replay) -> Outcome {
        let rewind = replay::rewind(self.parts.journal.view(), &self.store, &self.parts.clock, request)?;
        let mut lines = self.replay_topic(request)?;
        for pump in self.selected_pumps(request.sink.as_deref())? {
            let name = pump.name();
            let rewound = pump.rewind(rewind).map_err(|error| format!("{name}: {error}"))?;
            lines.push(if rewound.from < rewound.until {
                format!("{name}: replaying from record {} up to now", rewound.from)
            } else {
                replay::not_reached(name)
            });
        }
        lines.extend(replay::notes(self.parts.journal.view(), &rewind));
        Ok(lines)
    }

    /// Replays the partitions that this node reads. A topic has the readings as they were delivered, for all sources.
    fn replay_topic(&self, request: &Replay) -> Outcome {
        let log = &self.parts.kafka_log;
        if !log.is_selected(request.sink.as_deref()) {
            return Ok(Vec::new());
        }
        if request.source.is_some() || request.reread != Reread::default() {
            return match request.sink {
                // The nodes that took the readings in send them to the topic again.
                None => Ok(Vec::new()),
                Some(_) => Err(OF_TOPIC.to_owned()),
            };
        }
        let outcomes = log.rewind(replay::parse_time(&request.from)?);
        if outcomes.is_empty() {
            let none = "questdb: this node reads no partition of the topic now; ask the nodes that do".to_owned();
            // The other sinks of the node are replayed nevertheless.
            return if request.sink.is_none() { Ok(vec![none]) } else { Err(none) };
        }
        let line = |(name, rewound): (String, Result<Rewound, String>)| match rewound {
            Ok(Rewound { from, until }) if from < until => {
                Ok(format!("{name}: replaying from record {from} up to now"))
            }
            Ok(_) => Ok(replay::not_reached(&name)),
            Err(why) => Err(format!("{name}: {why}")),
        };
        let (done, failed): (Vec<_>, Vec<_>) = outcomes.into_iter().map(line).partition(Result::is_ok);
        if failed.is_empty() {
            return done.into_iter().collect();
        }
        let all = failed.into_iter().chain(done).map(|line| line.unwrap_or_else(|why| why));
        Err(all.collect::<Vec<_>>().join("; "))
    }

    fn estimate(&self, request: &Replay) -> Result<Vec<ReplayEstimate>, String> {
        if request.sink.is_some() && self.parts.kafka_log.is_selected(request.sink.as_deref()) {
            return Err("the replay of a topic cannot be estimated; replay without --dry-run".to_owned());
        }
        let rewind = replay::rewind(self.parts.journal.view(), &self.store, &self.parts.clock, request)?;
        let sinks = self.selected_pumps(request.sink.as_deref())?.into_iter().map(|pump| {
            let status = pump.status();
            replay::Candidate { name: status.name, safe: status.next, readings_per_second: status.catch_up_rate }
        });
        replay::estimate(self.parts.journal.view(), &rewind, (&self.parts.live.rules, &self.redecode), sinks)
    }

    fn selected_pumps(&self, sink: Option<&str>) -> Result<Vec<&PumpHandle>, String> {
        let selected: Vec<_> = self.parts.pumps.iter().filter(|pump| replay::is_selected(pump.name(), sink)).collect();
        if selected.is_empty() && !self.parts.kafka_log.is_selected(sink) {
            let names: Vec<_> = self.parts.pumps.iter().map(PumpHandle::name).collect();
            return Err(format!("no such sink; running sinks: {}", names.join(", ")));
        }
        Ok(selected)
    }

    /// Takes the body as if the sender had sent it again now.
    fn resubmit(&self, id: LetterId) -> Outcome {
        let letter = self.parts.dead_letters.get(id).map_err(to_text)?;
        if self.parts.kafka_log.is_selected(None) && !self.parts.pumps.iter().any(|pump| pump.name() == "kafka") {
            return Err(format!("{OF_WRITER}; letter {id} stays open"));
        }
        let format = PayloadFormat::from_number(letter.format).ok_or_else(|| {
            format!(
                "letter {id} has the unknown payload format {}; a newer version of meterline may take it",
                letter.format
            )
        })?;
        let entrance = self.entrance(&letter.source)?;
        let tally = deliverable(&entrance, id, format, &letter)?;
        let refused = |refusal| format!("ingest refused letter {id}: {refusal}; the letter stays open");
        let taken = self.parts.runtime.block_on(entrance.take(format, &letter.body)).map_err(refused);
        // The letter's source may be none of the configuration.
        self.parts.end_unconfigured_sources();
        let taken = taken?;
        let Receipt::Stored { sequence, .. } = taken else { return Err(nothing_in(id)) };
        self.parts.dead_letters.settle(id, Settlement::Resubmitted).map_err(to_text)?;
        let what = if format == PayloadFormat::Meters { "descriptions".to_owned() } else { samples(tally.samples) };
        let rest = match tally.set_aside_count() {
            0 => String::new(),
            count => format!(", and {count} are set aside again ({}), in a new letter", tally.reasons()),
        };
        Ok(vec![format!(
            "letter {id} is now record {sequence}: its {what} are delivered and replace earlier values{rest}"
        )])
    }

    fn drop_letter(&self, id: LetterId) -> Outcome {
        self.parts.dead_letters.settle(id, Settlement::Dropped).map_err(to_text)?;
        Ok(vec![format!("letter {id} is dropped")])
    }

    fn entrance(&self, source: &str) -> Result<Entrance, String> {
        self.parts.ingest.source(source, self.parts.live.options(source).unwrap_or_default()).map_err(to_text)
    }
}

/// The counts of a letter's body, judged as if it was received now.
///
/// # Errors
/// Nothing would be delivered that was not delivered before: taking the body would only
/// make a second letter of the same content.
fn deliverable(entrance: &Entrance, id: LetterId, format: PayloadFormat, letter: &DeadLetter) -> Result<Tally, String> {
    let tally = entrance
        .judge(format, &letter.body)
        .map_err(|error| format!("letter {id} cannot be decoded by this version ({error}); the letter stays open"))?;
    if format == PayloadFormat::Meters {
        return Ok(tally);
    }
    let is_unchanged = letter.kind == Kind::SetAside && tally.reasons() == letter.reason;
    match (tally.samples, tally.set_aside_count()) {
        (0, 0) => Err(nothing_in(id)),
        (samples, count) if count > 0 && (samples == 0 || is_unchanged) => Err(format!(
            "the samples of letter {id} would be set aside again ({}); correct the limits of its source \
             (accept_age, accept_ahead), or use `meterline replay` with --rule current or --at-now; the letter stays open",
            tally.reasons()
        )),
        _ => Ok(tally),
    }
}

fn nothing_in(id: LetterId) -> String {
    format!("letter {id} contains no sample, so nothing can be delivered; drop it, or keep it; the letter stays open")
}

fn samples(count: u64) -> String {
    if count == 1 { "1 sample".to_owned() } else { format!("{count} samples") }
}

fn data(found: Result<impl Serialize, String>) -> Answer {
    match found.and_then(|found| serde_json::to_value(found).map_err(to_text)) {
        Ok(data) => Answer::Data { data },
        Err(why) => Answer::Refused { why },
    }
}

fn answer(outcome: Outcome) -> Answer {
    match outcome {
        Ok(lines) => Answer::Done { lines },
        Err(why) => Answer::Refused { why },
    }
}

fn to_text(error: impl Display) -> String {
    error.to_string()
}
