//! A serial server: it passes on what a meter sends, and its clients must send nothing.

use std::io::{ErrorKind, Read as _, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

/// A listening serial server.
#[derive(Debug)]
pub struct SerialServer(TcpListener);

/// A connection to it. When it is dropped, a byte that the client sent fails the test.
#[derive(Debug)]
pub struct SerialLine(TcpStream);

impl SerialServer {
    /// Listens on a free port.
    ///
    /// # Errors
    /// If there is none.
    pub fn start() -> std::io::Result<Self> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map(Self)
    }

    /// Its address, as `host:port`.
    ///
    /// # Errors
    /// If the system does not tell it.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    /// If the system has no descriptor for it.
    pub fn accept(&self) -> std::io::Result<SerialLine> {
        self.0.accept().map(|(stream, _)| SerialLine(stream))
    }
}

impl SerialLine {
    /// Waits until the client has sent something or has left.
    pub fn wait_for_client(&self) {
        // Received bytes are read again when the line is dropped.
        self.0.peek(&mut [0]).ok();
    }
}

impl Write for SerialLine {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl Drop for SerialLine {
    fn drop(&mut self) {
        if std::thread::panicking() || self.0.set_nonblocking(true).is_err() {
            return;
        }
        match self.0.read(&mut [0; 64]) {
            Ok(0) => {}
            Ok(sent) => panic!("the client sent {sent} bytes to a port that must only be read"),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionReset) => {}
            Err(error) => panic!("a serial line cannot be read: {error}"),
        }
    }
}
