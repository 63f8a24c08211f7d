//! Posts over the wire, against a receiver on loopback that answers 200 and keeps
//! the requests.

use super::*;
use crate::{Fleet, FleetOptions, Script};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request: the connection it came over, its head in lower case, its body.
pub(crate) type Request = (usize, String, Vec<u8>);

#[derive(Debug, Clone, Default)]
pub(crate) struct Receiver {
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    /// Listens on a free port; its threads end with the connections.
    pub(crate) fn start(status: &'static str) -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/account", listener.local_addr().unwrap());
        let receiver = Self::default();
        let requests = receiver.requests.clone();
        thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let (requests, stream) = (requests.clone(), stream.unwrap());
                thread::spawn(move || serve(connection, stream, &requests, status));
            }
        });
        (receiver, url)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(connection: usize, mut stream: TcpStream, requests: &Mutex<Vec<Request>>, status: &str) {
    let mut input = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if input.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let shown = head.clone();
        let lower = head.to_lowercase();
        let length = lower.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        input.read_exact(&mut body).unwrap();
        requests.lock().unwrap().push((connection, shown, body));
        stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes()).unwrap();
    }
}

fn bodies() -> Vec<Body> {
    let options = FleetOptions { meters: 10, devices: 2, values: 3, seed: 5 };
    Fleet::new(options).script(&Script::mixed(400, 1_795_266_907_250_123_400))
}

#[test]
fn bodies_of_a_lane_go_over_one_connection_in_their_order() {
    let (receiver, url) = Receiver::start("200 OK");
    let bodies = bodies();
    let outcomes = send_all(&Target::open(url), &bodies, 3, &AtomicBool::new(false));
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Some(Ok(answer)) if answer.is_ok())));
    let requests = receiver.requests();
    assert_eq!(requests.len(), bodies.len());
    assert_eq!(requests.iter().map(|(connection, ..)| connection).collect::<BTreeSet<_>>().len(), 3);
    for own in 0..3 {
        let sent: Vec<_> = bodies.iter().filter(|body| body.lane % 3 == own).map(|body| &body.bytes).collect();
        let over = requests.iter().find(|(_, _, bytes)| bytes == sent[0]).unwrap().0;
        let got: Vec<_> = requests.iter().filter(|(c, ..)| *c == over).map(|(_, _, bytes)| bytes).collect();
        assert_eq!(got, sent);
    }
}

#[test]
fn credentials_are_sent_unasked_and_never_shown() {
    let (receiver, url) = Receiver::start("200 OK");
    let target = Target::with_credentials(url, "user", "secret");
    Connection::new(&target).post(b"x").unwrap();
    let head = receiver.requests()[0].1.clone();
    assert!(head.contains("Basic dXNlcjpzZWNyZXQ="), "{head}");
    assert!(head.starts_with("POST /account HTTP/1.1\r\n"), "{head}");
    assert!(!format!("{target:?}").contains("dXNlcjpzZWNyZXQ="));
    assert!(!format!("{:?}", Connection::new(&target)).contains("dXNlcjpzZWNyZXQ="));
}

#[test]
fn a_refusal_is_an_answer_and_silence_is_an_error() {
    let (_receiver, url) = Receiver::start("503 Service Unavailable");
    let answer = Connection::new(&Target::open(url)).post(b"x").unwrap();
    assert_eq!((answer.status, answer.is_ok()), (503, false));
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = Connection::new(&Target::open(format!("http://{free}/"))).post(b"x").unwrap_err();
    assert!(error.to_string().starts_with("no answer: "), "{error}");
}

#[test]
fn what_is_stopped_says_which_bodies_were_not_sent() {
    let (receiver, url) = Receiver::start("200 OK");
    let outcomes = send_all(&Target::open(url), &bodies(), 2, &AtomicBool::new(true));
    assert!(outcomes.iter().all(Option::is_none));
    assert!(receiver.requests().is_empty());
}
