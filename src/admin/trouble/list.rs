//! The troubles found so far.

use crate::admin::status::{Kind, Trouble};

/// The troubles found so far.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) entries: Vec<Trouble>,
    /// The number of further ones, which have no entry.
    pub(super) others: usize,
}

impl Found {
    /// Adds an entry of this kind.
    pub(super) fn add(&mut self, kind: Kind, part: &str, text: Text) {
        let Text { sentence, since, times, effect, command } = text;
        let part = part.to_owned();
        let command = command.unwrap_or_else(|| kind.command().to_owned());
        let (level, runbook) = (kind.level(), kind.runbook());
        self.entries.push(Trouble { level, kind, part, sentence, since, times, effect, command, runbook });
    }
}

/// The words of an entry.
#[derive(Debug, Default)]
pub(super) struct Text {
    sentence: String,
    since: Option<String>,
    times: Option<u64>,
    effect: String,
    /// Instead of the command of the kind.
    command: Option<String>,
}

impl Text {
    pub(super) fn new(sentence: impl Into<String>, effect: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), effect: effect.into(), ..Self::default() }
    }

    pub(super) fn since(self, since: impl Into<Option<String>>) -> Self {
        Self { since: since.into(), ..self }
    }

    pub(super) fn times(self, times: u64) -> Self {
        Self { times: Some(times), ..self }
    }

    pub(super) fn command(self, command: impl Into<String>) -> Self {
        Self { command: Some(command.into()), ..self }
    }
}
