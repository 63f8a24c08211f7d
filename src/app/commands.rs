//! What the control socket's commands do in the running service.

use crate::admin::Status;
use crate::clock::Clock;
use crate::control::{self, Answer, Command, Handler};
use crate::dead_letters::{DeadLetters, LetterId, Settlement};
use crate::deliver::{PumpHandle, Reread, Rewind, RewindError};
use crate::ingest::{Door, Entrance, SourceOptions, Taken};
use crate::journal::{Journal, Sequence, SourceId};
use crate::reading::UnixNanos;
use crate::source::Sources;
use crate::wire::PayloadFormat;
use std::fmt::Display;
use std::sync::Arc;
use tokio::runtime::Handle;

/// What the commands act on.
#[derive(Debug)]
pub(super) struct Commands {
    pub(super) clock: Clock,
    pub(super) journal: Journal,
    pub(super) door: Door,
    /// How each source's bodies are judged, by its name.
    pub(super) options: Vec<(String, SourceOptions)>,
    pub(super) sources: Arc<Sources>,
    pub(super) pumps: Arc<Vec<PumpHandle>>,
    pub(super) dead_letters: DeadLetters,
    pub(super) runtime: Handle,
}

type Outcome = Result<Vec<String>, String>;

impl Commands {
    pub(super) fn handler(self, status: Arc<dyn Fn() -> Status + Send + Sync>) -> Handler {
        Arc::new(move |command| match command {
            Command::Status => match serde_json::to_value(status()) {
                Ok(data) => Answer::Data { data },
                Err(error) => Answer::Refused { why: error.to_string() },
            },
            Command::Replay { sink, from, source, reread } => {
                let rewind = rewind(&self.journal, &self.clock, &from, source.as_deref(), reread);
                answer(rewind.and_then(|rewind| self.replay(sink.as_deref(), rewind)))
            }
            Command::TakeBack { sink } => answer(self.take_back(sink.as_deref())),
            Command::Resubmit { letter } => answer(self.resubmit(LetterId(letter))),
            Command::Drop { letter } => answer(self.drop_letter(LetterId(letter))),
            Command::Source { source, action } => match self.sources.act(&source, &action) {
                Ok(data) => Answer::Data { data },
                Err(why) => Answer::Refused { why },
            },
        })
    }

    fn replay(&self, sink: Option<&str>, rewind: Rewind) -> Outcome {
        let mut lines = Vec::new();
        for pump in self.wanted(sink)? {
            let name = pump.name();
            let rewound = pump.rewind(rewind).map_err(|error| format!("{name}: {error}"))?;
            lines.push(format!("{name}: sends again from record {} up to now", rewound.from));
        }
        lines.extend(oldest_is(&self.journal, rewind.from));
        lines.extend(letters_stay(rewind.reread));
        Ok(lines)
    }

    fn take_back(&self, sink: Option<&str>) -> Outcome {
        let taken_back = |pump: &PumpHandle| match pump.take_back() {
            Ok(rewound) => Ok(format!("{}: goes on at record {}", pump.name(), rewound.from)),
            // Of several, those that have come to the end have nothing to take back.
            Err(RewindError::NotReplaying) if sink.is_none() => Ok(format!("{}: replays nothing", pump.name())),
            Err(error) => Err(format!("{}: {error}", pump.name())),
        };
        self.wanted(sink)?.into_iter().map(taken_back).collect()
    }

    fn wanted(&self, sink: Option<&str>) -> Result<Vec<&PumpHandle>, String> {
        let wanted: Vec<_> = self.pumps.iter().filter(|pump| is_wanted(pump.name(), sink)).collect();
        if wanted.is_empty() {
            let names: Vec<_> = self.pumps.iter().map(PumpHandle::name).collect();
            return Err(format!("there is no such sink; running are: {}", names.join(", ")));
        }
        Ok(wanted)
    }

