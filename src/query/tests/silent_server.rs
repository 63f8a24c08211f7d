//! Queries to a server that takes connections and never answers.

use crate::base::Stop;
use crate::clock::Clock;
use crate::query::{Limit, QueryError, Store};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A longer time than any test takes.
const LONG: Duration = Duration::from_secs(3_600);

/// The store of such a server, and the connections to it.
pub(crate) fn silent() -> (Store, Receiver<TcpStream>) {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let toml = format!("[sink.questdb]\nurl = \"http://{}\"\n", listener.local_addr().unwrap());
    let config = crate::config::parse("(test)", &toml, &BTreeMap::new()).unwrap();
    let (sender, connections) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if sender.send(stream.unwrap()).is_err() {
                return;
            }
        }
    });
    (Store::open(&config.sinks).unwrap(), connections)
}

/// Reads until the client has gone.
pub(crate) fn gone(mut stream: TcpStream) {
    stream.read_to_end(&mut Vec::new()).ok();
}

#[test]
fn a_query_ends_with_its_connection_when_its_client_leaves() {
    let (store, connections) = silent();
    let (clock, left) = (Clock::system(), Stop::default());
    let limited = store.within(&Limit::of(LONG, &clock, &left));
    let asking = std::thread::spawn(move || limited.meters().unwrap_err());
    let mut stream = connections.recv().unwrap();
    let mut question = [0; 22];
    stream.read_exact(&mut question).unwrap();
    assert_eq!(String::from_utf8_lossy(&question), "GET /exec?query=SELECT");
    left.by(clock.monotonic());
    gone(stream);
    let error = asking.join().unwrap();
    assert!(matches!(error, QueryError::Left), "{error}");
}

#[test]
fn a_query_ends_after_its_time_and_none_begins_after_it() {
    let (store, connections) = silent();
    let (clock, left) = (Clock::system(), Stop::default());
    let limited = store.within(&Limit::of(Duration::from_millis(200), &clock, &left));
    let error = limited.meters().unwrap_err();
    assert!(matches!(error, QueryError::TooSlow { .. }) && error.to_string().contains("did not answer"), "{error}");
    // On a slow machine the time may be over before the connection is there.
    connections.try_iter().for_each(gone);
    assert!(matches!(limited.meters(), Err(QueryError::TooSlow { .. })));
    assert!(connections.try_recv().is_err());
}
