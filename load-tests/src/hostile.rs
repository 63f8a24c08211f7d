//! Peers of a webhook that mean harm, each a connection that is opened again when the receiver closes it.
//!
//! They need no answer and keep no promise; they only cost. One thread runs all connections of an attack, until it is
//! stopped. [`Attack::Bodies`] and [`Attack::Bombs`] have valid credentials, as a sender that went wrong has them.

mod attack;
mod bytes;

pub use attack::{Attack, Victim};

use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::task::LocalSet;
use tokio::time::sleep;

/// Between two bytes of a slow peer: less than any receiver's longest pause.
const SLOW: Duration = Duration::from_secs(1);
/// Before a closed connection is opened again.
const PAUSE: Duration = Duration::from_millis(20);

/// The connections and bytes of an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Connections that were opened.
    pub opened: u64,
    /// Connections that the receiver closed.
    pub closed: u64,
    /// Bytes that were sent.
    pub bytes: u64,
}

#[derive(Debug, Default)]
struct Shared {
    opened: AtomicU64,
    closed: AtomicU64,
    bytes: AtomicU64,
}

/// An attack that is going on.
#[derive(Debug)]
pub struct Attackers {
    shared: Arc<Shared>,
    /// Its end ends the attack.
    going_on: watch::Sender<()>,
    thread: JoinHandle<()>,
}

impl Attackers {
    /// Begins an attack over this number of connections.
    ///
    /// # Errors
    /// If the system cannot create a runtime.
    pub fn start(attack: Attack, victim: &Victim, connections: usize) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::<Shared>::default();
        let (going_on, end) = watch::channel(());
        let (seen, address, bytes) = (Arc::clone(&shared), victim.address, Arc::new(Bytes::of(attack, victim)));
        let thread = thread::spawn(move || {
            let all = LocalSet::new();
            for _ in 0..connections {
                all.spawn_local(peer(address, Arc::clone(&bytes), Arc::clone(&seen), end.clone()));
            }
            drop(end);
            runtime.block_on(all);
        });
        Ok(Self { shared, going_on, thread })
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts { opened: of(&self.shared.opened), closed: of(&self.shared.closed), bytes: of(&self.shared.bytes) }
    }

    /// Ends the attack and closes its connections.
    pub fn stop(self) -> Counts {
        let counts = self.counts();
        drop(self.going_on);
        // A panic of the thread was printed.
        drop(self.thread.join());
        counts
    }
}

/// One peer: a connection after the other.
async fn peer(address: SocketAddr, bytes: Arc<Bytes>, shared: Arc<Shared>, mut end: watch::Receiver<()>) {
    let connections = async {
        loop {
            connection(address, &bytes, &shared).await;
            sleep(PAUSE).await;
        }
    };
    tokio::select! {
        () = connections => {}
        // Nothing is ever sent: it is the sender's end.
        _ = end.changed() => {}
    }
}

/// One connection, until the receiver closes it.
async fn connection(address: SocketAddr, bytes: &Bytes, shared: &Shared) {
    let Ok(socket) = TcpStream::connect(address).await else { return };
    shared.opened.fetch_add(1, Ordering::Relaxed);
    let (reading, mut writing) = socket.into_split();
    tokio::select! {
        () = drain(reading) => {}
        () = send(&mut writing, bytes, shared) => {}
    }
    shared.closed.fetch_add(1, Ordering::Relaxed);
}

/// Sends the bytes, the later ones again and again; returns when they cannot be sent.
async fn send(writing: &mut OwnedWriteHalf, bytes: &Bytes, shared: &Shared) {
    let mut number = 0;
    let mut next = bytes.first.clone();
    while writing.write_all(&next).await.is_ok() {
        shared.bytes.fetch_add(next.len() as u64, Ordering::Relaxed);
        let Some(again) = bytes.again(number) else {
            // Silent until the other side closes.
            return std::future::pending().await;
        };
        (next, number) = (again, number + 1);
        if bytes.is_slow {
            sleep(SLOW).await;
        } else {
            tokio::task::yield_now().await;
        }
    }
}

/// Reads and forgets, until the other side closes.
async fn drain(mut reading: OwnedReadHalf) {
    let mut came = [0; 4096];
    while reading.read(&mut came).await.is_ok_and(|count| count > 0) {}
}
