//! A simulated smart-me fleet: the demo's cloud, the tests' sender, the load
//! generator. Knows nothing of meterline itself: it speaks the vendor's messages
//! over HTTP, as the vendor does.

/// The vendor's messages as prost generates them: the fleet's encoder, and the
/// oracle that the service's own decoder is held against.
pub mod proto {
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
}
