//! The kinds of attacks, and the receiver that is attacked.

use std::net::SocketAddr;
use std::str::FromStr;

/// The behaviour of the peers of an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// They connect and are silent.
    Idle,
    /// They send the beginning of a TLS handshake.
    Handshakes,
    /// They send a head that never ends, a line a second.
    Heads,
    /// They send a body of a valid request, a byte a second.
    Bodies,
    /// They send compressed bodies that inflate to a hundred times the usual bound.
    Bombs,
    /// They send whole bodies as fast as they can, and read the answers.
    Flood,
    /// HTTP/2: they begin requests and take them back.
    Resets,
    /// HTTP/2: they send SETTINGS.
    Settings,
    /// HTTP/2: they send PING.
    Pings,
    /// HTTP/2: they send a head that goes on in CONTINUATION frames.
    Continuations,
}

impl Attack {
    /// All attacks by their names.
    pub const ALL: [(&str, Self); 10] = [
        ("idle", Self::Idle),
        ("handshakes", Self::Handshakes),
        ("heads", Self::Heads),
        ("bodies", Self::Bodies),
        ("bombs", Self::Bombs),
        ("flood", Self::Flood),
        ("resets", Self::Resets),
        ("settings", Self::Settings),
        ("pings", Self::Pings),
        ("continuations", Self::Continuations),
    ];
}

impl FromStr for Attack {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|(name, _)| *name == text);
        let names = Self::ALL.map(|(name, _)| name).join(", ");
        found.map(|(_, attack)| attack).ok_or_else(|| format!("'{text}' is no attack: {names}"))
    }
}

/// The receiver, and an account of it.
#[derive(Clone)]
pub struct Victim {
    /// Its address.
    pub address: SocketAddr,
    /// The path of the account.
    pub path: String,
    /// The user and the password of the account.
    pub credentials: (String, String),
}

impl std::fmt::Debug for Victim {
    /// Without the credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Victim").field("address", &self.address).finish_non_exhaustive()
    }
}
