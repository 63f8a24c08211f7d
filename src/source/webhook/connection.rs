//! The lifetime of one connection.

use super::activity::{Activity, IdleTimer, StopCheck};
use super::bounds::{
    CONNECTION_WINDOW_BYTES, HEADER_FIELDS_MAX, HEADER_LIST_BYTES_MAX, READ_BUFFER_BYTES_MAX, STREAM_WINDOW_BYTES,
    STREAMS_MAX,
};
use super::logins::ConnectionGuesses;
use super::permits::ConnectionPermit;
use super::request::{self, Context};
use super::server_state::{Phase, ServerState};
use super::transport::{Socket, Transport};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder;
use parking_lot::Mutex;
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
    let mut idle_timer = IdleTimer::new(&server.bounds, server.clock.monotonic());
    let mut ticks = interval(IdleTimer::period(&server.bounds));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stop_check = None::<StopCheck>;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    let closed = if activity.is_flooded() { &server.closed.flood } else { &server.closed.protocol };
                    closed.increment(1);
                    tracing::debug!(%peer, %error, "a webhook connection ended with an error");
                }
                break;
            }
            () = context.permit.displaced() => return server.closed.displaced.increment(1),
            () = context.guessed.notified() => return server.closed.guesses.increment(1),
            _ = ticks.tick() => {
                activity.forget_frames();
                match &mut stop_check {
                    Some(stop_check) => if stop_check.is_over(&activity) {
                        return;
                    },
                    None => if let Some(timed_out) = idle_timer.check(&activity, server.clock.monotonic()) {
                        server.closed.count(timed_out);
                        return;
                    },
                }
            }
            _ = phase.changed(), if stop_check.is_none() => {
                connection.as_mut().graceful_shutdown();
                stop_check = Some(StopCheck::default());
                ticks = interval(StopCheck::PERIOD);
            }
        }
    }
    streams.join().await;
}

fn builder(streams: Streams) -> Builder<Streams> {
    let mut builder = Builder::new(streams);
    builder
        .http1()
        // A sender may close its side after its request and still wait for the answer.
        .half_close(true)
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
