//! Decode errors: the fault, its byte offset and its field. Made without allocation,
//! formatted only when printed. Never contains bytes of the body.

use std::fmt;

/// Where and why a body is undecodable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}{path}: {kind}")]
pub struct DecodeError {
    /// The fault.
    pub kind: DecodeErrorKind,
    /// The offset in the body where decoding stopped.
    pub offset: usize,
    /// The field at that offset.
    pub path: FieldPath,
}

/// A fault of a body's framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeErrorKind {
    /// The bytes end inside a number.
    #[error("the message ends inside a number")]
    VarintTruncated,
    /// A number needs more than 64 bits.
    #[error("a number is longer than 64 bits")]
    VarintTooLong,
    /// A field's key needs more than 32 bits.
    #[error("a field's key is longer than 32 bits")]
    KeyTooLong,
    /// Field number 0.
    #[error("invalid field number 0")]
    FieldNumberZero,
    /// Wire type 6 or 7.
    #[error("invalid wire type {0}")]
    WireTypeUnknown(u8),
    /// A known field with another wire type than its own.
    #[error("the field has wire type {found}, expected {expected}")]
    WireTypeUnexpected {
        /// The expected wire type.
        expected: WireType,
        /// The wire type found.
        found: WireType,
    },
    /// A field is longer than the rest of its message.
    #[error("the field needs {needed} bytes, its message has {left} left")]
    Truncated {
        /// The field's length.
        needed: u64,
        /// Bytes left in the message.
        left: usize,
    },
    /// A text field that is not UTF-8.
    #[error("the text is not UTF-8")]
    NotText,
    /// The end of a group that is not open.
    #[error("unexpected end of a group")]
    GroupEndUnexpected,
    /// Groups nested beyond prost's limit.
    #[error("groups are nested too deeply")]
    GroupTooDeep,
    /// Only fields that this version does not know.
    #[error("this version knows no field of the message")]
    NothingKnown,
    /// Not a valid `MeterBatch`.
    #[error("not a valid meter description")]
    NotMeters,
}

/// The wire type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireType {
    /// A number of one to ten bytes.
    Varint,
    /// Eight bytes.
    Fixed64,
    /// A length and that many bytes.
    Bytes,
    /// Fields up to the group's end.
    Group,
    /// Four bytes.
    Fixed32,
}

impl fmt::Display for WireType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Varint => "varint",
            Self::Fixed64 => "64-bit number",
            Self::Bytes => "length-delimited field",
            Self::Group => "group",
            Self::Fixed32 => "32-bit number",
        })
    }
}

/// The names of the fields from the body down to one field, such as
/// `DeviceDataItems[2].DeviceValues[5].Obis`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FieldPath {
    /// Innermost first; the known messages are nested no deeper.
    steps: [Option<Step>; 3],
}

/// One field of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A singular field.
    Field(&'static str),
    /// A repeated field and which of its items.
    Item(&'static str, u32),
    /// A field without a known name.
    Unknown(u32),
}

/// The detail that a walk over a body keeps of a fault. Nearly all bodies are well
/// formed, so the first walk keeps no detail and its results stay in registers; only
/// a body that fails is walked again for the full error.
pub(super) trait Fault: Sized {
    /// A fault without a field yet.
    fn new(kind: DecodeErrorKind, offset: usize) -> Self;

    /// The same fault within the enclosing message: `step` is the field that contains
    /// it, `start` the offset of that field's bytes.
    fn within(self, step: Step, start: usize) -> Self;
}

/// Any fault, without detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl Fault for Malformed {
    #[inline]
    fn new(_kind: DecodeErrorKind, _offset: usize) -> Self {
        Self
    }

    #[inline]
    fn within(self, _step: Step, _start: usize) -> Self {
        self
    }
}

impl Fault for DecodeError {
    fn new(kind: DecodeErrorKind, offset: usize) -> Self {
        Self { kind, offset, path: FieldPath::default() }
    }

    fn within(mut self, step: Step, start: usize) -> Self {
        self.offset += start;
        if let Some(free) = self.path.steps.iter_mut().find(|step| step.is_none()) {
            *free = Some(step);
        }
        self
    }
}

impl fmt::Display for FieldPath {
    /// In parentheses after a blank; empty for the body itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = " (";
        for step in self.steps.iter().rev().flatten() {
            f.write_str(before)?;
            match step {
                Step::Field(name) => f.write_str(name)?,
                Step::Item(name, index) => write!(f, "{name}[{index}]")?,
                Step::Unknown(number) => write!(f, "unknown field {number}")?,
            }
            before = ".";
        }
        if before == "." { f.write_str(")") } else { Ok(()) }
    }
}
