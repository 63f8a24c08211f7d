//! One contact with a device, for the operator: its answer, its model and firmware, and its clock.

use super::Decoded;
use super::describer::Described;
use crate::base::{Finding, Level, human};
use crate::reading::{Flags, UnixNanos};
use std::time::Duration;

/// A larger deviation of a device's clock is a warning: its readings are stored at wrong times.
const CLOCK_OFF_MAX: Duration = Duration::from_secs(60);

/// The result of one contact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contact {
    /// The answer, as the end of a sentence: `returns 4 values`.
    answer: String,
    /// Model and firmware, as far as the device says.
    device: Vec<String>,
    /// Nanoseconds that the device's clock is ahead; `None` if it sends no time.
    clock_ahead: Option<i64>,
}

impl Contact {
    /// A contact without readings.
    pub(super) fn answering(answer: impl Into<String>) -> Self {
        Self { answer: answer.into(), ..Self::default() }
    }

    /// A contact with readings that were received at this time, and with the descriptions of their meters.
    pub(super) fn of(answer: String, decoded: &Decoded, described: &Described, received: UnixNanos) -> Self {
        let main = described.first().map(|(_, description)| description.clone()).unwrap_or_default();
        let named = [("model", main.model), ("firmware", main.firmware)];
        let device =
            named.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| format!("{name} {text}"));
        let has_time = decoded.readings.iter().filter(|it| !it.flags.contains(Flags::TIME_IS_RECEIVE_TIME));
        let newest = has_time.map(|reading| reading.at).max();
        Self { answer, device: device.collect(), clock_ahead: newest.map(|at| at.since(received)) }
    }

    /// The finding about device `name`.
    pub fn finding(&self, name: &str) -> Finding {
        let device = if self.device.is_empty() { String::new() } else { format!(" ({})", self.device.join(", ")) };
        let answered = format!("device '{name}'{device} {}", self.answer);
        let Some(ahead) = self.clock_ahead else { return Finding::new(Level::Good, answered) };
        let off = Duration::from_nanos(ahead.unsigned_abs());
        let side = if ahead < 0 { "behind" } else { "ahead" };
        if off > CLOCK_OFF_MAX {
            let message = format!(
                "{answered}, but its clock is {} {side}: set the device's clock, because its readings are stored at its times",
                human::duration(off)
            );
            return Finding::new(Level::Warning, message);
        }
        Finding::new(Level::Good, format!("{answered}; its clock is {} {side}", human::duration(off)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::MeterId;
    use crate::vendor::Reading;
    use crate::wire::meters::Description;

    const SECOND: i64 = 1_000_000_000;

    fn contact(ahead_s: i64, flags: Flags) -> Finding {
        let (meter, received) = (MeterId::named("p1", "E0042"), UnixNanos(1_700_000_000 * SECOND));
        let reading = |at, flags| Reading { meter, at, flags, samples: Vec::new() };
        let readings = vec![reading(received.saturating_add(ahead_s * SECOND), flags), reading(UnixNanos(0), flags)];
        let description =
            Description { model: "T-80".to_owned(), firmware: "1.42".to_owned(), ..Description::default() };
        let decoded = Decoded { readings, ..Decoded::default() };
        Contact::of("returns 4 values".to_owned(), &decoded, &vec![(meter, description)], received).finding("cellar")
    }

    #[test]
    fn a_contact_names_model_firmware_and_the_clock_and_warns_beyond_a_minute() {
        let begin = "device 'cellar' (model T-80, firmware 1.42) returns 4 values";
        for (ahead_s, level, end) in [
            (0, Level::Good, "; its clock is 0ms ahead"),
            (-60, Level::Good, "; its clock is 1m behind"),
            (60, Level::Good, "; its clock is 1m ahead"),
            (3601, Level::Warning, ", but its clock is 1h ahead: set"),
            (-61, Level::Warning, ", but its clock is 1m 1s behind: set"),
        ] {
            let found = contact(ahead_s, Flags::NONE);
            assert!(found.level == level && found.message.starts_with(&format!("{begin}{end}")), "{found:?}");
        }
        let without_a_time = contact(3601, Flags::TIME_IS_RECEIVE_TIME);
        assert_eq!((without_a_time.level, without_a_time.message.as_str()), (Level::Good, begin));
        let bare = Contact::answering("accepts the connection").finding("cellar");
        assert_eq!(bare.message, "device 'cellar' accepts the connection");
    }
}
