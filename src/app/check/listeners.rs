//! Findings about the addresses to listen on: whether they are free. Binds each for a moment; a running service has them
//! itself, so then nothing is tried.

use crate::app::finding::Finding;
use crate::base::Level;
use crate::config::Config;
use crate::control::is_served;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

/// Returns a finding for each address that cannot be used.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    if is_served(&config.data_directory) {
        return Vec::new();
    }
    let webhook = config.webhook.is_listening().then_some(("webhook", config.webhook.listen));
    let listeners = webhook.into_iter().chain([("admin", config.admin.listen)]);
    listeners.filter_map(|(part, address)| finding(part, address)).collect()
}

fn finding(part: &'static str, address: SocketAddr) -> Option<Finding> {
    let error = TcpListener::bind(address).err()?;
    // No fault: the service may get the socket from systemd, run as another user, or run on another machine.
    let message = match error.kind() {
        ErrorKind::AddrInUse => format!(
            "{address} is in use: by a socket unit of this service, or by another program; stop that program, or change \
             {part}.listen"
        ),
        ErrorKind::PermissionDenied => format!(
            "this user may not listen on {address}; the service needs a socket unit or CAP_NET_BIND_SERVICE for it, or \
             change {part}.listen"
        ),
        _ => format!("this machine cannot listen on {address}: {error}; change {part}.listen"),
    };
    Some(Finding::new(part, Level::Warning, message))
}
