//! The device's side of a WebSocket.

use super::Answer;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::mpsc::Sender;
use std::time::Duration;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::Role;

/// A client that sends nothing for this long while it is waited for is left.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// An open WebSocket.
pub type WebSocket = tungstenite::WebSocket<TcpStream>;
/// A message of a WebSocket.
pub type WebSocketMessage = tungstenite::Message;

impl Answer {
    /// Opens the WebSocket that a request asks for, and passes it on.
    #[must_use]
    pub fn web_socket(request: &str, sockets: &Sender<WebSocket>) -> Self {
        let sockets = sockets.clone();
        Self::web_socket_with(request, move |socket| drop(sockets.send(socket)))
    }

    /// The same, played by `play` on a thread of its own.
    pub(super) fn web_socket_with(request: &str, play: impl FnOnce(WebSocket) + Send + 'static) -> Self {
        let key = request.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("sec-websocket-key").then_some(value)
        });
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            derive_accept_key(key.unwrap_or_default().as_bytes())
        );
        Self::Taken(Box::new(move |mut stream| {
            // A client that left is no fault of the device.
            let is_open =
                stream.set_read_timeout(Some(READ_TIMEOUT)).is_ok() && stream.write_all(head.as_bytes()).is_ok();
            if is_open {
                play(WebSocket::from_raw_socket(stream, Role::Server, None));
            }
        }))
    }
}
