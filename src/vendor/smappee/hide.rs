//! Replaces the secret UUID of a location in a message by its public id.

use super::location::Location;
use super::topic::Topic;
use std::borrow::Cow;
use uuid::Uuid;

/// The length of a UUID as text.
const UUID_BYTES: usize = 36;
/// The first hyphen of a UUID is here.
const FIRST_HYPHEN: usize = 8;
/// The member that holds the UUID of a location: of this one, or of another one of the same owner.
const MEMBER: &[u8] = b"servicelocationuuid\"";
/// The UUID stands within this number of bytes after the member's name, after a colon, blanks and a quote.
const MEMBER_GAP_MAX: usize = 16;

/// The message without secrets, as it may be stored and shown: the UUID of its topic, and the one after
/// every `serviceLocationUuid`, is replaced by the public id.
pub fn hide<'a>(topic: &str, message: &'a [u8]) -> Cow<'a, [u8]> {
    let secret = Topic::secret(topic).map(str::as_bytes);
    // A message that was hidden before stays as it is.
    let is_public = |candidate: &[u8]| {
        let public = Topic::parse(topic).map(|topic| topic.location.to_string());
        public.is_some_and(|public| public.as_bytes() == candidate)
    };
    replaced(message, |before, candidate| {
        let is_topics = secret.is_some_and(|secret| secret.eq_ignore_ascii_case(candidate));
        (is_topics || follows_member(before)) && !is_public(candidate)
    })
}

/// The message with the public id in place of every UUID: a member that is not known may hold the one of a location.
pub fn hide_every(message: &[u8]) -> Cow<'_, [u8]> {
    replaced(message, |_, _| true)
}

/// The message with the public id in place of each secret UUID. `is_secret` gets the bytes before it and itself.
fn replaced<'a>(message: &'a [u8], is_secret: impl Fn(&[u8], &[u8]) -> bool) -> Cow<'a, [u8]> {
    let mut hidden = Cow::Borrowed(message);
    // Most messages are numbers: they have few hyphens, and no UUID.
    for hyphen in message.iter().enumerate().filter(|(_, byte)| **byte == b'-').map(|(at, _)| at) {
        let Some(start) = hyphen.checked_sub(FIRST_HYPHEN) else { continue };
        let Some(candidate) = message.get(start..start + UUID_BYTES) else { continue };
        if !is_secret(message.get(..start).unwrap_or_default(), candidate) {
            continue;
        }
        let uuid = std::str::from_utf8(candidate).ok().and_then(|text| text.parse::<Uuid>().ok());
        if let (Some(uuid), Some(place)) = (uuid, hidden.to_mut().get_mut(start..start + UUID_BYTES)) {
            place.copy_from_slice(Location::of_uuid(uuid).to_string().as_bytes());
        }
    }
    hidden
}

/// Whether the text ends in the member's name, a colon, blanks and a quote.
fn follows_member(before: &[u8]) -> bool {
    let tail = before.get(before.len().saturating_sub(MEMBER_GAP_MAX + MEMBER.len())..).unwrap_or_default();
    let name = tail.windows(MEMBER.len()).rposition(|window| window.eq_ignore_ascii_case(MEMBER));
    let gap = name.and_then(|at| tail.get(at + MEMBER.len()..)).unwrap_or(b"x");
    gap.iter().all(|byte| matches!(byte, b':' | b'"' | b'\\') || byte.is_ascii_whitespace())
}
