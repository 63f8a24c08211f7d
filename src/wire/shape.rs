//! What our own messages look like: their fields, each with its name and how it must
//! be written, for the walks that find every fault of a body's framing.

use super::error::{DecodeErrorKind, Fault, WireType};
use super::field::{Content, Field, Names, in_field, unexpected};

/// How a field must be written.
#[derive(Clone, Copy)]
pub(super) enum Type {
    Bytes,
    /// Bytes that are UTF-8.
    Text,
    Fixed64,
    Varint,
}

/// `end` is where the field ends in its message.
pub(super) fn check_type<F: Fault>(
    field: &Field<'_>,
    known: &[(&'static str, Type)],
    end: usize,
    names: Names,
) -> Result<(), F> {
    let Some((_, wanted)) = entry(known, field.number) else { return Ok(()) };
    let wire_type = match (wanted, field.content) {
        (Type::Bytes, Content::Bytes(_))
        | (Type::Fixed64, Content::Fixed64(_))
        | (Type::Varint, Content::Varint(_)) => {
            return Ok(());
        }
        (Type::Text, Content::Bytes(bytes)) => {
            return match std::str::from_utf8(bytes) {
                Ok(_) => Ok(()),
                Err(_) => Err(in_field(DecodeErrorKind::NotText, end - bytes.len(), field.number, names)),
            };
        }
        (Type::Bytes | Type::Text, _) => WireType::Bytes,
        (Type::Fixed64, _) => WireType::Fixed64,
        (Type::Varint, _) => WireType::Varint,
    };
    Err(unexpected(field, wire_type, names))
}

fn entry(known: &[(&'static str, Type)], number: u32) -> Option<(&'static str, Type)> {
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    known.get(index).copied()
}

pub(super) fn name(known: &[(&'static str, Type)], number: u32) -> Option<&'static str> {
    entry(known, number).map(|(name, _)| name)
}
