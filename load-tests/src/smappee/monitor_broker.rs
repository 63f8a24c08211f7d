//! The broker inside a monitor: MQTT 3.1.1 with QoS 0, for one client after the other.
//!
//! A client gets the configuration when it subscribes, and the live values of every second. One that publishes
//! fails the test.

use super::monitor::{Message, Monitor};
use crate::devices::{Clock, moving};
use bytes::BytesMut;
use rumqttc::mqttbytes::Error as PacketError;
use rumqttc::{ConnAck, ConnectReturnCode, Packet, Publish, QoS, SubAck, SubscribeReasonCode, matches};
use std::io::{Error, ErrorKind, Read as _, Result, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// The longest wait for a packet before the clock is read again.
const TICK: Duration = Duration::from_millis(100);
const PACKET_BYTES_MAX: usize = 64 << 10;

/// A running monitor; it ends when it is dropped.
#[derive(Debug)]
pub struct MonitorBroker {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl MonitorBroker {
    /// Starts the broker of this monitor on a free port.
    ///
    /// # Errors
    /// If no port or no thread is available.
    pub fn start(monitor: Monitor, clock: Clock) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (address, stop) = (listener.local_addr()?, Arc::new(AtomicBool::new(false)));
        let seen = Arc::clone(&stop);
        let thread = Builder::new().name("monitor".to_owned()).spawn(move || {
            while let Ok((stream, _)) = listener.accept()
                && !seen.load(Ordering::SeqCst)
            {
                // A client that leaves in any way makes room for the next one.
                serve(stream, &monitor, &clock, &seen).ok();
            }
        })?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// The address of the broker.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for MonitorBroker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) else { return };
        if !std::thread::panicking() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Serves a client until it leaves.
fn serve(stream: TcpStream, monitor: &Monitor, clock: &Clock, stop: &AtomicBool) -> Result<()> {
    stream.set_read_timeout(Some(TICK))?;
    let mut client = Client { stream, received: BytesMut::new(), filters: Vec::new() };
    let mut sent = None;
    while !stop.load(Ordering::SeqCst) && client.listen(monitor)? {
        let seconds = clock.now();
        if !client.filters.is_empty() && sent.replace(seconds) != Some(seconds) {
            client.publish(monitor.realtime(seconds, moving(seconds, 100)), false)?;
        }
    }
    Ok(())
}

/// A connected client.
struct Client {
    stream: TcpStream,
    received: BytesMut,
    filters: Vec<String>,
}

impl Client {
    /// Answers packets that have come; returns whether the client is still there.
    fn listen(&mut self, monitor: &Monitor) -> Result<bool> {
        let mut chunk = [0; 4096];
        match self.stream.read(&mut chunk) {
            Ok(0) => return Ok(false),
            Ok(length) => self.received.extend_from_slice(chunk.get(..length).unwrap_or_default()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
        loop {
            match Packet::read(&mut self.received, PACKET_BYTES_MAX) {
                Ok(packet) => self.answer(packet, monitor)?,
                Err(PacketError::InsufficientBytes(_)) => return Ok(true),
                Err(error) => return Err(Error::other(error)),
            }
        }
    }

    fn answer(&mut self, packet: Packet, monitor: &Monitor) -> Result<()> {
        match packet {
            Packet::Connect(_) => self.send(&Packet::ConnAck(ConnAck::new(ConnectReturnCode::Success, false))),
            Packet::Subscribe(request) => {
                let granted = vec![SubscribeReasonCode::Success(QoS::AtMostOnce); request.filters.len()];
                self.send(&Packet::SubAck(SubAck::new(request.pkid, granted)))?;
                self.filters.extend(request.filters.into_iter().map(|filter| filter.path));
                monitor.configuration().into_iter().try_for_each(|message| self.publish(message, true))
            }
            Packet::PingReq => self.send(&Packet::PingResp),
            Packet::Disconnect => Ok(()),
            other => panic!("the client sent {other:?} to a monitor that must only be listened to"),
        }
    }

    /// Sends a message, if the client wants it.
    fn publish(&mut self, (topic, text): Message, retain: bool) -> Result<()> {
        if !self.filters.iter().any(|filter| matches(&topic, filter)) {
            return Ok(());
        }
        let publish = Publish { retain, ..Publish::new(topic, QoS::AtMostOnce, text) };
        self.send(&Packet::Publish(publish))
    }

    fn send(&mut self, packet: &Packet) -> Result<()> {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, PACKET_BYTES_MAX).map_err(Error::other)?;
        self.stream.write_all(&bytes)
    }
}
