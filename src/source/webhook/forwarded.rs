//! The client address of a request: the peer, or the address that a trusted proxy forwards.
//!
//! Only `X-Forwarded-For` is read. A proxy that sets one of `X-Forwarded-For` and
//! `Forwarded` passes the other on as the client wrote it, so trusting both would trust the
//! client. The address is used only in logs and for the failed-login budget.

use hyper::HeaderMap;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The client address of a request: going back from the peer, the first address that is not
/// a trusted proxy. Addresses before it may be forged.
#[must_use]
pub fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let mut client = peer.to_canonical();
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    let mut hops = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    while is_trusted(client) {
        match hops.next().and_then(address_of) {
            Some(hop) => client = hop,
            None => break,
        }
    }
    client
}

/// Parses a hop; some proxies add the port.
fn address_of(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let address = hop.parse::<IpAddr>().ok().or_else(|| Some(hop.parse::<SocketAddr>().ok()?.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn from(peer: &str, lines: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_static(line));
        }
        let trusted = ["10.0.0.0/8", "fd00::/8", "192.0.2.7/32"].map(|network| network.parse().unwrap());
        client(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_peer_that_is_no_proxy_is_the_client() {
        assert_eq!(from("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(from("192.0.2.8", &["198.51.100.1"]), "192.0.2.8");
    }

    #[test]
    fn the_last_hop_that_is_no_proxy_is_the_client_and_its_own_header_is_not_trusted() {
        assert_eq!(from("10.1.2.3", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(from("10.1.2.3", &["1.1.1.1, 198.51.100.1, 192.0.2.7"]), "198.51.100.1");
        assert_eq!(from("10.1.2.3", &["1.1.1.1", "198.51.100.1:4711,10.9.9.9"]), "198.51.100.1");
        assert_eq!(from("fd00::1", &["[2001:db8::5]:80"]), "2001:db8::5");
        assert_eq!(from("::ffff:10.1.2.3", &["::ffff:198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn without_a_readable_hop_the_nearest_proxy_is_the_client() {
        assert_eq!(from("10.1.2.3", &[]), "10.1.2.3");
        assert_eq!(from("10.1.2.3", &["unknown, 10.0.0.1"]), "10.0.0.1");
        assert_eq!(from("10.1.2.3", &["10.0.0.2,10.0.0.1"]), "10.0.0.2");
    }
}
