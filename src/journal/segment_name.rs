//! The name of a segment file: its id and its first sequence, in one type.
//!
//! The first sequence stands in the name so that an open need not look into any
//! segment but the last to know which records each one holds.

use super::Sequence;
use std::fmt;

/// Names one segment. Ordered by id, which is never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    /// Counts up with every segment of the directory.
    pub id: u64,
    /// The first record in it, if it holds any.
    pub first: Sequence,
}

impl SegmentName {
    /// The segment of a file's name; strict, so that nothing else in the directory is taken for one.
    pub(super) fn parse(file_name: &str) -> Option<Self> {
        let (id, first) = file_name.strip_suffix(".seg")?.split_once('-')?;
        Some(Self { id: parse_hex(id)?, first: Sequence(parse_hex(first)?) })
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{:016x}.seg", self.id, self.first.0)
    }
}

fn parse_hex(digits: &str) -> Option<u64> {
    let plain = digits.len() == 16 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if plain { u64::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_and_nothing_else_is_taken_for_one() {
        let name = SegmentName { id: 0x1f, first: Sequence(u64::MAX) };
        assert_eq!(name.to_string(), "000000000000001f-ffffffffffffffff.seg");
        assert_eq!(SegmentName::parse(&name.to_string()), Some(name));
        for other in
            ["lock", "1f-ff.seg", "000000000000001F-ffffffffffffffff.seg", "000000000000001f-ffffffffffffffff.seg.new"]
        {
            assert_eq!(SegmentName::parse(other), None, "{other}");
        }
    }
}
