//! A sink that is broken on purpose in test builds, so that the check of the stores can be checked. At the record that a
//! switch names it sends nothing, another value, or the reading behind later ones.

use crate::deliver::SinkError;
use crate::faults::number;
use crate::journal::Sequence;
use parking_lot::Mutex;

/// Records until a reading that was held back is sent.
const HELD_FOR: i64 = 40;

static HELD: Mutex<Vec<(String, Vec<u8>)>> = Mutex::new(Vec::new());

/// Sends a reading of a record as the switches say.
pub(super) fn send(
    sequence: Sequence,
    key: &str,
    value: &[u8],
    send: &mut dyn FnMut(&str, &[u8]) -> Result<(), SinkError>,
) -> Result<(), SinkError> {
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
