//! Fields of a protobuf message over a slice: keys, numbers, lengths, groups.
//!
//! Knows no particular message. Accepts and refuses exactly the same bytes as prost's
//! decoder: ten-byte numbers, keys of 32 bits, field numbers from 1, groups nested up
//! to [`DEPTH_MAX`], messages included.

use super::error::{DecodeErrorKind, Fault, Malformed, Step, WireType};

/// The maximum nesting depth of messages and groups, prost's limit.
pub(super) const DEPTH_MAX: u8 = 100;

/// The content of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Group,
    Fixed32,
}

impl Content<'_> {
    pub(super) fn wire_type(&self) -> WireType {
        match self {
            Self::Varint(_) => WireType::Varint,
            Self::Fixed64(_) => WireType::Fixed64,
            Self::Bytes(_) => WireType::Bytes,
            Self::Group => WireType::Group,
            Self::Fixed32 => WireType::Fixed32,
        }
    }
}

/// A field of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) number: u32,
    pub(super) content: Content<'a>,
    /// Offset of its key in the message.
    pub(super) at: usize,
}

/// The names of a message's fields.
pub(super) type Names = fn(u32) -> Option<&'static str>;

/// A fault in a field, with the field's name.
pub(super) fn in_field<F: Fault>(kind: DecodeErrorKind, offset: usize, number: u32, names: Names) -> F {
    F::new(kind, offset).within(names(number).map_or(Step::Unknown(number), Step::Field), 0)
}

/// The fault of a known field with an unexpected wire type.
pub(super) fn unexpected<F: Fault>(field: &Field<'_>, expected: WireType, names: Names) -> F {
    let kind = DecodeErrorKind::WireTypeUnexpected { expected, found: field.content.wire_type() };
    in_field(kind, field.at, field.number, names)
}

/// Reads a message field by field.
#[derive(Debug, Clone)]
pub(super) struct FieldReader<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> FieldReader<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message, len: message.len() }
    }

    /// Offset of the next byte in the message.
    pub(super) fn offset(&self) -> usize {
        self.len - self.rest.len()
    }

    /// The next field, `None` at the end of the message. `depth` is the
    /// nesting of groups still allowed here.
    #[inline(always)]
    pub(super) fn next<F: Fault>(&mut self, depth: u8, names: Names) -> Result<Option<Field<'a>>, F> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let at = self.offset();
        let (number, tag) = self.key().map_err(|kind| F::new(kind, at))?;
        match self.content(number, tag, depth) {
            Ok(content) => Ok(Some(Field { number, content, at })),
            Err(kind) => Err(in_field(kind, self.offset(), number, names)),
        }
    }

    /// The next field of a message that was checked before. A fault, which the check
    /// excludes, would end the iteration.
    #[inline(always)]
    pub(super) fn next_checked(&mut self) -> Option<Field<'a>> {
        self.next::<Malformed>(DEPTH_MAX, |_| None).ok().flatten()
    }

    /// The next of several numbers without keys, `None` at their end.
    pub(super) fn next_varint(&mut self) -> Option<Result<u64, DecodeErrorKind>> {
        if self.rest.is_empty() { None } else { Some(self.varint()) }
    }

    #[inline(always)]
    fn content(&mut self, number: u32, tag: Tag, depth: u8) -> Result<Content<'a>, DecodeErrorKind> {
        // One comparison for the most frequent type, no jump table.
        if matches!(tag, Tag::Is(WireType::Bytes)) {
            return self.bytes().map(Content::Bytes);
        }
        match tag {
            Tag::Is(WireType::Varint) => self.varint().map(Content::Varint),
            Tag::Is(WireType::Fixed64) => self.array().map(|bytes| Content::Fixed64(u64::from_le_bytes(bytes))),
            rare => self.rare_content(number, rare, depth),
        }
    }

    #[cold]
    fn rare_content(&mut self, number: u32, tag: Tag, depth: u8) -> Result<Content<'a>, DecodeErrorKind> {
        match tag {
            Tag::Is(WireType::Fixed32) => self.array::<4>().map(|_| Content::Fixed32),
            Tag::Is(WireType::Group) => self.skip_group(number, depth).map(|()| Content::Group),
            Tag::GroupEnd => Err(DecodeErrorKind::GroupEndUnexpected),
            Tag::Is(_) => self.content(number, tag, depth),
        }
    }

    #[inline(always)]
    fn key(&mut self) -> Result<(u32, Tag), DecodeErrorKind> {
        let key = u32::try_from(self.varint()?).map_err(|_| DecodeErrorKind::KeyTooLong)?;
        let tag = match key & 7 {
            0 => Tag::Is(WireType::Varint),
            1 => Tag::Is(WireType::Fixed64),
            2 => Tag::Is(WireType::Bytes),
            3 => Tag::Is(WireType::Group),
            4 => Tag::GroupEnd,
            5 => Tag::Is(WireType::Fixed32),
            6 => return Err(DecodeErrorKind::WireTypeUnknown(6)),
            _ => return Err(DecodeErrorKind::WireTypeUnknown(7)),
        };
        match key >> 3 {
            0 => Err(DecodeErrorKind::FieldNumberZero),
            number => Ok((number, tag)),
        }
    }

    #[inline(always)]
    fn varint(&mut self) -> Result<u64, DecodeErrorKind> {
        match *self.rest {
            [byte, ref rest @ ..] if byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(byte))
            }
            [low, high, ref rest @ ..] if high < 0x80 => {
                self.rest = rest;
                Ok(u64::from(low & 0x7f) | u64::from(high) << 7)
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, DecodeErrorKind> {
        let mut value = 0;
        for (index, &byte) in self.rest.iter().take(10).enumerate() {
            // The tenth byte holds only the 64th bit.
            if index == 9 && byte > 1 {
                return Err(DecodeErrorKind::VarintTooLong);
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.rest = self.rest.get(index + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        Err(DecodeErrorKind::VarintTruncated)
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeErrorKind> {
        let left = self.rest.len();
        let (bytes, rest) =
            self.rest.split_first_chunk::<N>().ok_or(DecodeErrorKind::Truncated { needed: N as u64, left })?;
        self.rest = rest;
        Ok(*bytes)
    }

    #[inline(always)]
    fn bytes(&mut self) -> Result<&'a [u8], DecodeErrorKind> {
        let needed = self.varint()?;
        let split = usize::try_from(needed).ok().and_then(|needed| self.rest.split_at_checked(needed));
        let (bytes, rest) = split.ok_or(DecodeErrorKind::Truncated { needed, left: self.rest.len() })?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Skips up to the end of group `number`. Recursion is bounded by `depth`.
    fn skip_group(&mut self, number: u32, depth: u8) -> Result<(), DecodeErrorKind> {
        loop {
            match self.key()? {
                (inner, Tag::GroupEnd) if inner == number => return Ok(()),
                _ if depth <= 1 => return Err(DecodeErrorKind::GroupTooDeep),
                (inner, tag) => self.content(inner, tag, depth - 1).map(drop)?,
            }
        }
    }
}

/// The lower three bits of a key.
#[derive(Debug, Clone, Copy)]
enum Tag {
    Is(WireType),
    GroupEnd,
}
