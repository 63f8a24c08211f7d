//! The contents that a machine must have after a cut, and those that it may have.

use super::super::super::LetterId;
use super::machine::{CAP_SEGMENTS, Running, SEGMENT_BYTES};
use super::possible::Possible;
use crate::journal::{Checkpoint, Cursor, Gap, JournalId, RecordHeader, ResolvedCursor, RuleVersion, SourceId};
use crate::reading::Limits;
use std::collections::BTreeMap;

/// The sink whose cursor moves along with the data.
pub(super) const SINK: &str = "sink";
/// A block of a segment.
const BLOCK: u64 = 4096;

/// A record: its source's name, its limits and its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) source: String,
    pub(super) limits: Limits,
    pub(super) payload: Vec<u8>,
}

/// A dead letter that exists.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) body: Vec<u8>,
    pub(super) is_open: Possible<bool>,
}

/// The model.
#[derive(Debug)]
pub(super) struct Model {
    journal: Option<JournalId>,
    /// Records by sequence: acknowledged, or seen by a reader.
    pub(super) certain: BTreeMap<u64, Sent>,
    /// Attempted, not acknowledged, and not seen yet.
    pub(super) attempted: Vec<Sent>,
    pub(super) cursor: Possible<Option<Cursor>>,
    pub(super) checkpoints: Possible<Vec<Checkpoint>>,
    pub(super) gaps: Possible<Vec<Gap>>,
    pub(super) sources: Possible<Vec<String>>,
    pub(super) rules: Possible<Vec<Limits>>,
    pub(super) letters: BTreeMap<u64, Kept>,
    pub(super) letters_attempted: Vec<Vec<u8>>,
    /// Faults of a sync so far: each may cost a segment of room.
    pub(super) sync_faults: u64,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            journal: None,
            certain: BTreeMap::new(),
            attempted: Vec::new(),
            cursor: Possible::only("the cursor", None),
            checkpoints: Possible::only("the list of checkpoints", Vec::new()),
            gaps: Possible::only("the list of gaps", Vec::new()),
            sources: Possible::only("the list of sources", Vec::new()),
            rules: Possible::only("the list of rules", Vec::new()),
            letters: BTreeMap::new(),
            letters_attempted: Vec::new(),
            sync_faults: 0,
        }
    }
}

impl Model {
    /// Compares everything after a start with what must be and may be there.
    pub(super) fn compare(&mut self, running: &Running, is_after_cut: bool) {
        let id = running.journal.id();
        assert_eq!(*self.journal.get_or_insert(id), id, "the journal has another id");
        self.small_files(running, is_after_cut);
        self.records(running);
        self.letters(running, is_after_cut);
    }

    fn small_files(&mut self, running: &Running, is_after_cut: bool) {
        let journal = &running.journal;
        self.sources.found(sources(running), is_after_cut);
        let rules = (1..).map_while(|number| journal.limits(RuleVersion(number)));
        self.rules.found(rules.collect(), is_after_cut);
        self.gaps.found(journal.gaps().list(), is_after_cut);
        self.checkpoints.found(journal.checkpoints(SINK).unwrap().all().to_vec(), is_after_cut);
        let cursor = journal.cursors().load(SINK).unwrap();
        if let Some(cursor) = &cursor {
            assert_eq!(journal.resolve(cursor.position), ResolvedCursor::At(cursor.position));
            let oldest = journal.oldest().next;
            assert!(oldest <= cursor.position.next, "the sink needs {cursor:?}, the oldest record is {oldest}");
        }
        self.cursor.found(cursor, is_after_cut);
    }

    /// Reads all records.
    pub(super) fn records(&mut self, running: &Running) {
        let journal = &running.journal;
        let (oldest, next) = (journal.oldest().next, journal.next());
        let last_certain = self.certain.keys().next_back().copied().unwrap_or(0);
        assert!(next.0 > last_certain, "record {last_certain} is lost, the journal ends before {next}");
        let mut reader = journal.reader(oldest).unwrap();
        let mut expected = oldest.0..next.0;
        while let Some(record) = reader.read().unwrap() {
            let sequence = record.sequence.0;
            assert_eq!(Some(sequence), expected.next());
            let sent = sent(running, &record.header, record.payload);
            match self.certain.get(&sequence) {
                Some(certain) => assert!(*certain == sent, "record {sequence} has changed"),
                None => {
                    let place = self.attempted.iter().position(|attempted| *attempted == sent);
                    let place = place.unwrap_or_else(|| panic!("record {sequence} was never appended"));
                    self.certain.insert(sequence, self.attempted.remove(place));
                }
            }
        }
        assert_eq!(expected.next(), None, "the reader ends too early");
        // Beyond the cap may be a group that a start had to write again, and what a
        // power cut gives back to segments that were cut while syncs failed.
        let bytes_max = (CAP_SEGMENTS + self.sync_faults) * SEGMENT_BYTES + 5 * BLOCK;
        assert!(journal.usage().bytes <= bytes_max, "{:?}", journal.segments());
    }

    fn letters(&mut self, running: &Running, is_after_cut: bool) {
        let letters = &running.letters;
        for id in letters.journal.oldest().next.0..letters.journal.next().0 {
            // Some records are decisions.
            let Ok(letter) = letters.get(LetterId(id)) else { continue };
            if let Some(kept) = self.letters.get(&id) {
                assert_eq!(kept.body, letter.body, "letter {id} has changed");
                continue;
            }
            let place = self.letters_attempted.iter().position(|attempted| *attempted == letter.body);
            let place = place.unwrap_or_else(|| panic!("letter {id} was never written"));
            let body = self.letters_attempted.remove(place);
            self.letters.insert(id, Kept { body, is_open: Possible::only("whether a letter is open", true) });
        }
        for (id, kept) in &mut self.letters {
            let is_open = letters.index().is_open(LetterId(*id));
            kept.is_open.found(is_open, is_after_cut);
            assert!(!is_open || letters.get(LetterId(*id)).is_ok(), "letter {id} is open and cannot be read");
        }
    }
}

/// The list of sources.
pub(super) fn sources(running: &Running) -> Vec<String> {
    let names = (1..).map_while(|number| running.journal.source_name(SourceId(number)));
    names.map(|name| name.to_string()).collect()
}

fn sent(running: &Running, header: &RecordHeader, payload: &[u8]) -> Sent {
    let source = running.journal.source_name(header.source).expect("a record's source has no name");
    let limits = running.journal.limits(header.rule).expect("a record's rule has no limits");
    Sent { source: source.to_string(), limits, payload: payload.to_vec() }
}
