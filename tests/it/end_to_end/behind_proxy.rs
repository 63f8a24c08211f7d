//! Behind a proxy: delays after wrong passwords count by forwarded address.

use crate::support::load::now_ns;
use crate::support::service::{PASSWORD, PATH, Service, Setup, USER};
use crate::support::wait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use meterline_load::{Body, Reading};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const LATE: &str = "meterline_webhook_logins_delayed_total";

/// Posts a body for an address that the proxy forwards, on a connection of its own.
fn post(service: &Service, password: &str, address: &str) -> String {
    let values = vec![([1, 0, 1, 8, 0, 255], 1.0)];
    let body = Body::new(0, vec![Reading { meter: [6; 16], time_ns: now_ns() / 100 * 100, values }]);
    let credentials = BASE64_STANDARD.encode(format!("{USER}:{password}"));
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {address}\r\nAuthorization: Basic {credentials}\r\nContent-Length: {}\r\n\r\n",
        body.bytes.len()
    );
    let mut socket = TcpStream::connect(service.webhook_address()).unwrap();
    socket.write_all(&[head.as_bytes(), &body.bytes].concat()).unwrap();
    let mut came = [0; 4096];
    let count = socket.read(&mut came).unwrap();
    String::from_utf8_lossy(&came[..count]).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn behind_a_proxy_a_guesser_waits_by_its_forwarded_address_and_the_right_password_from_there_does_not() {
    let service = Setup { webhook: "behind_proxy = [\"127.0.0.0/8\"]", ..Setup::default() }.start();
    wait::until("the guesser has to wait", LIMIT, || {
        let guess = || post(&service, "wrong", "198.51.100.1");
        let guesses: Vec<String> = thread::scope(|scope| {
            let guessers: Vec<_> = (0..16).map(|_| scope.spawn(guess)).collect();
            guessers.into_iter().map(|guesser| guesser.join().unwrap()).collect()
        });
        assert!(guesses.iter().all(|answer| answer.contains("401")), "{guesses:?}");
        service.metric(LATE) > 0.0
    });
    let late = service.metric(LATE);
    assert!(post(&service, PASSWORD, "198.51.100.1").contains("200"));
    assert!(post(&service, "wrong", "198.51.100.2").contains("401"));
    assert_eq!(service.metric(LATE), late, "neither the right password nor another address waits");
}
