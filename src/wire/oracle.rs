//! Helpers for the decoders' tests, which compare each decoder with prost's.

use super::{DecodeError, DecodeErrorKind};
use proptest::prelude::*;

/// The results of both decoders for the same bytes; `None` if both refused them, or ours
/// because it knows no field of them.
pub(super) fn both<Ours, Prosts>(
    body: &[u8],
    ours: Result<Ours, DecodeError>,
    prosts: Result<Prosts, prost::DecodeError>,
) -> Result<Option<(Ours, Prosts)>, TestCaseError> {
    match (ours, prosts) {
        (Ok(ours), Ok(prosts)) => Ok(Some((ours, prosts))),
        (Err(error), Err(_)) => {
            prop_assert!(error.offset <= body.len(), "{}", error);
            Ok(None)
        }
        // prost skips unknown fields and does not tell.
        (Err(error), Ok(_)) if error.kind == DecodeErrorKind::NothingKnown && !body.is_empty() => Ok(None),
        (Ok(_), Err(error)) => Err(TestCaseError::fail(format!("only prost refuses: {error}"))),
        (Err(error), Ok(_)) => Err(TestCaseError::fail(format!("only prost accepts: {error}"))),
    }
}

/// The bytes with up to three changes, perhaps truncated.
pub(super) fn changed(body: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4);
    (Just(body), changes, any::<Option<prop::sample::Index>>()).prop_map(|(mut body, changes, cut)| {
        for (at, byte) in changes {
            let len = body.len();
            if let Some(place) = (len > 0).then(|| &mut body[at.index(len)]) {
                *place = byte;
            }
        }
        if let Some(cut) = cut.filter(|_| !body.is_empty()) {
            body.truncate(cut.index(body.len()));
        }
        body
    })
}
