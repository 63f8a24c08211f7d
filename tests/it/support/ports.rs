//! Free loopback ports.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range that the system uses for outgoing connections, so that a stopped
/// server finds its port free again; above the ports that `./test` gives to the shared
/// servers.
const LOWEST: u16 = 19_000;
const COUNT: u16 = 12_000;

/// Ports handed out so far; begins at an offset of this process.
static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port without a listener that this process has not handed out lately.
pub(crate) fn free() -> u16 {
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = LOWEST + (start.wrapping_mul(7).wrapping_add(step)) % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free loopback port between {LOWEST} and {}", LOWEST + COUNT);
}
