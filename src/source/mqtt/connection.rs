//! One connection to a broker, by the MQTT client library.
//!
//! Invariants: the session is kept by the broker; nothing is acknowledged automatically; nothing is published
//! but a [`Publication`]. No error holds a topic, a payload or a credential.

use super::broker::{Address, Broker, Scheme};
use super::publication::Publication;
use super::queue::BYTES_MAX;
use crate::http::client_tls;
use crate::source::SourceError;
use crate::vendor::smappee::MESSAGE_BYTES_MAX;
use async_tungstenite::tungstenite::Error as WebSocketError;
use async_tungstenite::tungstenite::error::ProtocolError;
use rumqttc::mqttbytes::Error as PacketError;
use rumqttc::{
    AckMode, AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, ManualAck, MqttOptions, NetworkOptions,
    PubAck, PublishOptions, QoS, StateError, SubscribeFilterInput, TlsConfiguration, TlsError, Transport,
};
use std::io::ErrorKind;
use std::sync::Arc;

/// Time without a packet after which the broker is asked for a sign of life, in seconds. Without one
/// for as long again, the connection counts as broken.
const KEEP_ALIVE_SECONDS: u16 = 30;
/// Time limit of a connect, in seconds.
const CONNECT_SECONDS: u64 = 15;
/// Largest packet: the decoder of a vendor reads whatever the connection takes.
pub(super) const PACKET_BYTES_MAX: usize = MESSAGE_BYTES_MAX;
/// Requests of this program that wait for the connection, acknowledgements above all. A broker has at
/// most this many messages in flight, because packet ids have 16 bits.
const REQUESTS_MAX: usize = 1 << 16;
/// Requests that are written at once.
const REQUEST_BATCH: usize = 128;
/// Packets that are read at once, before the queue is asked for room.
const READ_BATCH: usize = 8;
const _: () = assert!(READ_BATCH * PACKET_BYTES_MAX <= BYTES_MAX, "more than the queue may hold");

/// The requests that a connection takes.
#[derive(Debug)]
pub(super) struct Requests(AsyncClient);

/// The connection itself. It makes progress only while [`next`] runs.
pub(super) type Connection = Box<EventLoop>;

/// Prepares a connection; [`next`] opens it.
pub(super) fn open(broker: &Broker, client_id: &str) -> Result<(Requests, Connection), SourceError> {
    let mut options = options(broker, client_id)?;
    options
        .set_keep_alive(KEEP_ALIVE_SECONDS)
        .set_clean_session(false)
        .set_ack_mode(AckMode::Manual)
        .set_max_request_batch(REQUEST_BATCH)
        .set_read_batch_size(READ_BATCH);
    Ok(build(options))
}

/// Prepares a connection that leaves no session behind and takes over none.
pub(super) fn open_once(broker: &Broker) -> Result<Connection, SourceError> {
    let mut options = options(broker, &format!("meterline-check-{}", std::process::id()))?;
    options.set_clean_session(true);
    Ok(build(options).1)
}

fn build(options: MqttOptions) -> (Requests, Connection) {
    let (client, mut connection) = AsyncClient::builder(options).capacity(REQUESTS_MAX).build();
    let mut network = NetworkOptions::new();
    network.set_connection_timeout(CONNECT_SECONDS);
    network.set_tcp_nodelay(true);
    connection.set_network_options(network);
    (Requests(client), Box::new(connection))
}

fn options(broker: &Broker, client_id: &str) -> Result<MqttOptions, SourceError> {
    let Address { scheme, host, port, .. } = &broker.address;
    let not_valid = || misconfigured(format!("the address {} is not valid", broker.address));
    let tls = || {
        let config = client_tls(broker.ca_file.as_ref(), broker.identity.as_ref());
        let config = config.map_err(|error| misconfigured(format!("TLS cannot be used: {error}")))?;
        Ok::<_, SourceError>(TlsConfiguration::Rustls(Arc::new(config)))
    };
    let tcp = || MqttOptions::new(client_id, (host.clone(), *port));
    let mut options = match scheme {
        Scheme::Mqtt => tcp(),
        Scheme::Mqtts => {
            let mut options = tcp();
            options.set_transport(Transport::tls_with_config(tls()?));
            options
        }
        Scheme::Ws => {
            let address = rumqttc::Broker::websocket(broker.address.url()).map_err(|_| not_valid())?;
            MqttOptions::new(client_id, address)
        }
        Scheme::Wss => {
            MqttOptions::websocket_with_tls_config(client_id, broker.address.url(), tls()?).map_err(|_| not_valid())?
        }
    };
    options.set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX);
    if let Some((user, password)) = &broker.credentials {
        options.set_credentials(user.expose().to_owned(), password.expose().to_owned());
    }
    Ok(options)
}

