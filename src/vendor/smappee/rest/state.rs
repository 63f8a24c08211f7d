//! The state and the connection state of a plug or switch: a bare text.

use super::row::Place;
use crate::vendor::smappee::codes::{self, Code};
use crate::vendor::{At, Part};

/// The value of a state, and its register.
fn known(text: &str) -> Option<(f64, Code)> {
    Some(match text {
        "ON" | "ON_ON" => (1.0, codes::SWITCH),
        "OFF" | "OFF_OFF" => (0.0, codes::SWITCH),
        "DISCONNECTED" => (0.0, codes::PLUG_CONNECTION),
        "CONNECTED" => (1.0, codes::PLUG_CONNECTION),
        "UNREACHABLE" => (2.0, codes::PLUG_CONNECTION),
        _ => return None,
    })
}

/// The state without quotes and blanks.
pub(super) fn bare(text: &str) -> &str {
    text.trim().trim_matches('"').trim()
}

/// Whether a text is a known state.
pub(super) fn is_one(text: &str) -> bool {
    known(&bare(text).to_ascii_uppercase()).is_some()
}

/// Gives the state of a plug.
pub(super) fn visit(text: &str, plug: &str, each: &mut impl FnMut(Part<'_>)) {
    let text = bare(text);
    match known(&text.to_ascii_uppercase()) {
        Some((value, code)) => {
            let channel = format!("plug:{plug}");
            Place { channel: &channel, at: At::Receipt }.value("state", value, code, each);
        }
        None => each(Part::Unreadable { part: text.to_owned().into(), why: "the state is not known".into() }),
    }
}
