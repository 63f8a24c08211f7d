//! P1 telegrams over a TCP connection or a WebSocket: a serial server (ser2net) or a reader that passes on
//! the customer port of a meter. A WebSocket's frames are text or binary, and a telegram may come in several.
//!
//! Knows the transport; `vendor/p1` decodes the telegrams. Read-only: it sends nothing but the GET that
//! opens a WebSocket.

mod describe;

pub(super) use describe::described;

use super::allowed::Allowed;
use super::describer::Described;
use super::device::HttpDevice;
use super::parts::Parts;
use super::stream::{Messages, Peer, Stream, first_decoded};
use super::{Contact, Decoded, Decoder, Describer, Inlet, Keep, Probe, Schedule, SourceError, Sources};
use crate::clock::Clock;
use crate::http::{Bounds, CaFile};
use crate::ingest::Entrance;
use crate::reading::{MeterId, UnixNanos};
use crate::vendor::Transformers;
use crate::vendor::p1::{ChecksumFault, Frame, Ids, Key, TELEGRAM_BYTES_MAX, Telegram, VENDOR, clear_text, next_frame};
use hyper::Uri;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// The vendor in the ids of meters that send none. The name of the source is their native id.
pub(super) const UNNAMED: &str = "p1-source";
/// The kind of source.
const KIND: &str = "p1";
/// The format of a telegram.
pub(super) const FORMAT: &str = "p1";
/// A connection without a telegram for this long counts as broken. Meters send every second or
/// every ten.
const SILENCE_MAX: Duration = Duration::from_mins(1);
/// The limits of the request that opens a WebSocket.
const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(10), answer_bytes_max: 64 << 10 };
/// The requests that a reader may be sent: its URL is configured.
const ALLOWED: Allowed = Allowed::ANY_GET;
/// Devices start at a random time within this period, so that many do not start at once.
const FIRST_WITHIN: Duration = if cfg!(test) { Duration::ZERO } else { Duration::from_secs(10) };
/// The waits after a failure.
const BACKOFF: (Duration, Duration) =
    (if cfg!(test) { Duration::from_millis(20) } else { Duration::from_secs(5) }, Duration::from_mins(5));

/// A configured meter.
#[derive(Debug, Clone)]
pub struct Meter {
    /// The name of the source.
    pub name: String,
    /// Where its telegrams come from.
    pub address: Address,
    /// The readings that are journaled.
    pub keep: Keep,
    /// The key of encrypted telegrams.
    pub key: Option<Key>,
    /// Whether telegrams without a checksum count although their standard has one.
    pub unchecked: bool,
    /// The transformers in front of it.
    pub transformers: Transformers,
}

/// Where telegrams come from.
#[derive(Clone)]
pub enum Address {
    /// `host:port` of a serial server.
    Tcp(String),
    /// A WebSocket, as an http or https address, and the authorities that are trusted instead of the
    /// built-in ones.
    WebSocket(Uri, Option<CaFile>),
}

impl fmt::Debug for Address {
    /// Shows no path and no query, which may hold a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "Tcp({address})"),
            Self::WebSocket(uri, _) => write!(f, "WebSocket({:?})", uri.authority()),
        }
    }
}

impl Address {
    fn peer(&self, device: impl FnOnce(Option<&CaFile>) -> HttpDevice) -> Peer {
        match self {
            Self::Tcp(address) => Peer::Tcp(address.clone()),
            Self::WebSocket(uri, ca_file) => Peer::WebSocket(Box::new(device(ca_file.as_ref())), uri.clone()),
        }
    }
}

impl Meter {
    /// Starts its source.
    pub fn start(&self, sources: &Sources, entrance: &Entrance, describer: Describer, clock: &Clock) {
        let schedule = Schedule { every: Duration::ZERO, first_within: FIRST_WITHIN, backoff: BACKOFF };
        let inlet = Inlet::new(&self.name, KIND, entrance.clone(), self.keep);
        let telegrams = self.telegrams(self.unchecked);
        let peer = self.address.peer(|ca_file| sources.device(&self.name, BOUNDS, ca_file, ALLOWED, None));
        let stream = Stream::new(peer, SILENCE_MAX, telegrams, inlet, describer, clock.clone());
        sources.start_connected(&self.name, KIND, schedule, stream);
    }

