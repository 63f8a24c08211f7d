//! The admin listener at its socket, with pages that a test holds up.

use super::{Admin, CONNECTIONS_MAX};
use crate::admin::Views;
use crate::admin::tests::views;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// The time limit of every wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// A listener whose only page of content is `/metrics`.
fn started(metrics: impl Fn() -> String + Send + Sync + 'static) -> Admin {
    let views = Views { metrics: Arc::new(metrics), ..views(|| panic!("no test asks for the status")).0 };
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    Admin::start(listen, vec!["meter.example".to_owned()], views).unwrap()
}

fn send(admin: &Admin, path: &str, host: &str) -> TcpStream {
    let mut stream = TcpStream::connect(admin.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\n{host}Connection: close\r\n\r\n").unwrap();
    stream
}

/// The status of the answer.
fn status(mut stream: TcpStream) -> u16 {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

fn get(admin: &Admin, path: &str) -> u16 {
    status(send(admin, path, "Host: localhost\r\n"))
}

#[test]
fn clients_that_never_read_hold_up_no_probe() {
    let admin = started(|| "x".repeat(16 << 20));
    let stalled: Vec<_> = (0..2 * CONNECTIONS_MAX).map(|_| send(&admin, "/metrics", "Host: localhost\r\n")).collect();
    assert_eq!(get(&admin, "/livez"), 200);
    assert_eq!(get(&admin, "/readyz"), 200);
    drop(stalled);
    admin.stop();
}

#[test]
fn a_page_that_takes_long_holds_up_no_probe() {
    let (release, released) = sync_channel::<()>(0);
    let released = parking_lot::Mutex::new(released);
    let (begun, has_begun) = sync_channel(16);
    let admin = started(move || {
        begun.send(()).unwrap();
        released.lock().recv().ok();
        "metrics".to_owned()
    });
    let waiting: Vec<_> = (0..8).map(|_| send(&admin, "/metrics", "Host: localhost\r\n")).collect();
    has_begun.recv_timeout(PATIENCE).unwrap();
    assert_eq!(get(&admin, "/livez"), 200);
    assert_eq!(get(&admin, "/readyz"), 200);
    drop(release);
    for page in waiting {
        assert_eq!(status(page), 200);
    }
    admin.stop();
}

#[test]
fn pages_are_for_known_hosts_and_probes_for_any() {
    let admin = started(|| "metrics".to_owned());
    let cases = [
        ("Host: localhost\r\n", 200),
        ("Host: LOCALHOST:8081\r\n", 200),
        ("Host: 127.0.0.1:8081\r\n", 200),
        ("Host: 10.1.2.3\r\n", 200),
        ("Host: [::1]:8081\r\n", 200),
        ("Host: meter.example:8081\r\n", 200),
        ("Host: METER.example.\r\n", 200),
        ("Host: rebound.attacker.example\r\n", 421),
        ("Host: meter.example.attacker.example\r\n", 421),
        ("Host: localhost.attacker.example\r\n", 421),
        ("Host: 127.0.0.1.attacker.example\r\n", 421),
        ("Host: localhost\r\nHost: attacker.example\r\n", 421),
        ("Host: \r\n", 421),
        ("", 421),
    ];
    for (host, wanted) in cases {
        assert_eq!(status(send(&admin, "/metrics", host)), wanted, "{host:?}");
        for probe in ["/livez", "/readyz"] {
            assert_eq!(status(send(&admin, probe, host)), 200, "{host:?}");
        }
    }
    admin.stop();
}
