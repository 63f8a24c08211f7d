//! A decoded reading, whatever its format, and what the readers of formats share.

use crate::reading::{Flags, MeterId, Obis, Sample, SetAside, UnixNanos};
use uuid::Uuid;

/// One meter at one instant with its values, borrowed from the bytes it came in.
#[derive(Debug, Clone)]
pub struct Decoded<Values> {
    /// Position among the record's readings as it arrived, from 0; readings that
    /// are set aside count too.
    pub index: u32,
    /// Whose reading it is.
    pub meter: Result<MeterId, SetAside>,
    /// When it was measured.
    pub at: Result<UnixNanos, SetAside>,
    /// What is unusual about it.
    pub flags: Flags,
    /// Its values, each a sample or the reason why it is none.
    pub values: Values,
}

impl<Values> Decoded<Values> {
    /// The same reading with its values as seen by somebody else.
    #[inline(always)]
    pub(super) fn map<Others>(self, values: impl FnOnce(Values) -> Others) -> Decoded<Others> {
        let Self { index, meter, at, flags, values: own } = self;
        Decoded { index, meter, at, flags, values: values(own) }
    }
}

/// The sample of a code and a value. An empty code is an absent one, as protobuf has it.
#[inline]
pub(super) fn sample(code: &[u8], value: f64) -> Result<Sample, SetAside> {
    match <[u8; 6]>::try_from(code) {
        Ok(code) => Ok(Sample { obis: Obis(code), value }),
        Err(_) if code.is_empty() => Err(SetAside::ObisMissing),
        Err(_) => Err(SetAside::ObisLength),
    }
}

/// A meter of other than sixteen bytes, or of none but zeros, is none.
pub(super) fn meter_id(bytes: &[u8]) -> Option<MeterId> {
    let id = Uuid::from_slice(bytes).ok().filter(|id| !id.is_nil())?;
    Some(MeterId::from(id))
}
