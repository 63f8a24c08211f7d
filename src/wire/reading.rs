//! A decoded reading of any format, and helpers that the formats share.

use crate::reading::{Flags, MeterId, Obis, Sample, SetAside, UnixNanos};
use uuid::Uuid;

/// One meter at one instant with its values, borrowed from the body.
#[derive(Debug, Clone)]
pub struct Decoded<Values> {
    /// Position among the record's readings as received, from 0; readings that are set
    /// aside count too.
    pub index: u32,
    /// The meter.
    pub meter: Result<MeterId, SetAside>,
    /// When it was measured.
    pub at: Result<UnixNanos, SetAside>,
    /// Its flags.
    pub flags: Flags,
    /// The revision of the decoder that read its values from the vendor's bytes.
    pub decode_revision: u16,
    /// Its values, each a sample or the reason why it is set aside.
    pub values: Values,
}

impl<Values> Decoded<Values> {
    /// The same reading with its values converted.
    #[inline(always)]
    pub(super) fn map<Others>(self, values: impl FnOnce(Values) -> Others) -> Decoded<Others> {
        let Self { index, meter, at, flags, decode_revision, values: own } = self;
        Decoded { index, meter, at, flags, decode_revision, values: values(own) }
    }
}

impl<Values> Decoded<Values> {
    /// The same reading, set aside: it may have values, but none that this version knows.
    #[cold]
    pub(super) fn without_known_values(self) -> Self {
        Self { at: self.at.and(Err(SetAside::ValuesUnknown)), ..self }
    }
}

/// The flags of a reading of this meter: one of the canary is a test, from any sender.
#[inline(always)]
pub(super) fn flags_of(meter: Result<MeterId, SetAside>, flags: Flags) -> Flags {
    if meter == Ok(MeterId::CANARY) { flags | Flags::TEST } else { flags }
}

/// The sample of a code and a value. An empty code counts as absent, as in protobuf.
#[inline]
pub(super) fn sample(code: &[u8], value: f64) -> Result<Sample, SetAside> {
    match <[u8; 6]>::try_from(code) {
        Ok(code) => Ok(Sample { obis: Obis(code), value }),
        Err(_) if code.is_empty() => Err(SetAside::ObisMissing),
        Err(_) => Err(SetAside::ObisLength),
    }
}

/// The meter id of these bytes; `None` unless they are sixteen and not all zero.
pub(super) fn meter_id(bytes: &[u8]) -> Option<MeterId> {
    let id = Uuid::from_slice(bytes).ok().filter(|id| !id.is_nil())?;
    Some(MeterId::from(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Limits;
    use crate::wire::{Judged, PayloadFormat, batch, readings};
    use meterline_load::{Body, Reading};

    #[test]
    fn a_reading_of_the_canary_is_a_test_in_every_format_and_no_other_is() {
        assert_eq!(MeterId::CANARY, MeterId::named("meterline", "canary"));
        let (at, obis) = (UnixNanos(1_795_266_900_000_000_100), Obis([1, 0, 14, 7, 0, 255]));
        for (meter, expected) in [(MeterId::CANARY, Flags::TEST), (MeterId::named("p1", "canary"), Flags::NONE)] {
            let reading = Reading { meter: *meter.as_bytes(), time_ns: at.0, values: vec![(obis.0, 50.0)] };
            let smart_me = Body::new(0, vec![reading]).bytes;
            let samples = [Sample { obis, value: 50.0 }];
            let batch = batch::encode([(meter, at, Flags::NONE, samples)], &batch::Original::default());
            for (format, body) in [(PayloadFormat::SmartMe, smart_me), (PayloadFormat::ReadingBatch, batch)] {
                let reading = readings(format, &body).unwrap().next().unwrap();
                let judged = Judged::new(reading, &Limits::DEFAULT, at).unwrap();
                assert_eq!((judged.meter, judged.at, judged.flags), (meter, at, expected), "{format:?}");
            }
        }
    }
}