/// Waits for the next event, and connects before the first one. Never cancelled halfway, so that no
/// acknowledgement is lost.
pub(super) async fn next(mut connection: Connection) -> (Connection, Result<Event, ConnectionError>) {
    let event = connection.poll().await;
    (connection, event)
}

impl Requests {
    /// Subscribes to these filters with one request.
    pub(super) fn subscribe(&self, filters: &[(String, QoS)]) -> Result<(), SourceError> {
        let filters = filters.iter().map(|(filter, qos)| SubscribeFilterInput::new(filter.clone(), *qos));
        self.0.try_subscribe_many(filters).map_err(|_| busy())
    }

    /// Acknowledges a message.
    pub(super) fn acknowledge(&self, packet: u16) -> Result<(), SourceError> {
        self.0.try_manual_ack(ManualAck::PubAck(PubAck::new(packet))).map_err(|_| busy())
    }

    /// Publishes without waiting for the broker.
    pub(super) fn publish(&self, publication: &Publication) -> Result<(), SourceError> {
        let (topic, text) = publication.message();
        self.0.try_publish(topic, text, PublishOptions::new(QoS::AtMostOnce)).map_err(|_| busy())
    }
}

fn busy() -> SourceError {
    SourceError::Failing("the broker takes no more requests of this connection".to_owned())
}

fn misconfigured(why: String) -> SourceError {
    SourceError::Misconfigured { why, retry_in: None }
}

/// Why a connection ended, as a sentence without topics and payloads.
pub(super) fn explain(error: &ConnectionError, address: &Address) -> SourceError {
    let broke = |why: &dyn std::fmt::Display| SourceError::Failing(format!("the connection to {address} broke: {why}"));
    match error {
        ConnectionError::ConnectionRefused(code) => refused(*code, address),
        ConnectionError::Tls(error) => tls(error, address),
        ConnectionError::Io(error) => SourceError::Failing(format!("cannot connect to {address}: {error}")),
        ConnectionError::NetworkTimeout => SourceError::Failing(format!("{address} did not answer in time")),
        ConnectionError::MqttState(StateError::ConnectionAborted) => broke(&"the broker closed it"),
        ConnectionError::MqttState(StateError::AwaitPingResp) => broke(&"the broker gives no sign of life"),
        ConnectionError::MqttState(StateError::Io(error)) => broke(error),
        ConnectionError::MqttState(StateError::Deserialization(PacketError::PayloadSizeLimitExceeded(bytes))) => {
            too_large(*bytes, address)
        }
        ConnectionError::MqttState(StateError::Deserialization(_)) => broke(&"a packet cannot be read"),
        ConnectionError::MqttState(_) | ConnectionError::NotConnAck(_) => broke(&"the broker violates MQTT 3.1.1"),
        ConnectionError::Websocket(error) => handshake(error, address),
        ConnectionError::ResponseValidation(_) => wrong_path(address),
        _ => broke(&"the client library ended it"),
    }
}

/// Why a WebSocket did not open. A handshake that breaks, or a gateway without its broker, says nothing of the path.
fn handshake(error: &WebSocketError, address: &Address) -> SourceError {
    let broke = |why: &dyn std::fmt::Display| {
        SourceError::Failing(format!("the WebSocket handshake with {address} did not end: {why}"))
    };
    match error {
        WebSocketError::Io(error) if error.kind() != ErrorKind::InvalidData => broke(error),
        WebSocketError::Protocol(ProtocolError::HandshakeIncomplete) => broke(&"the connection was closed"),
        WebSocketError::Http(response) if response.status().is_server_error() => {
            broke(&format_args!("it answered {}", response.status()))
        }
        WebSocketError::Http(response) if matches!(response.status().as_u16(), 401 | 403) => {
            misconfigured(format!("{address} refuses the WebSocket with {}: check url", response.status()))
        }
        _ => wrong_path(address),
    }
}

