//! Where a listener listens: an address to bind, or a socket on which the service manager
//! listens already.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// The place of a listener.
#[derive(Debug)]
pub enum Listen {
    /// Binds this address.
    Bind(SocketAddr),
    /// Takes this socket, which does not block.
    Passed {
        /// The address of the socket.
        address: SocketAddr,
        /// The listening socket.
        socket: TcpListener,
    },
}

/// The address at which this machine reaches a listener: loopback, if it listens everywhere.
pub fn own_address(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}

impl Listen {
    /// The address, as configured or bound.
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Bind(address) | Self::Passed { address, .. } => *address,
        }
    }

    /// The listening socket, which does not block.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn open(self) -> io::Result<TcpListener> {
        match self {
            Self::Bind(address) => {
                let listener = TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                Ok(listener)
            }
            Self::Passed { socket, .. } => Ok(socket),
        }
    }
}

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Self {
        Self::Bind(address)
    }
}
