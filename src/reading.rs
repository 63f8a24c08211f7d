//! The data model: meter, OBIS code, time and value of a sample, and the rule that
//! decides which samples are plausible.
//!
//! Knows nothing of serde, protobuf, tokio, files or clocks: everything here is a
//! value or a pure function.

mod flags;
mod obis;
pub mod registry;
mod rule;
mod sample;
mod units;

pub use flags::Flags;
pub use obis::{Obis, ObisFormatError};
pub use rule::{Limits, RULE_CODE_REVISION, SetAside};
pub use sample::{CANARY_SOURCE, MeterId, QUARTER_HOUR_NS, Sample, UnixNanos};
pub use units::Units;