fn wrong_path(address: &Address) -> SourceError {
    misconfigured(format!("{address} does not accept MQTT over WebSocket on this path: check url"))
}

/// The broker sends the message again after each connect, so only its operator can help.
fn too_large(bytes: usize, address: &Address) -> SourceError {
    misconfigured(format!(
        "a message of {bytes} bytes waits at {address}, and the largest that is taken has {PACKET_BYTES_MAX}: limit \
         messages at the broker (message_size_limit or max_packet_size), delete this one if it is retained, and give the \
         source another client_id, because the broker keeps it for this one"
    ))
}

fn refused(code: ConnectReturnCode, address: &Address) -> SourceError {
    match code {
        ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized => {
            misconfigured(format!("{address} refuses the login: check username and password_file"))
        }
        ConnectReturnCode::BadClientId => misconfigured(format!("{address} refuses the client id: check client_id")),
        ConnectReturnCode::RefusedProtocolVersion => misconfigured(format!("{address} does not speak MQTT 3.1.1")),
        _ => SourceError::Failing(format!("{address} is not ready for connections")),
    }
}

fn tls(error: &TlsError, address: &Address) -> SourceError {
    match error {
        TlsError::Io(error) if error.kind() != ErrorKind::InvalidData => {
            SourceError::Failing(format!("TLS with {address} failed: {error}"))
        }
        error => misconfigured(format!("TLS with {address} failed: {error}; check ca_file and the host in url")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// The description of a server that answers the handshake so, and closes the connection.
    async fn explained(answer: &'static str) -> SourceError {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/mqtt", server.local_addr().unwrap());
        let serve = async {
            let (mut stream, _) = server.accept().await.unwrap();
            assert_ne!(stream.read(&mut [0; 1024]).await.unwrap(), 0, "a request came");
            stream.write_all(answer.as_bytes()).await.unwrap();
        };
        let broker = Broker::without_routes(&url);
        let (outcome, ()) = tokio::join!(broker.connect(), serve);
        outcome.unwrap_err()
    }

    #[tokio::test]
    async fn a_websocket_handshake_that_breaks_is_failing_and_one_that_is_refused_a_wrong_path() {
        let unavailable = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
        let reset = WebSocketError::Io(ErrorKind::ConnectionReset.into());
        let mut errors = vec![handshake(&reset, &Address::parse("ws://127.0.0.1/mqtt").unwrap())];
        for answer in ["", "HTTP/1.1 101 Switching", unavailable] {
            errors.push(explained(answer).await);
        }
        for error in errors {
            let SourceError::Failing(why) = error else { panic!("{error:?}") };
            assert!(why.contains("handshake with 127.0.0.1"), "{why}");
        }
        for (answer, part) in [
            ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "on this path"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "on this path"),
            ("220 mail.example ESMTP\r\n\r\n", "on this path"),
            ("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", "403"),
        ] {
            let error = explained(answer).await;
            let SourceError::Misconfigured { why, .. } = error else { panic!("{answer}: {error:?}") };
            assert!(why.contains(part) && why.contains("check url"), "{answer}: {why}");
        }
    }

    #[test]
    fn a_message_that_is_too_large_is_named_with_its_remedy_and_any_other_broken_packet_is_not() {
        let address = Address::parse("mqtt://127.0.0.1").unwrap();
        let explained = |error| explain(&ConnectionError::MqttState(StateError::Deserialization(error)), &address);
        let too_large = explained(PacketError::PayloadSizeLimitExceeded(5_000_000));
        let SourceError::Misconfigured { why, .. } = too_large else { panic!("{too_large:?}") };
        assert!(why.contains("5000000 bytes") && why.contains("message_size_limit"), "{why}");
        let broken = explained(PacketError::MalformedPacket);
        let SourceError::Failing(why) = broken else { panic!("{broken:?}") };
        assert!(why.ends_with("a packet cannot be read"), "{why}");
    }
}
