//! What a sample is: a meter, an OBIS code, a time, a value, and the rule that
//! says which of them are plausible.
//!
//! Knows nothing of serde, protobuf, tokio, files or clocks: everything here is
//! a value or a pure function.

mod flags;
mod meter_id;
mod obis;
pub mod registry;
mod rule;
mod time;

pub use flags::Flags;
pub use meter_id::MeterId;
pub use obis::{Obis, ObisFormatError};
pub use rule::{Limits, RULE_CODE_REVISION, SetAside};
pub use time::UnixNanos;

/// One value of one register, in the registry's base unit (Wh, W, V, A, m3 ...).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// The register.
    pub obis: Obis,
    /// The value; finite once it has passed [`Limits::judge_value`].
    pub value: f64,
}
