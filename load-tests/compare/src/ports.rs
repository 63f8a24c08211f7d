//! Free loopback ports.

use std::net::{Ipv4Addr, TcpListener};

/// Below the range that the system gives to outgoing connections, so that a stopped server finds its port free again.
const PORTS: std::ops::Range<u16> = 10_000..32_000;
const TRIES_MAX: u32 = 1_000;

/// A port without a listener.
///
/// # Errors
/// If none was found.
pub fn free() -> Result<u16, String> {
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    (0..TRIES_MAX).map(|_| fastrand::u16(PORTS)).find(is_free).ok_or_else(|| format!("no free port in {PORTS:?}"))
}
