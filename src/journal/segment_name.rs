//! The name of a segment file: its id and its first sequence.
//!
//! The first sequence is in the name so that an open knows the records of each segment
//! without reading it.

use super::Sequence;
use std::fmt;

/// The name of a segment. Ordered by id, which is never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    /// The number of the segment in the directory.
    pub id: u64,
    /// Its first record, if it has any.
    pub first: Sequence,
}

impl SegmentName {
    /// Parses a file name; strict, so that no other file is taken for a segment.
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
