//! What the vendors' documents look like, as types: bytes in, typed values out.
//!
//! Pure: no transport, no clock, no credentials of ours but as values to write.

pub mod smart_me;