    /// The decoders of its telegrams.
    pub fn decoders(&self) -> [(&'static str, Decoder); 1] {
        // It was accepted at receipt.
        [(FORMAT, self.telegrams(true).into_decoder())]
    }

    /// Waits for a telegram.
    ///
    /// # Errors
    /// When none comes that can be read.
    pub async fn probe(&self, clock: Clock) -> Result<Probe, SourceError> {
        Ok(Probe::of("its telegram", self.first(&clock).await?.0))
    }

    /// Connects once, for the operator. Both results are sentences.
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn connect(&self, clock: Clock) -> Result<Contact, SourceError> {
        let (decoded, described) = self.first(&clock).await?;
        Ok(Contact::of(format!("sends {} values", decoded.values()), &decoded, &described, clock.now()))
    }

    async fn first(&self, clock: &Clock) -> Result<(Decoded, Described), SourceError> {
        let mut telegrams = self.telegrams(self.unchecked);
        first_decoded(&self.peer_once(clock.clone()), &mut telegrams, clock).await
    }

    fn telegrams(&self, unchecked: bool) -> Telegrams {
        Telegrams::new(&self.name, self.key.clone(), unchecked, self.transformers)
    }

    fn peer_once(&self, clock: Clock) -> Peer {
        self.address.peer(|ca_file| HttpDevice::once(&self.name, BOUNDS, ca_file, ALLOWED, None, clock))
    }
}

/// The telegrams of a meter.
#[derive(Debug)]
pub(super) struct Telegrams {
    /// The name of the source.
    name: String,
    key: Option<Key>,
    unchecked: bool,
    transformers: Transformers,
}

impl Messages for Telegrams {
    const CONTENT_TYPE: &'static str = "text/plain";
    const FORMAT: &'static str = FORMAT;
    const BYTES_MAX: usize = 2 * TELEGRAM_BYTES_MAX;

    fn split(received: &[u8], at_end: bool) -> Option<(Range<usize>, usize)> {
        let (start, _, end) = next_frame(received, at_end)?;
        // The line end after the checksum is part of no frame.
        let rest = end + usize::from(received.get(end) == Some(&b'\n'));
        Some((start..end, rest))
    }

    fn decode(&mut self, message: &[u8], received: UnixNanos) -> Result<Decoded, String> {
        self.read(message, |telegram| self.decoded(telegram, received))
    }

    fn described(&self, message: &[u8]) -> Described {
        self.read(message, |telegram| Ok(self.descriptions(telegram))).unwrap_or_default()
    }
}

impl Telegrams {
    pub(super) fn new(name: &str, key: Option<Key>, unchecked: bool, transformers: Transformers) -> Self {
        Self { name: name.to_owned(), key, unchecked, transformers }
    }

    /// The decoder of journaled telegrams.
    pub(super) fn into_decoder(self) -> Decoder {
        Box::new(move |recorded| {
            self.read(recorded.original.bytes, |telegram| self.decoded(telegram, recorded.received))
        })
    }

    /// Passes the telegram of a message, in the clear or encrypted, to `read`. The error is a sentence.
    fn read<T>(&self, message: &[u8], read: impl Fn(&Telegram<'_>) -> Result<T, String>) -> Result<T, String> {
        match next_frame(message, true) {
            Some((_, Frame::Telegram(telegram), _)) => read(&telegram),
            Some((_, Frame::Encrypted(_), _)) => {
                let key = self.key.as_ref().ok_or("the telegrams are encrypted: add key_file to this meter")?;
                let clear = clear_text(message, key).map_err(|error| error.to_string())?;
                match next_frame(&clear, true) {
                    Some((_, Frame::Telegram(telegram), _)) => read(&telegram),
                    _ => Err("the decrypted bytes are no telegram".to_owned()),
                }
            }
            Some((_, Frame::Broken(_, why), _)) => Err(why.to_owned()),
            None => Err("an empty message".to_owned()),
        }
    }

    /// The descriptions of the meter and the devices behind it.
    fn descriptions(&self, telegram: &Telegram<'_>) -> Described {
        let ids = telegram.ids();
        described(&telegram.nameplate(), &self.name, |channel| self.meter(&ids, channel))
    }

    fn meter(&self, ids: &Ids<'_>, channel: &str) -> MeterId {
        match ids.sent(channel) {
            Some(id) => MeterId::named(VENDOR, &id),
            // The head line names a model, so the name of the source stands for the id.
            None => MeterId::of_channel(UNNAMED, &self.name, channel),
        }
    }

    /// Decodes a telegram. The error is a sentence.
    fn decoded(&self, telegram: &Telegram<'_>, received: UnixNanos) -> Result<Decoded, String> {
        match telegram.check() {
            Ok(()) => {}
            Err(ChecksumFault::Missing) if self.unchecked => {}
            Err(fault @ ChecksumFault::Missing) => {
                return Err(format!("{fault}: set unchecked = true if this reader removes it"));
            }
            Err(fault @ ChecksumFault::Wrong { .. }) => {
                return Err(format!("{fault}; bytes are lost or changed on the line"));
            }
        }
        // Only the meter itself has values of the past beside its current ones: failures and peaks.
        let mut parts = Parts::with_events(received, telegram.at()).behind(self.transformers);
        let ids = telegram.ids();
        telegram.visit(|part| parts.add(part, |channel| self.meter(&ids, channel)));
        Ok(parts.into_decoded())
    }
}

#[cfg(test)]
mod tests;
