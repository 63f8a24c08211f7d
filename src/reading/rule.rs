//! The rule: decides which samples are plausible.
//!
//! A pure function of sample, receive time and limits. The journal keeps the versions
//! of the limits, and every record names the version that judged it. So ingest and
//! every sink reach the same verdict, also after a change of the configuration and
//! in a replay years later.

use super::sample::UnixNanos;

/// Raised whenever the code below would judge the same input differently.
pub const RULE_CODE_REVISION: u16 = 1;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// The limits of the rule for a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Revision of the rule's code that these limits belong to.
    pub code_revision: u16,
    /// The earliest plausible measurement (default 2000-01-01).
    pub earliest: UnixNanos,
    /// How far a measurement may be after its own receive time, in ns (default 24 h).
    pub ahead_ns_max: i64,
    /// How far a measurement may be before its own receive time, in ns (default 400 days).
    pub age_ns_max: i64,
}

impl Limits {
    /// After 2000, at most 24 h ahead, at most 400 days old.
    pub const DEFAULT: Self = Self {
        code_revision: RULE_CODE_REVISION,
        earliest: UnixNanos(946_684_800 * SECOND),
        ahead_ns_max: DAY,
        age_ns_max: 400 * DAY,
    };

    /// Whether a measurement time is plausible for a record received at `received`.
    ///
    /// # Errors
    /// The reason why it is not.
    pub fn judge_time(&self, at: UnixNanos, received: UnixNanos) -> Result<(), SetAside> {
        if at < self.earliest {
            Err(SetAside::TimeBeforeEarliest)
        } else if at.since(received) > self.ahead_ns_max {
            Err(SetAside::TimeAhead)
        } else if received.since(at) > self.age_ns_max {
            Err(SetAside::TimeTooOld)
        } else {
            Ok(())
        }
    }

    /// Whether a value can be stored unchanged (stores turn NaN and infinity into NULL).
    ///
    /// # Errors
    /// [`SetAside::ValueNotFinite`].
    pub fn judge_value(&self, value: f64) -> Result<(), SetAside> {
        if value.is_finite() { Ok(()) } else { Err(SetAside::ValueNotFinite) }
    }
}

/// Why a sample, or a whole reading, is kept but not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SetAside {
    /// The device id is absent or all zero.
    MeterMissing,
    /// There is no time.
    TimeMissing,
    /// The time is present but empty; the sender's library writes 1970-01-01 so.
    TimeEmpty,
    /// The time is .NET's `MinValue` or `MaxValue`.
    TimeMinMax,
    /// The time's scale is unknown.
    TimeScaleUnknown,
    /// The time does not fit into nanoseconds since 1970.
    TimeOverflow,
    /// The time is before the earliest plausible instant.
    TimeBeforeEarliest,
    /// The time is too far after the receive time.
    TimeAhead,
    /// The time is too far before the receive time.
    TimeTooOld,
    /// The reading has fields, but no value, that this version knows.
    ValuesUnknown,
    /// The value has no OBIS code.
    ObisMissing,
    /// The OBIS code does not have six bytes.
    ObisLength,
    /// The value is NaN or infinite.
    ValueNotFinite,
}

impl SetAside {
    /// Every reason, in the order of [`SetAside::index`].
    pub const ALL: [Self; 13] = [
        Self::MeterMissing,
        Self::TimeMissing,
        Self::TimeEmpty,
        Self::TimeMinMax,
        Self::TimeScaleUnknown,
        Self::TimeOverflow,
        Self::TimeBeforeEarliest,
        Self::TimeAhead,
        Self::TimeTooOld,
        Self::ValuesUnknown,
        Self::ObisMissing,
        Self::ObisLength,
        Self::ValueNotFinite,
    ];

    /// Position in [`SetAside::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// The name of the reason in metrics, logs and JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::MeterMissing => "meter_missing",
            Self::TimeMissing => "time_missing",
            Self::TimeEmpty => "time_empty",
            Self::TimeMinMax => "time_minmax",
            Self::TimeScaleUnknown => "time_scale_unknown",
            Self::TimeOverflow => "time_overflow",
            Self::TimeBeforeEarliest => "time_before_earliest",
            Self::TimeAhead => "time_ahead",
            Self::TimeTooOld => "time_too_old",
            Self::ValuesUnknown => "values_unknown",
            Self::ObisMissing => "obis_missing",
            Self::ObisLength => "obis_length",
            Self::ValueNotFinite => "value_not_finite",
        }
    }
}
