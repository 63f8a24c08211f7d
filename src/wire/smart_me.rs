//! smart-me's `DeviceDataArray`.
use super::{DecodeError, Reading};
use crate::reading::{Sample, SetAside};

/// The readings of a body.
#[derive(Debug, Clone)]
pub struct Readings<'a>(pub(crate) &'a [u8]);

/// The values of a reading.
#[derive(Debug, Clone)]
pub struct Values<'a>(pub(crate) &'a [u8]);

pub(super) fn readings(body: &[u8]) -> Result<Readings<'_>, DecodeError> {
    Ok(Readings(body))
}

impl<'a> Iterator for Readings<'a> {
    type Item = Reading<'a>;
    fn next(&mut self) -> Option<Reading<'a>> {
        None
    }
}

impl Iterator for Values<'_> {
    type Item = Result<Sample, SetAside>;
    fn next(&mut self) -> Option<Self::Item> {
        None
    }
}
