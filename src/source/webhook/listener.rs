//! Accepts connections within their limit, owns their tasks, and stops them.

use super::bounds::{ACCEPT_PAUSE_MAX, ACCEPT_PAUSE_MIN};
use super::connection;
use super::server_state::{Phase, ServerState};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep_until};

/// The update interval of the gauges.
const GAUGES_EVERY: Duration = Duration::from_secs(1);

/// Accepts connections until a stop, then joins them. Returns the number of requests of
/// accounts that were cut off.
pub(super) async fn listen(
    listener: TcpListener,
    server: Arc<ServerState>,
    mut phases: watch::Receiver<Phase>,
) -> usize {
    let mut connections = JoinSet::new();
    accept_all(listener, &server, &mut phases, &mut connections).await;
    while *phases.borrow_and_update() == Phase::Finish && !connections.is_empty() {
        tokio::select! {
            _ = connections.join_next() => {}
            // The webhook was dropped, so no caller waits for the answers.
            changed = phases.changed() => if changed.is_err() { break },
        }
    }
    let cut_off = server.requests_open.load(Ordering::Relaxed);
    connections.shutdown().await;
    server.update_gauges(0);
    cut_off
}

async fn accept_all(
    listener: TcpListener,
    server: &Arc<ServerState>,
    phases: &mut watch::Receiver<Phase>,
    connections: &mut JoinSet<()>,
) {
    let mut ticks = interval(GAUGES_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pause = Duration::ZERO;
    let mut not_before = server.clock.monotonic();
    loop {
        let now = server.clock.monotonic();
        // When all connections are in use, the next one waits until one can be displaced.
        let room_at =
            if connections.len() < server.bounds.connections_max { Some(now) } else { server.permits.room_at() };
        let has_room = room_at.is_some_and(|room_at| room_at <= now);
        tokio::select! {
            accepted = accept(&listener, not_before), if has_room => match accepted {
                Ok((_, peer)) if !server.serves(peer.ip()) => server.count_not_served(peer.ip()),
                Ok((socket, peer)) => {
                    pause = Duration::ZERO;
                    server.accepts.succeeded();
                    if connections.len() >= server.bounds.connections_max {
                        server.permits.make_room();
                    }
                    let permit = server.permits.acquire(server.clock.monotonic());
                    connections.spawn(connection::serve(socket, peer, permit, Arc::clone(server), phases.clone()));
                }
                Err(error) => {
                    pause = (pause * 2).clamp(ACCEPT_PAUSE_MIN, ACCEPT_PAUSE_MAX);
                    not_before = server.clock.monotonic() + pause;
                    server.accept_errors.increment(1);
                    server.accepts.failed(&error);
                    // A descriptor may be missing: a silent connection gives its own.
                    if server.permits.room_at().is_some_and(|room_at| room_at <= now) {
                        server.permits.make_room();
                    }
                    tracing::warn!(%error, "the webhook cannot accept a connection; it will retry shortly");
                }
            },
            () = sleep_until(room_at.unwrap_or(now).into()), if !has_room && room_at.is_some() => {}
            Some(ended) = connections.join_next() => if let Err(error) = ended {
                tracing::error!(%error, "a webhook connection's task failed");
            },
            _ = ticks.tick() => server.update_gauges(connections.len()),
            _ = phases.changed() => return,
        }
    }
}

/// Accepts the next connection, not before that instant. Cancel-safe.
async fn accept(listener: &TcpListener, not_before: Instant) -> io::Result<(TcpStream, SocketAddr)> {
    sleep_until(not_before.into()).await;
    listener.accept().await
}
