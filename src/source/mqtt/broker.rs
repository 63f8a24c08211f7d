//! A configured broker: its address, the login, and the devices behind it.

use super::routes::Route;
use crate::http::{CaFile, ClientIdentity};
use crate::secret::Secret;
use crate::source::Keep;
use std::fmt;

/// A configured broker.
#[derive(Debug, Clone)]
pub struct Broker {
    /// The name of the source.
    pub name: String,
    /// Its address.
    pub address: Address,
    /// User and password, if it wants some.
    pub credentials: Option<(Secret, Secret)>,
    /// The authorities that it trusts instead of the built-in ones.
    pub ca_file: Option<CaFile>,
    /// The certificate that is shown to the broker.
    pub identity: Option<ClientIdentity>,
    /// The client id; `None` for one made of the name and the data directory.
    pub client_id: Option<String>,
    /// The readings that are journaled.
    pub keep: Keep,
    /// Further topic filters: messages there that no route takes are counted, and some of each pattern are kept.
    pub inspect: Vec<String>,
    /// The devices behind it.
    pub routes: Vec<Route>,
}

/// The address of a broker.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// How it is reached.
    pub scheme: Scheme,
    /// The host name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path of a WebSocket; it may hold a token.
    pub path: String,
}

/// How a broker is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// TCP.
    Mqtt,
    /// TLS.
    Mqtts,
    /// WebSocket.
    Ws,
    /// WebSocket over TLS.
    Wss,
}

impl Scheme {
    /// All schemes with their names in a URL and their usual ports.
    pub const ALL: [(&'static str, Self, u16); 4] =
        [("mqtt", Self::Mqtt, 1883), ("mqtts", Self::Mqtts, 8883), ("ws", Self::Ws, 80), ("wss", Self::Wss, 443)];

    /// Whether it has TLS.
    pub fn is_encrypted(self) -> bool {
        matches!(self, Self::Mqtts | Self::Wss)
    }
}

impl Address {
    /// Parses a URL without credentials; `None` if it is not valid.
    pub fn parse(url: &str) -> Option<Self> {
        let uri: hyper::Uri = url.parse().ok()?;
        let (_, scheme, port) = Scheme::ALL.into_iter().find(|(name, ..)| uri.scheme_str() == Some(name))?;
        let authority = uri.authority()?;
        let path = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        let has_path = !matches!(path.as_str(), "" | "/");
        if authority.as_str().contains('@') || (has_path && matches!(scheme, Scheme::Mqtt | Scheme::Mqtts)) {
            return None;
        }
        let port = authority.port_u16().unwrap_or(port);
        Some(Self { scheme, host: authority.host().to_owned(), port, path })
    }

    /// The URL of a WebSocket.
    pub(super) fn url(&self) -> String {
        let scheme = if self.scheme.is_encrypted() { "wss" } else { "ws" };
        format!("{scheme}://{}:{}{}", self.host, self.port, self.path)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({:?} {self})", self.scheme)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Broker {
        /// The broker at this URL, which keeps all readings.
        pub(in crate::source::mqtt) fn without_routes(url: &str) -> Self {
            Self {
                name: "attic".to_owned(),
                address: Address::parse(url).unwrap(),
                credentials: None,
                ca_file: None,
                identity: None,
                client_id: None,
                keep: Keep::All,
                inspect: Vec::new(),
                routes: Vec::new(),
            }
        }
    }

    #[test]
    fn the_schemes_have_their_usual_ports_and_no_address_holds_credentials() {
        let parsed = |url: &str| Address::parse(url).map(|address| (address.scheme, address.to_string()));
        assert_eq!(parsed("mqtt://broker"), Some((Scheme::Mqtt, "broker:1883".to_owned())));
        assert_eq!(parsed("mqtts://broker"), Some((Scheme::Mqtts, "broker:8883".to_owned())));
        assert_eq!(parsed("wss://broker/mqtt?token=hunter2"), Some((Scheme::Wss, "broker:443".to_owned())));
        assert_eq!(Address::parse("ws://broker:1884/mqtt").unwrap().url(), "ws://broker:1884/mqtt");
        for url in ["http://broker", "broker", "mqtt://u:hunter2@broker", "mqtt://broker/path", "mqtt://"] {
            assert_eq!(parsed(url), None, "{url}");
        }
        let shown = format!("{:?}", Address::parse("wss://broker/mqtt?token=hunter2"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
