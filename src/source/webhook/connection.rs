//! The lifetime of one connection.

use super::activity::{Activity, IdleTimer, StopCheck};
use super::bounds::{
    CONNECTION_WINDOW_BYTES, HEADER_FIELDS_MAX, HEADER_LIST_BYTES_MAX, READ_BUFFER_BYTES_MAX, STREAM_WINDOW_BYTES,
    STREAMS_MAX,
};
use super::logins::ConnectionGuesses;
use super::on_wake::OnWake;
use super::permits::ConnectionPermit;
use super::request::{self, Context};
use super::server_state::{Phase, ServerState};
use super::transport::{Socket, Transport};
use ::metrics::Counter;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder;
use parking_lot::Mutex;
use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

/// Serves a connection until the peer closes it, a timer expires, it is displaced, it guesses
/// passwords or the webhook stops.
pub(super) async fn serve(
    socket: TcpStream,
    peer: SocketAddr,
    permit: ConnectionPermit,
    server: Arc<ServerState>,
    mut phase: watch::Receiver<Phase>,
) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY cannot be set; answers may be delayed");
    }
    let accepted = tokio::select! {
        accepted = handshake(socket, &server) => accepted,
        () = permit.displaced() => return server.closed.displaced.increment(1),
        // There is no request yet, so none is lost.
        _ = phase.changed() => return,
    };
    match accepted {
        Ok(socket) => serve_http(socket, peer, permit, server, phase).await,
        Err(error) => {
            server.closed.handshake.increment(1);
            tracing::debug!(%peer, %error, "a webhook connection ended in its TLS handshake");
        }
    }
}

/// Does the TLS handshake, if TLS is configured, within the header timeout.
async fn handshake(socket: TcpStream, server: &ServerState) -> io::Result<Socket> {
    let Some(tls) = &server.tls else { return Ok(Socket::Plain(socket)) };
    match tokio::time::timeout(server.bounds.header_timeout, tls.accept(socket)).await {
        Ok(accepted) => Ok(Socket::Tls(Box::new(accepted?))),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the handshake timed out")),
    }
}

async fn serve_http(
    socket: Socket,
    peer: SocketAddr,
    permit: ConnectionPermit,
    server: Arc<ServerState>,
    mut phase: watch::Receiver<Phase>,
) {
    let activity = Arc::new(Activity::default());
    let transport = TokioIo::new(Transport::new(socket, Arc::clone(&activity)));
    let context = Arc::new(Context {
        server: Arc::clone(&server),
        activity: Arc::clone(&activity),
        peer: peer.ip(),
        permit,
        guesses: ConnectionGuesses::default(),
        guessed: Notify::new(),
    });
    let shared = Arc::clone(&context);
    let streams = Streams::default();
    let builder = builder(streams.clone());
    let service = service_fn(move |request| request::answer(Arc::clone(&shared), request));
    let mut connection = pin!(builder.serve_connection(transport, service));
    let mut watch = OnWake::new(until_end_or_stop(&context, &mut phase));
    tokio::select! {
        biased;
        ended = connection.as_mut() => return closed(ended, peer, &context, streams).await,
        end = &mut watch => match end {
            End::Stop => connection.as_mut().graceful_shutdown(),
            End::Close(reason) => return reason.increment(1),
        },
    }
    let mut watch = OnWake::new(until_end_or_answered(&context));
    tokio::select! {
        biased;
        ended = connection.as_mut() => closed(ended, peer, &context, streams).await,
        reason = &mut watch => if let Some(reason) = reason {
            reason.increment(1);
        },
    }
}

/// The end of a connection from this side.
enum End<'a> {
    /// The webhook stops.
    Stop,
    /// It must be closed at once; counted here.
    Close(&'a Counter),
}

/// Waits for a stop of the webhook, or for a reason to close the connection.
async fn until_end_or_stop<'a>(context: &'a Context, phase: &mut watch::Receiver<Phase>) -> End<'a> {
    let (server, activity) = (&*context.server, &*context.activity);
    let mut idle_timer = IdleTimer::new(&server.bounds, server.clock.monotonic());
    let mut ticks = interval(IdleTimer::period(&server.bounds));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            reason = closed_by_peers_conduct(context) => return End::Close(reason),
            _ = ticks.tick() => {
                activity.forget_frames();
                if let Some(timed_out) = idle_timer.check(activity, server.clock.monotonic()) {
                    return End::Close(server.closed.of(timed_out));
                }
            }
            _ = phase.changed() => return End::Stop,
        }
    }
}

/// Waits during a stop until no answer is owed, or for a reason to close the connection.
async fn until_end_or_answered(context: &Context) -> Option<&Counter> {
    let mut stop_check = StopCheck::default();
    let mut ticks = interval(StopCheck::PERIOD);
    loop {
        tokio::select! {
            biased;
            reason = closed_by_peers_conduct(context) => return Some(reason),
            _ = ticks.tick() => {
                context.activity.forget_frames();
                if stop_check.is_over(&context.activity) {
                    return None;
                }
            }
        }
    }
}

/// Waits until the connection is displaced or has guessed too many passwords.
async fn closed_by_peers_conduct(context: &Context) -> &Counter {
    let closed = &context.server.closed;
    tokio::select! {
        biased;
        () = context.permit.displaced() => &closed.displaced,
        () = context.guessed.notified() => &closed.guesses,
    }
}

/// Counts the error of a connection that ended, and joins its requests.
async fn closed<E: Display>(ended: Result<(), E>, peer: SocketAddr, context: &Context, streams: Streams) {
    if let Err(error) = ended {
        let closed = &context.server.closed;
        let reason = if context.activity.is_flooded() { &closed.flood } else { &closed.protocol };
        reason.increment(1);
        tracing::debug!(%peer, %error, "a webhook connection ended with an error");
    }
    streams.join().await;
}

fn builder(streams: Streams) -> Builder<Streams> {
    let mut builder = Builder::new(streams);
    builder
        .http1()
        // A sender may close its side after its request and still wait for the answer.
        .half_close(true)
        // An answer is a head alone: one buffer, so a plain write.
        .writev(false)
        .header_read_timeout(None)
        .max_buf_size(READ_BUFFER_BYTES_MAX)
        .max_headers(HEADER_FIELDS_MAX);
    builder
        .http2()
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_LIST_BYTES_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    builder
}

/// The tasks of a connection's HTTP/2 requests; they end with the connection.
#[derive(Debug, Clone, Default)]
struct Streams(Arc<Mutex<JoinSet<()>>>);

impl Streams {
    /// Joins all tasks.
    async fn join(&self) {
        let mut tasks = std::mem::take(&mut *self.0.lock());
        while tasks.join_next().await.is_some() {}
    }
}

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        let mut tasks = self.0.lock();
        // Removes ended tasks, so that the set holds only open requests.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}
