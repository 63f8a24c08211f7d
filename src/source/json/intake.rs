//! From a JSON document to ingest.

use crate::clock::Clock;
use crate::reading::Flags;
use crate::source::{Inlet, Reporter, SourceError};
use crate::vendor::Reading;
use crate::vendor::json::{Document, Mapping, read};
use crate::wire::batch::Original;

/// Largest document.
pub(super) const DOCUMENT_BYTES_MAX: usize = 64 << 10;

/// Decodes documents and passes their readings to ingest.
#[derive(Debug)]
pub(super) struct Intake {
    mapping: Mapping,
    inlet: Inlet,
    clock: Clock,
}

/// Reads a document that holds at least one of the configured values. The error is a sentence.
pub(super) fn document(mapping: &Mapping, bytes: &[u8]) -> Result<Document, String> {
    let document = read(mapping, bytes).map_err(|error| error.to_string())?;
    if document.samples.is_empty() {
        return Err("the document holds none of the configured values: check the pointers".to_owned());
    }
    Ok(document)
}

/// A decoded document.
#[derive(Debug)]
pub(super) struct Decoded {
    reading: Reading,
    absent: usize,
}

impl Intake {
    pub(super) fn new(mapping: Mapping, inlet: Inlet, clock: Clock) -> Self {
        Self { mapping, inlet, clock }
    }

    /// Decodes a document. The error is a sentence.
    pub(super) fn decode(&self, bytes: &[u8]) -> Result<Decoded, String> {
        let document = document(&self.mapping, bytes)?;
        let (at, flags) = match document.at {
            Some(at) => (at, Flags::NONE),
            None => (self.clock.now(), Flags::TIME_IS_RECEIVE_TIME),
        };
        let reading = Reading { meter: self.mapping.meter, at, flags, samples: document.samples };
        Ok(Decoded { reading, absent: document.absent })
    }

    /// Journals a new reading with its document, and reports it.
    pub(super) async fn store(
        &mut self,
        decoded: &Decoded,
        bytes: &[u8],
        reporter: &mut Reporter,
    ) -> Result<(), SourceError> {
        let Decoded { reading, absent } = decoded;
        if self.inlet.admits(reading.meter, reading.at) {
            // The origin stays empty: the path of a device's URL may hold a token.
            let original = Original { bytes, content_type: "application/json", origin: "" };
            self.inlet.take(std::slice::from_ref(reading), original).await?;
        }
        reporter.set("last_reading", reading.at);
        reporter.set("values", reading.samples.len());
        reporter.set("values_absent", *absent);
        Ok(())
    }
}
