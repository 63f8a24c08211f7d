//! Generated types of `proto/meterline`: the contract with Kafka consumers.
//!
//! Knows no other module. The types are encoded, never decoded on the hot path.

/// Package `meterline.v1`.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated code")]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/meterline.v1.rs"));
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_field_of_the_public_contract_changes_its_number_or_type() {
        let now = include_str!(concat!(env!("OUT_DIR"), "/reading.fields"));
        let golden = include_str!("../proto/meterline/v1/reading.golden");
        assert_eq!(now, golden, "consumers rely on reading.golden: add lines to it, never change or remove one");
    }
}
