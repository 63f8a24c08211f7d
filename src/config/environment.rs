//! The environment variables that may be keys of the configuration.
//!
//! Variables with our prefix that mean something else are left out: options of this program,
//! and the variables that Kubernetes makes of services ("service links") in every container of the
//! namespace. A service named `meterline` gives `METERLINE_PORT=tcp://10.0.0.1:8080`,
//! `METERLINE_SERVICE_HOST` and others.

use std::collections::BTreeMap;

/// Variables with the prefix that are not keys of the configuration.
const OTHER_VARIABLES: [&str; 2] = ["METERLINE_CONFIG", "METERLINE_LOG"];
/// Prefixes of such variables: of the tests, and of those that cargo passes from the build script
/// to the programs that it runs.
const OTHER_PREFIXES: [&str; 2] = ["METERLINE_TEST_", "METERLINE_BUILD_"];

/// Returns the variables of this process. A value that is not UTF-8 text cannot be a key's.
pub(super) fn of_the_process() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| !OTHER_VARIABLES.contains(&name.as_str()))
        .filter(|(name, _)| !OTHER_PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
        .filter(|(name, value)| !is_service_link(name, value))
        .collect()
}

/// Whether Kubernetes made this variable of a service named `meterline` or `meterline-...`.
fn is_service_link(name: &str, value: &str) -> bool {
    if !name.starts_with("METERLINE_") {
        return false;
    }
    if name.ends_with("_SERVICE_HOST") || name.ends_with("_SERVICE_PORT") || name.contains("_SERVICE_PORT_") {
        return true;
    }
    let is_address = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    let is_port = name.ends_with("_PORT") && is_address;
    is_port || name.rsplit_once("_PORT_").is_some_and(|(_, rest)| is_port_and_protocol(rest))
}

/// `8080_TCP`, `8080_TCP_PROTO` and the like.
fn is_port_and_protocol(text: &str) -> bool {
    let mut parts = text.split('_');
    let is_port = parts.next().is_some_and(|port| port.parse::<u16>().is_ok());
    let is_protocol = parts.next().is_some_and(|protocol| ["TCP", "UDP", "SCTP"].contains(&protocol));
    let is_detail = parts.next().is_none_or(|detail| ["PROTO", "PORT", "ADDR"].contains(&detail));
    is_port && is_protocol && is_detail && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn variables_of_services_are_recognized_by_their_exact_shape() {
        for (name, value) in [
            ("METERLINE_SERVICE_HOST", "10.0.0.1"),
            ("METERLINE_SERVICE_PORT", "80"),
            ("METERLINE_SERVICE_PORT_HTTP", "80"),
            ("METERLINE_PORT", "tcp://10.0.0.1:80"),
            ("METERLINE_ADMIN_PORT", "tcp://10.0.0.1:80"),
            ("METERLINE_PORT_80_TCP", "tcp://10.0.0.1:80"),
            ("METERLINE_PORT_53_UDP_PROTO", "udp"),
            ("METERLINE_PORT_80_TCP_PORT", "80"),
            ("METERLINE_PORT_80_TCP_ADDR", "10.0.0.1"),
        ] {
            assert!(is_service_link(name, value), "{name}");
        }
        for (name, value) in [
            ("METERLINE_PORT", "80"),
            ("METERLINE_PORT_80", "tcp://10.0.0.1:80"),
            ("METERLINE_PORT_80_TCP_ADDR_X", "10.0.0.1"),
            ("METERLINE_PORT_HTTP_TCP", "tcp://10.0.0.1:80"),
            ("METERLINE_WEBHOOK_LISTEN", "127.0.0.1:80"),
            ("METERLINE_SINK_QUESTDB_URL", "tcp://10.0.0.1:80"),
            ("OTHER_PORT", "tcp://10.0.0.1:80"),
        ] {
            assert!(!is_service_link(name, value), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_name_is_judged_without_a_panic(name in "METERLINE_[A-Z0-9_]{0,40}", value in ".{0,20}") {
            is_service_link(&name, &value);
        }
    }
}
