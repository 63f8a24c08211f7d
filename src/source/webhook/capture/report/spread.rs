//! How far numbers lie apart.

use serde::Serialize;
use std::fmt;

/// The least, the middle and the greatest of some numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// The least.
    pub least: i64,
    /// The middle one; the lower of two.
    pub median: i64,
    /// The greatest.
    pub greatest: i64,
}

impl Spread {
    pub(super) fn of(numbers: impl Iterator<Item = i64>) -> Option<Self> {
        let mut numbers: Vec<i64> = numbers.collect();
        numbers.sort_unstable();
        let middle = numbers.len().checked_sub(1)? / 2;
        Some(Self { least: *numbers.first()?, median: *numbers.get(middle)?, greatest: *numbers.last()? })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.least == self.greatest {
            return write!(f, "{}", self.least);
        }
        write!(f, "{} to {}, median {}", self.least, self.greatest, self.median)
    }
}
