//! `[admin]`: the status page, the metrics and the probes.

use super::section::Section;
use super::value::StringList;
use std::net::{Ipv4Addr, SocketAddr};

/// The settings of the admin listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// The listen address.
    pub listen: SocketAddr,
    /// The host names under which pages are served, beside `localhost` and addresses.
    pub hosts: Vec<String>,
}

pub(super) fn admin(section: &mut Section<'_>) -> Admin {
    let listen = section.get_or("listen", SocketAddr::from((Ipv4Addr::LOCALHOST, 8081)));
    let StringList(hosts) = section.get_or("hosts", StringList(Vec::new()));
    if let Some(wrong) = hosts.iter().find(|host| !is_host_name(host)) {
        section.fault("hosts", format!("'{wrong}' is not a host name without a port, like \"meterline.example.org\""));
    }
    if !section.get_or("allow_network", false) && !listen.ip().is_loopback() {
        section.fault(
            "listen",
            format!(
                "{listen} is not a loopback address, and the admin pages have no login: who reaches them reads all \
                 meters and values. Listen on 127.0.0.1, or set allow_network = true if a firewall, a network policy \
                 or a proxy with a login protects this port"
            ),
        );
    }
    Admin { listen, hosts }
}

fn is_host_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Faults, parse};
    use std::collections::BTreeMap;

    fn admin(lines: &str) -> Result<Config, Faults> {
        parse("m.toml", &format!("[admin]\n{lines}\n"), &BTreeMap::new())
    }

    #[test]
    fn an_admin_listener_beyond_loopback_is_an_error_unless_it_is_wanted() {
        for listen in ["0.0.0.0:8081", "[::]:8081", "192.168.1.2:8081"] {
            let found = admin(&format!("listen = \"{listen}\"")).unwrap_err().to_string();
            assert!(found.contains("allow_network = true"), "{found}");
            assert!(admin(&format!("listen = \"{listen}\"\nallow_network = true")).is_ok());
        }
        for listen in ["127.0.0.1:8081", "127.9.9.9:8081", "[::1]:8081"] {
            assert!(admin(&format!("listen = \"{listen}\"")).is_ok());
        }
    }

    #[test]
    fn hosts_are_names_without_a_port() {
        let config = admin("hosts = [\"meterline.example.org\", \"meterline\"]").unwrap();
        assert_eq!(config.admin.hosts, ["meterline.example.org", "meterline"]);
        for wrong in ["a:80", "http://a", "", "*"] {
            let found = admin(&format!("hosts = [\"{wrong}\"]")).unwrap_err().to_string();
            assert!(found.contains("is not a host name"), "{found}");
        }
    }
}
