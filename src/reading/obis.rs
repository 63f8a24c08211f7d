//! OBIS codes: which register of a meter a value is of (IEC 62056-6-1).

use std::fmt;

/// Six bytes `A-B:C.D.E*F`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Obis(pub [u8; 6]);

/// A text that is no OBIS code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no OBIS code")]
pub struct ObisFormatError(pub String);

impl fmt::Display for Obis {
    /// In full, always `A-B:C.D.E*F`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a}-{b}:{c}.{d}.{e}*{g}")
    }
}

impl fmt::Debug for Obis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
