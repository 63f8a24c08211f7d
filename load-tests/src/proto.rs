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

/// The values and the configuration of KOSTAL's Smart Energy Meter.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated code")]
pub mod ksem {
    include!(concat!(env!("OUT_DIR"), "/ksem.rs"));
}

/// protobuf's time stamp.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated code")]
pub mod google {
    /// The package of the well-known types.
    pub mod protobuf {
        include!(concat!(env!("OUT_DIR"), "/google.protobuf.rs"));
    }
}
