//! A TCP proxy between the service and a server, which can be slow and can lose answers.

use meterline_compare::ports;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

const CHUNK_BYTES: usize = 64 << 10;
const SLOW_BY: Duration = Duration::from_millis(200);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Its treatment of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Pass,
    /// Every chunk waits.
    Slow,
    /// A connection is closed when its first answer comes; the server has done what was asked.
    LoseAnswers,
}

/// The proxy. Its threads end with the program.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    mode: Arc<AtomicU8>,
}

impl Proxy {
    /// Listens; connections go to a port of this machine, which need not be open yet.
    pub(crate) fn start() -> Result<(Self, Route), String> {
        let port = ports::free()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| error.to_string())?;
        let mode = Arc::new(AtomicU8::new(Mode::Pass as u8));
        Ok((Self { port, mode: Arc::clone(&mode) }, Route { listener, mode }))
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.store(mode as u8, Ordering::Relaxed);
    }
}

/// A proxy that has no server yet.
#[derive(Debug)]
pub(crate) struct Route {
    listener: TcpListener,
    mode: Arc<AtomicU8>,
}

impl Route {
    /// Passes connections to this server from now on.
    pub(crate) fn lead_to(self, server: SocketAddr) {
        thread::spawn(move || {
            for client in self.listener.incoming().flatten() {
                let mode = Arc::clone(&self.mode);
                thread::spawn(move || pass(&client, server, &mode).ok());
            }
        });
    }
}

/// Passes both directions until one ends.
fn pass(client: &TcpStream, server: SocketAddr, mode: &Arc<AtomicU8>) -> io::Result<()> {
    let upstream = TcpStream::connect_timeout(&server, CONNECT_LIMIT)?;
    client.set_nodelay(true)?;
    upstream.set_nodelay(true)?;
    let requests = (client.try_clone()?, upstream.try_clone()?, Arc::clone(mode));
    thread::spawn(move || copy(&requests.0, &requests.1, &requests.2, false));
    copy(&upstream, client, mode, true);
    Ok(())
}

fn copy(mut from: &TcpStream, mut to: &TcpStream, mode: &AtomicU8, are_answers: bool) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(read @ 1..) = from.read(&mut chunk) {
        let mode = mode.load(Ordering::Relaxed);
        if mode == Mode::Slow as u8 {
            thread::sleep(SLOW_BY);
        }
        if (mode == Mode::LoseAnswers as u8 && are_answers) || to.write_all(&chunk[..read]).is_err() {
            break;
        }
    }
    // One may be closed already.
    from.shutdown(Shutdown::Both).ok();
    to.shutdown(Shutdown::Both).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_arrive_while_answers_are_lost() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let (proxy, route) = Proxy::start().unwrap();
        route.lead_to(server.local_addr().unwrap());
        for (mode, wanted) in [(Mode::Pass, 1), (Mode::LoseAnswers, 0), (Mode::Slow, 1)] {
            proxy.set(mode);
            let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port)).unwrap();
            client.write_all(b"?").unwrap();
            let (mut accepted, _) = server.accept().unwrap();
            accepted.read_exact(&mut [0]).unwrap();
            accepted.write_all(b"!").unwrap();
            assert_eq!(client.read(&mut [0]).unwrap_or(0), wanted, "{mode:?}");
        }
    }
}
