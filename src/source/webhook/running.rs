//! The running webhook: start, status and stop.

use super::accepts::Accepts;
use super::accounts::Accounts;
use super::config::Config;
use super::heads::HeadLog;
use super::listener::listen;
use super::server_state::{Phase, ServerState, StartError};
use super::tls::{self, Listener, Tls};
use crate::base::Listen;
use crate::clock::Clock;
use crate::ingest::Ingest;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout_at;

/// The wait for cut connections to end.
const CUT_WAIT: Duration = Duration::from_secs(1);

/// The running webhook. Dropping it cuts all connections; [`Webhook::stop`] ends them in order.
#[derive(Debug)]
pub struct Webhook {
    local_addr: SocketAddr,
    tls: Option<Tls>,
    accounts: Accounts,
    accepts: Accepts,
    phase: watch::Sender<Phase>,
    /// Returns the number of requests of accounts that were cut off.
    task: JoinHandle<usize>,
    /// Reloads the certificate.
    watcher: Option<JoinHandle<()>>,
    /// Writes heads, until the server state is dropped.
    head_writer: Option<JoinHandle<()>>,
}

impl Webhook {
    /// Binds the listener and serves it, on the tokio runtime that it is called on.
    ///
    /// # Errors
    /// When the configuration is invalid, the address cannot be bound, or the journal cannot
    /// register an account's name.
    pub async fn start(config: Config, ingest: &Ingest, clock: Clock) -> Result<Self, StartError> {
        let listen = config.listen.into();
        Self::start_on(listen, config, ingest, clock).await
    }

    /// The same at this place instead of the configured address.
    ///
    /// # Errors
    /// The same.
    pub async fn start_on(
        listen_on: Listen,
        config: Config,
        ingest: &Ingest,
        clock: Clock,
    ) -> Result<Self, StartError> {
        if let Some(fault) = config.faults().into_iter().next() {
            return Err(fault.into());
        }
        let tls = match &config.tls {
            Some(files) => Some(Tls::load(Listener::Webhook, files, clock.clone()).await?),
            None => None,
        };
        let failed = |error| StartError::Listen(config.listen, error);
        let listener = match listen_on {
            // With a longer queue of connections than the standard library's.
            Listen::Bind(address) => TcpListener::bind(address).await,
            Listen::Passed { socket, .. } => TcpListener::from_std(socket),
        };
        let listener = listener.map_err(failed)?;
        let local_addr = listener.local_addr().map_err(failed)?;
        let (heads, head_writer) = config.heads.clone().map(HeadLog::start).unzip();
        let server = Arc::new(ServerState::new(&config, tls.clone(), heads, ingest, clock.clone())?);
        let (accounts, accepts) = (server.accounts.clone(), server.accepts.clone());
        let (phase, phases) = watch::channel(Phase::Serve);
        let watcher = tls.clone().map(|tls| tokio::spawn(tls::watch(tls, phases.clone())));
        let task = tokio::spawn(listen(listener, server, phases));
        Ok(Self { local_addr, tls, accounts, accepts, phase, task, watcher, head_writer })
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Its accounts, which can be replaced.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Its certificate; `None` for plain HTTP.
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Whether it can accept connections.
    pub fn accepts(&self) -> Accepts {
        self.accepts.clone()
    }

    /// Why the webhook no longer accepts requests, if the listener's task ended unexpectedly.
    pub fn died(&self) -> Option<String> {
        self.task.is_finished().then(|| {
            format!("the webhook's listener on {} ended unexpectedly; look for its panic above", self.local_addr)
        })
    }

    /// Stops accepting, answers the accounts' open requests and closes all other connections
    /// at once; cuts the rest at `until`. Returns whether all requests of accounts were
    /// answered.
    pub async fn stop(mut self, until: Instant) -> bool {
        self.phase.send_replace(Phase::Finish);
        // It holds nothing that must be finished.
        if let Some(watcher) = self.watcher.take() {
            watcher.abort();
        }
        let mut ended = timeout_at(until.into(), &mut self.task).await;
        if ended.is_err() {
            self.phase.send_replace(Phase::Cut);
            ended = tokio::time::timeout(CUT_WAIT, &mut self.task).await;
        }
        let all_answered = match ended {
            Ok(Ok(cut_off)) => cut_off == 0,
            Ok(Err(error)) => {
                tracing::error!(%error, "the webhook's listener task failed");
                false
            }
            Err(_) => {
                tracing::warn!("a request of the webhook does not end and is abandoned");
                false
            }
        };
        // The server state is dropped, so the writer ends when its queue is empty.
        if let Some(writer) = &mut self.head_writer
            && timeout_at(until.into(), &mut *writer).await.is_err()
        {
            writer.abort();
            tracing::warn!("the disk is slow: the last request heads are not recorded");
        }
        all_answered
    }
}
