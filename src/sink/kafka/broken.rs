//! A sink that is broken on purpose in test builds, so that the check of the stores can be checked. At the record that a
//! switch names it sends nothing, another value, or the reading behind later ones. A release sends each value as it is.

use crate::deliver::SinkError;
use crate::journal::Sequence;

#[cfg(not(feature = "test-faults"))]
pub(super) fn send(
    _: Sequence,
    key: &str,
    value: &[u8],
    send: &mut impl FnMut(&str, &[u8]) -> Result<(), SinkError>,
) -> Result<(), SinkError> {
    send(key, value)
}

/// Records until a reading that was held back is sent.
#[cfg(feature = "test-faults")]
const HELD_FOR: i64 = 40;

#[cfg(feature = "test-faults")]
static HELD: parking_lot::Mutex<Vec<(String, Vec<u8>)>> = parking_lot::Mutex::new(Vec::new());

/// Sends a reading of a record as the switches say.
#[cfg(feature = "test-faults")]
pub(super) fn send(
    sequence: Sequence,
    key: &str,
    value: &[u8],
    send: &mut impl FnMut(&str, &[u8]) -> Result<(), SinkError>,
) -> Result<(), SinkError> {
    use crate::faults::number;
    let at = i64::try_from(sequence.0).unwrap_or(i64::MAX);
    if number("kafka-drops-at") == Some(at) {
        return Ok(());
    }
    if number("kafka-changes-at") == Some(at) {
        let mut changed = value.to_vec();
        // The end of a message is a value.
        changed.last_mut().into_iter().for_each(|byte| *byte ^= 1);
        return send(key, &changed);
    }
    match number("kafka-holds-back-at") {
        Some(held) if held == at => {
            HELD.lock().push((key.to_owned(), value.to_vec()));
            return Ok(());
        }
        Some(held) if at > held + HELD_FOR => {
            let held = std::mem::take(&mut *HELD.lock());
            held.iter().try_for_each(|(key, value)| send(key, value))?;
        }
        _ => {}
    }
    send(key, value)
}
