//! A WebSocket of a client.
//!
//! A GET of the [`Client`] opens it, so it has the same certificates, bounds and hidden credentials as
//! every request. Knows no vendor. Invariants: no Origin header is sent, because devices refuse foreign ones; a
//! message is bounded; pings are answered; no error holds a message.

use super::client::{Client, HttpError, Request, Response, Switch, broken, no_body, origin};
use async_tungstenite::WebSocketStream;
use async_tungstenite::tokio::TokioAdapter;
use async_tungstenite::tungstenite::handshake::client::generate_key;
use async_tungstenite::tungstenite::handshake::derive_accept_key;
use async_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use async_tungstenite::tungstenite::{Error, Message};
use bytes::Bytes;
use futures_core::Stream as _;
use hyper::Uri;
use hyper::header::{
    AUTHORIZATION, CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;

/// The longest message, in bytes.
const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// Bytes of each buffer of a connection; there may be thousands of connections.
const BUFFER_BYTES: usize = 4 << 10;

/// An open WebSocket.
pub struct WebSocket {
    frames: WebSocketStream<TokioAdapter<TokioIo<Upgraded>>>,
}

impl WebSocket {
    /// Asks a server for a WebSocket, with this Authorization header. The inner error is an answer that
    /// opens none.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub(super) async fn open(
        client: &Client,
        uri: &Uri,
        authorization: Option<&HeaderValue>,
    ) -> Result<Result<Self, Response>, HttpError> {
        let key = generate_key();
        let expected = derive_accept_key(key.as_bytes());
        let mut request = Request::new(no_body());
        request.uri_mut().clone_from(uri);
        let headers = request.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        let key = HeaderValue::from_str(&key).map_err(|error| broken(&origin(uri), error.to_string()))?;
        headers.insert(SEC_WEBSOCKET_KEY, key);
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        match client.switch(request).await? {
            Switch::Refused(answer) => Ok(Err(answer)),
            Switch::Done(headers, connection) => {
                if headers.get(SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes) != Some(expected.as_bytes()) {
                    return Err(broken(&origin(uri), "the server switched to something else than a WebSocket"));
                }
                let connection = TokioAdapter::new(TokioIo::new(connection));
                let bounds = WebSocketConfig::default()
                    .read_buffer_size(BUFFER_BYTES)
                    .write_buffer_size(BUFFER_BYTES)
                    .max_write_buffer_size(2 * MESSAGE_BYTES_MAX)
                    .max_message_size(Some(MESSAGE_BYTES_MAX))
                    .max_frame_size(Some(MESSAGE_BYTES_MAX));
                Ok(Ok(Self { frames: WebSocketStream::from_raw_socket(connection, Role::Client, Some(bounds)).await }))
            }
        }
    }

    /// Sends a text.
    ///
    /// # Errors
    /// When the connection is broken.
    pub async fn send_text(&mut self, text: String) -> io::Result<()> {
        self.frames.send(Message::text(text)).await.map_err(broken_connection)
    }

    /// The next message, text or binary; `None` if the server closed the connection. A message is not
    /// lost when this future is dropped.
    ///
    /// # Errors
    /// When the connection is broken, or a message is longer than 64 KiB.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            match poll_fn(|context| Pin::new(&mut self.frames).poll_next(context)).await {
                Some(Ok(Message::Binary(bytes))) => return Ok(Some(bytes)),
                Some(Ok(Message::Text(text))) => return Ok(Some(text.into())),
                Some(Ok(Message::Close(_)) | Err(Error::ConnectionClosed)) | None => return Ok(None),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(error)) => return Err(broken_connection(error)),
            }
        }
    }
}

fn broken_connection(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::Capacity(_) => io::Error::other(format!("a message is longer than {MESSAGE_BYTES_MAX} bytes")),
        other => io::Error::other(other.to_string()),
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").finish_non_exhaustive()
    }
}