    /// As if the sender had sent the body again now.
    fn resubmit(&self, id: LetterId) -> Outcome {
        let letter = self.dead_letters.get(id).map_err(sentence)?;
        let format = PayloadFormat::from_number(letter.format).ok_or_else(|| {
            format!("letter {id} has payload format {}, which this program does not know", letter.format)
        })?;
        let taken = self
            .runtime
            .block_on(self.entrance(&letter.source)?.take(format, &letter.body))
            .map_err(|refusal| format!("the door refused it: {refusal}"))?;
        self.dead_letters.settle(id, Settlement::Resubmitted).map_err(sentence)?;
        Ok(vec![match taken {
            Taken::Empty => format!("letter {id} holds no reading; it is settled"),
            Taken::Safe { sequence, verdict } => {
                format!(
                    "letter {id} is now record {sequence}, found {}; its values are the latest of their keys",
                    verdict.label()
                )
            }
        }])
    }

    fn drop_letter(&self, id: LetterId) -> Outcome {
        self.dead_letters.settle(id, Settlement::Dropped).map_err(sentence)?;
        Ok(vec![format!("letter {id} is dropped")])
    }

    fn entrance(&self, source: &str) -> Result<Entrance, String> {
        let options = self.options.iter().find(|(name, _)| name == source).map(|(_, options)| *options);
        self.door.source(source, options.unwrap_or_default()).map_err(sentence)
    }
}

/// Whether `replay --sink` means this pump; the keeper only by its name.
pub(super) fn is_wanted(name: &str, sink: Option<&str>) -> bool {
    sink.map_or(name != super::sinks::KEEPER, |wanted| wanted == name)
}

/// What a command asks for, in the journal's terms.
pub(super) fn rewind(
    journal: &Journal,
    clock: &Clock,
    from: &str,
    source: Option<&str>,
    reread: control::Reread,
) -> Result<Rewind, String> {
    let time = parse_time(from)?;
    let source = source.map(|name| source_id(journal, name)).transpose()?;
    let from = journal.first_received_at_or_after(time).map_err(sentence)?;
    let control::Reread { redecode, current_rule, at_now } = reread;
    let judged_at = at_now.then(|| clock.now());
    Ok(Rewind { from, source, reread: Reread { redecode, current_rule, judged_at } })
}

/// A warning where retention took what may have been meant.
pub(super) fn oldest_is(journal: &Journal, from: Sequence) -> Option<String> {
    let oldest = journal.oldest().next;
    (from == oldest && oldest > Sequence::FIRST)
        .then(|| format!("record {oldest} is the oldest that is retained: what was before it cannot be sent again"))
}

/// Who reads otherwise than the door did has letters about it.
pub(super) fn letters_stay(reread: Reread) -> Option<String> {
    (reread != Reread::default()).then(|| {
        "letters about what is delivered now stay open until you drop them: `meterline dead-letters list`".to_owned()
    })
}

/// A time as commands give it.
fn parse_time(text: &str) -> Result<UnixNanos, String> {
    let time: jiff::Timestamp = text
        .parse()
        .map_err(|_| format!("'{text}' is no time, like 2026-11-22T14:00:00Z or 2026-11-22T15:00:00+01:00"))?;
    i64::try_from(time.as_nanosecond()).map(UnixNanos).map_err(|_| format!("'{text}' is too far from 1970"))
}

/// The number of a source that is already known.
fn source_id(journal: &Journal, name: &str) -> Result<SourceId, String> {
    (1..=u32::MAX)
        .map(SourceId)
        .map_while(|id| journal.source_name(id).map(|known| (id, known)))
        .find(|(_, known)| **known == *name)
        .map(|(id, _)| id)
        .ok_or_else(|| format!("no source called '{name}' has ever brought anything"))
}

fn answer(outcome: Outcome) -> Answer {
    match outcome {
        Ok(lines) => Answer::Done { lines },
        Err(why) => Answer::Refused { why },
    }
}

fn sentence(error: impl Display) -> String {
    error.to_string()
}
