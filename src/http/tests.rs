//! The client against correct and broken servers over real sockets.

mod web_socket;

use super::*;
use crate::base::{Stop, Stopped};
use crate::clock::Clock;
use bytes::Bytes;
use hyper::{StatusCode, header};
use std::num::NonZeroUsize;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(20), answer_bytes_max: 64 };

/// A server that answers the first request of every connection with these bytes and closes.
async fn server(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 2048];
            // A head of this size comes in one piece over loopback.
            if stream.read(&mut head).await.is_ok() {
                stream.write_all(answer).await.ok();
            }
        }
    });
    format!("http://{address}/device?pin=hunter2")
}

fn get(address: &str) -> Request {
    hyper::Request::get(address).header(header::AUTHORIZATION, "Bearer hunter2").body(Default::default()).unwrap()
}

async fn answer(bytes: &'static [u8]) -> Result<Response, HttpError> {
    Client::new(BOUNDS).send(get(&server(bytes).await)).await
}

#[tokio::test]
async fn answers_of_small_devices_are_read() {
    for odd in [
        b"HTTP/1.0 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n{\"power\":1}".as_slice(),
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"power\":1}",
        b"HTTP/1.1 200 OK\r\nnot valid header line: x\r\nContent-Length: 11\r\n\r\n{\"power\":1}",
        b"HTTP/1.1 200 OK\r\nContent-Length : 11\r\n\r\n{\"power\":1}",
        b"HTTP/1.1 200\r\ntransfer-encoding: chunked\r\n\r\nb\r\n{\"power\":1}\r\n0\r\n\r\n",
    ] {
        let answer = answer(odd).await.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(odd)));
        assert_eq!(answer.body(), &Bytes::from_static(b"{\"power\":1}"));
    }
}

#[tokio::test]
async fn an_answer_beyond_its_bounds_is_an_error_that_names_the_server_alone() {
    let long =
        answer(b"HTTP/1.0 200 OK\r\n\r\n0123456789012345678901234567890123456789012345678901234567890123456789").await;
    let cut = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\nno more").await;
    let garbage = answer(b"nonsense\r\n\r\n").await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/x?pin=hunter2", silent.local_addr().unwrap());
    let bounds = Bounds { timeout: Duration::from_millis(50), ..BOUNDS };
    let late = Client::new(bounds).send(get(&address)).await;
    drop(silent);
    let gone = Client::new(BOUNDS).send(get(&address)).await;
    let plain = server(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.replace("http:", "https:");
    let plain = Client::new(BOUNDS).send(get(&plain)).await;
    let kinds = [&long, &cut, &garbage, &late, &gone, &plain].map(|answer| match answer {
        Err(HttpError::TooLarge { .. }) => "too large",
        Err(HttpError::Broken { .. }) => "broken",
        Err(HttpError::Timeout { .. }) => "timeout",
        Err(HttpError::Connect { .. }) => "connect",
        Err(HttpError::Tls { .. }) => "tls",
        Err(HttpError::NoBudget) => "no budget",
        Ok(_) => "answer",
    });
    assert_eq!(kinds, ["too large", "broken", "broken", "timeout", "connect", "tls"]);
    for error in [long, cut, garbage, late, gone, plain] {
        let shown = error.unwrap_err().to_string();
        assert!(shown.contains("://127.0.0.1:") && !shown.contains("hunter2"), "{shown}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let moved =
        answer(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    assert_eq!(moved.status(), StatusCode::FOUND);
    assert_eq!(outcome(&Ok(moved)), Outcome::Refused);
}

#[tokio::test]
async fn a_wait_that_the_server_asks_for_is_kept_and_a_stop_or_the_time_limit_ends_it() {
    let address = server(b"HTTP/1.1 429 Slow\r\nRetry-After: 600\r\nContent-Length: 0\r\n\r\n").await;
    let (budget, stop) = (Budget::new(NonZeroUsize::MAX), Stop::default());
    let requester = Requester::new("a", Client::new(BOUNDS), budget.clone(), stop.clone(), Clock::system());
    let exchange = requester.send(get(&address)).await.unwrap();
    assert_eq!(exchange.outcome, Outcome::Later(Some(Duration::from_secs(600))));
    assert!(budget.begin(requester.now()).is_err(), "for all that share the budget");
    let second = requester.clone();
    let waiting =
        tokio::spawn(async move { second.ready().await.and(second.send(get(&address)).await.map(|it| it.outcome)) });
    tokio::task::yield_now().await;
    let in_a_hurry = requester.until(requester.now() + Duration::from_secs(30));
    assert_eq!(in_a_hurry.ready().await, Ok(()));
    let not_sent = in_a_hurry.send(get("http://127.0.0.1:9")).await.unwrap();
    assert!(matches!(not_sent.outcome, Outcome::Later(Some(_))), "{not_sent:?}");
    assert_eq!(not_sent.answer.unwrap_err(), HttpError::NoBudget);
    stop.by(Clock::system().monotonic());
    assert_eq!(waiting.await.unwrap(), Err(Stopped));
    let free = Requester::new("a", Client::new(BOUNDS), Budget::unlimited(), stop, Clock::system());
    assert!(free.send(get("http://127.0.0.1:9")).await.is_err(), "nothing is sent after a stop");
}

#[test]
fn only_web_addresses_are_taken() {
    for wrong in ["", "api.smart-me.com", "ftp://a", "https://", "http://user:hunter2@a/"] {
        assert_eq!(web_address(wrong), None, "{wrong}");
    }
    assert!(web_address("https://a.example/api?x=1").is_some());
}

/// A TLS server of a private authority that answers every connection's request.
async fn private_server() -> (String, CaFile, rustls::pki_types::CertificateDer<'static>) {
    let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let ca = CaFile::parse("ca.pem".into(), signed.cert.pem().as_bytes()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let certificate = signed.cert.der().clone();
    let config = config.with_single_cert(vec![certificate.clone()], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = [0; 2048];
            if stream.read(&mut head).await.is_ok() {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.ok();
            }
        }
    });
    (format!("https://{address}/"), ca, certificate)
}

#[tokio::test]
async fn a_private_authority_is_trusted_by_its_file_and_its_lack_names_the_option() {
    let (address, ca, certificate) = private_server().await;
    let refused = Client::new(BOUNDS).send(get(&address)).await.unwrap_err();
    let shown = refused.to_string();
    assert!(matches!(refused, HttpError::Tls { .. }), "{shown}");
    assert!(shown.contains("UnknownIssuer") && shown.contains("`ca_file`"), "{shown}");
    let answer = Client::trusting(BOUNDS, Some(&ca)).send(get(&address)).await.unwrap();
    assert_eq!(answer.body(), "ok");
    // A certificate that is known, also without an authority, and no other.
    let (_, other, of_other) = private_server().await;
    assert_eq!(Client::trusting_only(BOUNDS, certificate).send(get(&address)).await.unwrap().body(), "ok");
    let refused = Client::trusting_only(BOUNDS, of_other).send(get(&address)).await.unwrap_err();
    assert!(matches!(refused, HttpError::Tls { .. }), "{refused}");
    // Only the named authorities are trusted then.
    assert!(Client::trusting(BOUNDS, Some(&other)).send(get(&address)).await.is_err());
}
