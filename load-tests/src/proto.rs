//! The vendor's messages as prost generates them, `bytes` fields as `Bytes`: the
//! oracle for the service's own decoder and the fleet's encoder.

/// protobuf-net's base types.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated code")]
pub mod bcl {
    include!(concat!(env!("OUT_DIR"), "/bcl.rs"));
}

/// The webhook's messages.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated code")]
pub mod smart_me {
    include!(concat!(env!("OUT_DIR"), "/smart_me.rs"));
}
