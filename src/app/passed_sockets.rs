//! Sockets on which the service manager listens for this process (socket activation).
//!
//! They outlive the process: connections that come during a restart wait in them. The
//! configuration stays the one place of an address and its rules, so a socket is used only at
//! exactly the address that a listener is configured with; any other is refused.

use super::error::StartError;
use crate::base::Listen;
use crate::config::Config;
use listenfd::ListenFd;
use std::net::{SocketAddr, TcpListener};

/// The sockets that the process was started with.
#[derive(Debug, Default)]
pub struct PassedSockets(Vec<(SocketAddr, TcpListener)>);

impl PassedSockets {
    /// Takes the sockets that the environment announces (`LISTEN_FDS`) and removes the
    /// announcement. Call it before another thread runs.
    ///
    /// # Errors
    /// When one is not a listening TCP socket.
    pub fn of_the_process() -> Result<Self, StartError> {
        let mut passed = ListenFd::from_env();
        let mut sockets = Vec::new();
        for at in 0..passed.len() {
            let taken = passed.take_tcp_listener(at).and_then(|socket| {
                let Some(socket) = socket else { return Ok(()) };
                socket.set_nonblocking(true)?;
                sockets.push((socket.local_addr()?, socket));
                Ok(())
            });
            taken.map_err(|error| {
                StartError(format!("the service manager passed a descriptor that is no TCP socket: {error}"))
            })?;
        }
        Ok(Self(sockets))
    }

    /// Refuses sockets that no listener of the configuration is for.
    pub(super) fn check(&self, config: &Config) -> Result<(), StartError> {
        let (webhook, admin) = (config.webhook.listen, config.admin.listen);
        for (address, _) in &self.0 {
            if ![webhook, admin].contains(address) {
                return Err(StartError(format!(
                    "the service manager passed a socket at {address}, but the configuration has webhook.listen = \
                     \"{webhook}\" and admin.listen = \"{admin}\": set ListenStream= of the socket unit to these \
                     (systemctl edit meterline.socket), or stop using it (systemctl disable --now meterline.socket)"
                )));
            }
            if *address == webhook && !config.webhook.is_listening() {
                tracing::warn!(%address, "the service manager listens here, but no [[webhook.account]] is configured: \
                    connections get no answer; remove this ListenStream= from the socket unit");
            }
        }
        Ok(())
    }

    /// The passed socket at this address, or else the address to bind.
    pub(super) fn at(&mut self, address: SocketAddr) -> Listen {
        match self.0.iter().position(|(passed, _)| *passed == address) {
            Some(found) => {
                let (address, socket) = self.0.swap_remove(found);
                Listen::Passed { address, socket }
            }
            None => Listen::Bind(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    /// A socket on a free port.
    fn passed() -> (SocketAddr, TcpListener) {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        (socket.local_addr().unwrap(), socket)
    }

    fn listening_on(webhook: SocketAddr, admin: SocketAddr) -> Config {
        let text = format!("[webhook]\nlisten = \"{webhook}\"\n[admin]\nlisten = \"{admin}\"\n");
        crate::config::parse("m.toml", &text, &Default::default()).unwrap()
    }

    #[test]
    fn a_passed_socket_serves_the_listener_of_its_address_and_a_foreign_one_is_refused() {
        let (webhook, admin) = (passed(), passed());
        let (at_webhook, at_admin) = (webhook.0, admin.0);
        let mut sockets = PassedSockets(vec![webhook, admin]);
        sockets.check(&listening_on(at_webhook, at_admin)).unwrap();
        let elsewhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let refused = sockets.check(&listening_on(at_webhook, elsewhere)).unwrap_err().to_string();
        for part in [at_admin.to_string(), elsewhere.to_string(), "ListenStream=".to_owned()] {
            assert!(refused.contains(&part), "{part}: {refused}");
        }
        assert!(
            matches!(sockets.at(at_admin), Listen::Passed { socket, .. } if socket.local_addr().unwrap() == at_admin)
        );
        assert!(matches!(sockets.at(at_admin), Listen::Bind(address) if address == at_admin), "it is taken once");
        assert!(matches!(sockets.at(at_webhook), Listen::Passed { .. }));
    }
}
