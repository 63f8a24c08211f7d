//! WebSockets of real servers, also behind TLS.

use super::*;
use async_tungstenite::tokio::accept_hdr_async;
use async_tungstenite::tungstenite::Message;
use async_tungstenite::tungstenite::handshake::server;
use std::sync::Arc;

fn requester(ca: Option<&CaFile>, stop: &Stop) -> Requester {
    Requester::new("a", Client::trusting(BOUNDS, ca), Budget::unlimited(), stop.clone(), Clock::system())
}

fn authorization() -> header::HeaderValue {
    let mut value = header::HeaderValue::from_static("Bearer hunter2");
    value.set_sensitive(true);
    value
}

/// A server of a private authority that opens a WebSocket for a client that has the token, and sends back what it
/// gets.
async fn echo() -> (hyper::Uri, CaFile) {
    let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let ca = CaFile::parse("ca.pem".into(), signed.cert.pem().as_bytes()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![signed.cert.der().clone()], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            #[expect(clippy::result_large_err, reason = "the type of the library")]
            let check = |request: &server::Request, answer: server::Response| {
                let has = |name: &str| request.headers().get(name).is_some();
                if has("authorization") && !has("origin") {
                    return Ok(answer);
                }
                let mut refusal = server::ErrorResponse::new(None);
                *refusal.status_mut() = StatusCode::UNAUTHORIZED;
                Err(refusal)
            };
            let Ok(mut socket) = accept_hdr_async(stream, check).await else { continue };
            while let Some(Ok(message)) =
                std::future::poll_fn(|cx| futures_core::Stream::poll_next(std::pin::Pin::new(&mut socket), cx)).await
            {
                if matches!(message, Message::Text(_)) && socket.send(message).await.is_err() {
                    break;
                }
            }
        }
    });
    (format!("https://{address}/topic").parse().unwrap(), ca)
}

#[tokio::test]
async fn a_web_socket_opens_over_tls_with_the_named_authority_and_the_credentials() {
    let ((uri, ca), stop) = (echo().await, Stop::default());
    let mut socket = requester(Some(&ca), &stop).open(&uri, Some(&authorization())).await.unwrap().unwrap();
    for text in ["first", "second"] {
        socket.send_text(text.to_owned()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), text);
    }
    drop(socket); // this server has one client at a time
    let refused = requester(Some(&ca), &stop).open(&uri, None).await.unwrap().unwrap_err();
    assert_eq!(refused.outcome, Outcome::Unauthorized, "{refused:?}");
    let unknown = requester(None, &stop).open(&uri, Some(&authorization())).await.unwrap().unwrap_err();
    assert!(matches!(unknown.answer, Err(HttpError::Tls { .. })), "{unknown:?}");
    stop.by(Clock::system().monotonic());
    assert!(requester(Some(&ca), &stop).open(&uri, None).await.is_err(), "nothing is opened after a stop");
}

#[tokio::test]
async fn an_answer_that_opens_no_web_socket_is_no_web_socket() {
    for (odd, says) in [
        (b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n".as_slice(), "something else"),
        (
            b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
              Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
            "something else",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\n<html>", "200"),
        (b"nonsense", "broke"),
    ] {
        let address = server(odd).await.parse().unwrap();
        let refused =
            requester(None, &Stop::default()).open(&address, Some(&authorization())).await.unwrap().unwrap_err();
        let shown = match &refused.answer {
            Ok(answer) => answer.status().to_string(),
            Err(error) => error.to_string(),
        };
        assert!(shown.contains(says), "{shown}");
        assert!(!format!("{refused:?}").contains("hunter2"));
    }
}
