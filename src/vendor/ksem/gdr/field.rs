//! Fields of a protobuf message, borrowed from it.
//!
//! Knows no particular message. Keys, numbers and unknown fields are read with prost's own functions, so
//! the same bytes are accepted as by the types that prost generates. Keys and numbers of one byte, which
//! are nearly all, are read here.

use prost::DecodeError;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// Why bytes are no frame.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FrameError {
    /// They are no protobuf message.
    #[error("the frame is no protobuf message: {0}")]
    Protobuf(#[from] DecodeError),
    /// A field is of another type than the schema says.
    #[error("field {0} of the frame has an unexpected type")]
    Type(u32),
    /// A field ends behind its message.
    #[error("field {0} of the frame is cut")]
    Cut(u32),
    /// An entry of a map has a field twice. No encoder writes one, and its meaning is not certain: texts replace
    /// each other, messages are merged.
    #[error("field {0} of an entry of the frame is there twice")]
    Twice(u32),
    /// A text is not UTF-8.
    #[error("field {0} of the frame is not UTF-8")]
    Text(u32),
}

/// A field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) number: u32,
    content: Content<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Content<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Other,
}

impl<'a> Field<'a> {
    pub(super) fn varint(&self) -> Result<u64, FrameError> {
        if let Content::Varint(number) = self.content { Ok(number) } else { Err(FrameError::Type(self.number)) }
    }

    pub(super) fn bytes(&self) -> Result<&'a [u8], FrameError> {
        if let Content::Bytes(bytes) = self.content { Ok(bytes) } else { Err(FrameError::Type(self.number)) }
    }

    pub(super) fn text(&self) -> Result<&'a str, FrameError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| FrameError::Text(self.number))
    }

    /// The numbers of a repeated field, packed or one alone.
    pub(super) fn varints(&self, mut each: impl FnMut(u64)) -> Result<(), FrameError> {
        match self.content {
            Content::Varint(number) => each(number),
            Content::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    each(decode_varint(&mut bytes)?);
                }
            }
            Content::Other => return Err(FrameError::Type(self.number)),
        }
        Ok(())
    }
}

/// Reads a message field by field.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// The next field; `None` at the end.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Field<'a>>, FrameError> {
        let (number, kind) = match *self.0 {
            [] => return Ok(None),
            [key @ 8..0x80, ref rest @ ..] if matches!(key & 7, 0 | 2) => {
                self.0 = rest;
                (u32::from(key >> 3), if key & 7 == 0 { WireType::Varint } else { WireType::LengthDelimited })
            }
            _ => decode_key(&mut self.0)?,
        };
        let content = match kind {
            WireType::Varint => Content::Varint(varint(&mut self.0)?),
            WireType::LengthDelimited => {
                let length = varint(&mut self.0)?;
                let split = usize::try_from(length).ok().and_then(|length| self.0.split_at_checked(length));
                let (bytes, rest) = split.ok_or(FrameError::Cut(number))?;
                self.0 = rest;
                Content::Bytes(bytes)
            }
            other => {
                skip_field(other, number, &mut self.0, DecodeContext::default())?;
                Content::Other
            }
        };
        Ok(Some(Field { number, content }))
    }
}

#[inline]
fn varint(bytes: &mut &[u8]) -> Result<u64, DecodeError> {
    match **bytes {
        [number @ 0..0x80, ref rest @ ..] => {
            *bytes = rest;
            Ok(u64::from(number))
        }
        _ => decode_varint(bytes),
    }
}

/// An entry of a map: field 1 is the key, field 2 the value. A missing one is 0 or empty.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry<'a> {
    key: Option<Field<'a>>,
    value: Option<Field<'a>>,
}

impl<'a> Entry<'a> {
    #[inline]
    pub(super) fn read(message: &'a [u8]) -> Result<Self, FrameError> {
        let (mut entry, mut fields) = (Self::default(), Fields::new(message));
        while let Some(field) = fields.next()? {
            let earlier = match field.number {
                1 => entry.key.replace(field),
                2 => entry.value.replace(field),
                _ => None,
            };
            if earlier.is_some() {
                return Err(FrameError::Twice(field.number));
            }
        }
        Ok(entry)
    }

    pub(super) fn text_key(&self) -> Result<&'a str, FrameError> {
        self.key.map_or(Ok(""), |key| key.text())
    }

    pub(super) fn varint_key(&self) -> Result<u64, FrameError> {
        self.key.map_or(Ok(0), |key| key.varint())
    }

    pub(super) fn value_text(&self) -> Result<&'a str, FrameError> {
        self.value.map_or(Ok(""), |value| value.text())
    }

    pub(super) fn value_bytes(&self) -> Result<&'a [u8], FrameError> {
        self.value.map_or(Ok(&[]), |value| value.bytes())
    }

    pub(super) fn value_varint(&self) -> Result<u64, FrameError> {
        self.value.map_or(Ok(0), |value| value.varint())
    }
}
