//! DSMR-loggers: small devices that read a meter's P1 port and answer with JSON (DSMRloggerAPI,
//! DSMR-API-V2, DSMRlogger32 and relatives).
//!
//! [`Document`] reads `actual`, `info`, `fields` and a single field, [`history`] the rows of `hist`.
//! `/telegram` is a P1 telegram, which [`p1`](super::p1) reads.
//!
//! Pure. A document is turned into the telegram that the logger made it of, and is read as one. So every
//! register, total, time and id is the same as on the wire. Rules, from the makers' documents and code:
//! - The content decides the shape, never the path: v0 and DSMRlogger32 are flat, v1 is an array of
//!   name and value, DSMR-API-V2 has an object for each name.
//! - "-", an empty text and a missing member are all absent.
//! - Counters are present even without a device: `mbusN_delivered` counts only if the type of its device
//!   is known, `gas_delivered` only if it is not 0. The unit follows the type, never the label.
//! - A numeric time stamp is a fault of the firmware: the receive time is used.
//! - Values have 32 bits in the device: from 32768 kWh on the last digit is not exact.
//! - Without phase information the device copies the total power to L1 and puts 0 in L2 and L3: these are texts.

mod fields;
pub mod history;
mod identity;
mod logger;
mod mqtt;
mod shape;
mod translation;

// A meter has the same id as by its telegrams.
pub use super::p1::VENDOR;
pub use identity::{Device, Identity};
pub use logger::LoggerInfo;
pub use mqtt::field_of_message;

use super::p1::Nameplate;
use super::{At, MessageError, Part};
use shape::{Shape, without_first_comma};
use translation::Translation;

/// A document of a logger.
#[derive(Debug, Clone)]
pub struct Document {
    translation: Translation,
    was_repaired: bool,
}

impl Document {
    /// Reads a document. `known` is the identity of earlier documents: `actual` has no ids and no types of
    /// devices. This document replaces what it has itself.
    ///
    /// # Errors
    /// When the body is not JSON, a web page, an error of the logger, or has no fields.
    pub fn read(bytes: &[u8], known: &Identity) -> Result<Self, MessageError> {
        let text = String::from_utf8_lossy(bytes);
        let repaired = without_first_comma(&text);
        let shape = Shape::read(repaired.as_deref().unwrap_or(&text))?;
        let mut identity = known.clone();
        identity.note(&shape);
        Ok(Self { translation: Translation::of_document(&shape, identity), was_repaired: repaired.is_some() })
    }

    /// The identity of meter and devices, for documents to come.
    pub fn identity(&self) -> &Identity {
        self.translation.identity()
    }

    /// The meter's time; `None` if the document has no fields of a meter.
    pub fn at(&self) -> Option<At> {
        self.translation.at()
    }

    /// Whether it has fields of a logger. A time alone is one in the answer to the name of a field, and in no other.
    pub fn has_fields(&self) -> bool {
        self.translation.has_fields()
    }

    /// Notes for people on how the document was read: a name and a sentence each.
    pub fn remarks(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let repaired = self.was_repaired.then_some(("repaired", "a comma after the first brace was removed"));
        let copied = self.translation.has_copied_phases().then_some((
            "left_out",
            "the power of L1 to L3: the logger copied the total to L1, its meter has no phases",
        ));
        repaired.into_iter().chain(copied)
    }

    /// The id of the meter (`channel` is empty) or of a device: the same as in a P1 telegram of this meter.
    pub fn native_id(&self, channel: &str) -> String {
        self.identity().native_id(channel)
    }

    /// The description of the meter and the devices behind it.
    pub fn nameplate(&self) -> Nameplate {
        self.translation.nameplate()
    }

    /// Calls `each` for every part. Raw codes are the names of the fields.
    pub fn visit(&self, each: impl FnMut(Part<'_>)) {
        self.translation.visit(each);
    }
}

#[cfg(test)]
mod tests;
