//! The revision of this program's decoders.

/// Raised whenever the same bytes would decode to different readings; part of the
/// identity of a reading in Kafka.
pub const DECODE_REVISION: u16 = 1;

/// The revision of this program's decoders: [`DECODE_REVISION`], or one more in a test
/// build whose decoder knows the envelope.
pub fn decode_revision() -> u16 {
    #[cfg(feature = "test-faults")]
    if crate::faults::is_on(KNOWS_ENVELOPE) {
        return DECODE_REVISION + 1;
    }
    DECODE_REVISION
}

/// The switch of test builds with a newer decoder.
#[cfg(feature = "test-faults")]
pub(super) const KNOWS_ENVELOPE: &str = "decoder-knows-envelope";
