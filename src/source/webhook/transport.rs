//! The socket for hyper: reports received bytes, ends a flood of frames, and lingers on close.
//!
//! A sender that gets an early answer still sends its body. Closing at once would reset
//! the connection, and the reset may overtake the answer. So the write side is closed first,
//! and a bounded rest is read and discarded.

use super::activity::Activity;
use super::bounds::{LINGER, LINGER_BYTES_MAX};
use super::frames::FrameCounter;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;

pub(super) struct Transport {
    socket: Socket,
    activity: Arc<Activity>,
    frames: FrameCounter,
    closing: Option<Closing>,
}

/// A connection with or without TLS.
pub(super) enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The write side is closed.
struct Closing {
    until: Pin<Box<Sleep>>,
    bytes_left: usize,
}

impl Transport {
    pub(super) fn new(socket: Socket, activity: Arc<Activity>) -> Self {
        Self { socket, activity, frames: FrameCounter::default(), closing: None }
    }

    /// Ready when the peer has closed, or a limit is reached.
    fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(closing) = &mut self.closing else { return Poll::Ready(()) };
        let mut scratch = [0; 4096];
        while closing.bytes_left > 0 {
            if closing.until.as_mut().poll(context).is_ready() {
                break;
            }
            let mut buffer = ReadBuf::new(&mut scratch);
            let read = ready!(self.socket.pin().poll_read(context, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
            closing.bytes_left = closing.bytes_left.saturating_sub(buffer.filled().len());
        }
        Poll::Ready(())
    }
}

impl Socket {
    fn pin(&mut self) -> Pin<&mut dyn Duplex> {
        match self {
            Self::Plain(socket) => Pin::new(socket),
            Self::Tls(socket) => Pin::new(&mut **socket),
        }
    }
}

/// The common trait of both sockets.
trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = self.socket.pin().poll_read(context, buffer);
        if let Some(came) = buffer.filled().get(before..).filter(|came| !came.is_empty()) {
            self.activity.bytes_came();
            let weight = self.frames.weigh(came);
            self.activity.frames_came(weight);
            if self.activity.is_flooded() {
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a flood of frames without requests",
                )));
            }
        }
        polled
    }
}

impl AsyncWrite for Transport {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = self.socket.pin().poll_write(context, bytes);
        self.activity.write_blocked(polled.is_pending());
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = self.socket.pin().poll_write_vectored(context, slices);
        self.activity.write_blocked(polled.is_pending());
        polled
    }

    fn is_write_vectored(&self) -> bool {
        match &self.socket {
            Socket::Plain(socket) => socket.is_write_vectored(),
            Socket::Tls(socket) => socket.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.pin().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing.is_none() {
            ready!(self.socket.pin().poll_shutdown(context))?;
            if !self.activity.is_body_left() {
                return Poll::Ready(Ok(()));
            }
            self.closing = Some(Closing { until: Box::pin(tokio::time::sleep(LINGER)), bytes_left: LINGER_BYTES_MAX });
        }
        self.poll_discard(context).map(Ok)
    }
}
