//! TLS of a listener, the webhook or the admin pages: the certificate in use, and its reload without a restart.
//!
//! Both files are read every [`CHECK_EVERY`]: they are small, and contents show a change
//! more reliably than modification times. An unusable pair (half written, wrong key, no
//! PEM, a chain that no client can verify) changes nothing: the pair in use stays, and the
//! fault is logged and counted once. New connections get the new certificate, open ones keep theirs. Knows only the
//! protocol names of HTTP; never shows contents of a key file.

mod chain;
mod pair;

pub use chain::ChainFault;
pub use pair::{CertificateSummary, TlsError, TlsFiles};

use crate::clock::Clock;
use crate::metrics;
use crate::reading::UnixNanos;
use ::metrics::{Counter, Gauge};
use pair::{Contents, Pair};
use parking_lot::{Mutex, MutexGuard};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The interval between two checks of the files.
const CHECK_EVERY: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_secs(2) };
/// The maximum time for a read of the files.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// A listener with TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// The webhook.
    Webhook,
    /// The admin pages.
    Admin,
}

impl Listener {
    /// The name in logs and pages.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Admin => "admin listener",
        }
    }

    /// The protocols, the preferred one first; the client may choose.
    fn protocols(self) -> &'static [&'static [u8]] {
        match self {
            Self::Webhook => &[b"h2", b"http/1.1"],
            Self::Admin => &[b"http/1.1"],
        }
    }
}

/// The certificate and TLS acceptor of a listener. Clones share them.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    state: Arc<CertificateState>,
}

/// The status of the certificate in use, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateStatus {
    /// The end of validity.
    pub expires: UnixNanos,
    /// Why the present files are not in use, if so.
    pub fault: Option<String>,
}

struct CertificateState {
    listener: Listener,
    files: Mutex<TlsFiles>,
    loaded: Mutex<LoadedPair>,
    clock: Clock,
    series: Option<CertificateSeries>,
}

/// The metrics of the certificate of the webhook. Trouble shows the one of the admin listener.
struct CertificateSeries {
    reloaded: Counter,
    refused: Counter,
    expires: Gauge,
    current: Gauge,
}

impl CertificateSeries {
    fn new() -> Self {
        let reloads = |outcome: &str| {
            metrics::counter("meterline_webhook_certificate_reloads_total", &[("outcome", outcome.to_owned())])
        };
        Self {
            reloaded: reloads("loaded"),
            refused: reloads("refused"),
            expires: metrics::gauge("meterline_webhook_certificate_expiry_timestamp_seconds", &[]),
            current: metrics::gauge("meterline_webhook_certificate_current", &[]),
        }
    }
}

/// The pair in use and the result of the last check.
struct LoadedPair {
    pair: Pair,
    /// Digest of its files' contents.
    digest: Option<[u8; 32]>,
    /// Why the files cannot be used now.
    fault: Option<String>,
}

impl LoadedPair {
    /// Whether the files with this digest are in use.
    fn is_of(&self, digest: Option<[u8; 32]>) -> bool {
        self.fault.is_none() && self.digest == digest
    }
}

impl Tls {
    /// Loads the files, on the tokio runtime that it is called on.
    ///
    /// # Errors
    /// [`TlsError`] when they cannot be used, or not be read in time.
    pub async fn load(listener: Listener, files: &TlsFiles, clock: Clock) -> Result<Self, TlsError> {
        let (read, now) = (files.clone(), clock.now());
        let loading = tokio::task::spawn_blocking(move || read.load(now));
        let (contents, pair) = match timeout(READ_TIMEOUT, loading).await {
            Ok(Ok(loaded)) => loaded?,
            _ => return Err(slow(files)),
        };
        warn(listener, files, &pair);
        let state = Arc::new(CertificateState {
            listener,
            files: Mutex::new(files.clone()),
            loaded: Mutex::new(LoadedPair { pair, digest: Some(contents.digest()), fault: None }),
            clock,
            series: (listener == Listener::Webhook).then(CertificateSeries::new),
        });
        state.show(&state.loaded());
        let mut config = ServerConfig::builder_with_provider(pair::provider())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Protocol)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&state) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = listener.protocols().iter().map(|protocol| protocol.to_vec()).collect();
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), state })
    }

    /// Does the handshake of a connection.
    ///
    /// # Errors
    /// When the client does not speak TLS, or does not accept the certificate.
    pub async fn accept(&self, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(socket).await
    }

    /// Takes the certificate in these files from now on. Blocks while they are read.
    ///
    /// # Errors
    /// When they cannot be used; the certificate in use stays then.
    pub fn replace(&self, files: &TlsFiles) -> Result<(), TlsError> {
        let (contents, pair) = files.load(self.state.clock.now())?;
        let mut loaded = self.state.loaded();
        *self.state.files.lock() = files.clone();
        if !loaded.is_of(Some(contents.digest())) {
            loaded.digest = Some(contents.digest());
            self.state.replace(&mut loaded, pair);
            self.state.show(&loaded);
        }
        Ok(())
    }

    /// The certificate of the server that new connections get, without its issuers.
    pub fn certificate(&self) -> Option<CertificateDer<'static>> {
        self.state.loaded().pair.key.cert.first().cloned()
    }

    /// The status of the certificate.
    pub fn status(&self) -> CertificateStatus {
        let loaded = self.state.loaded();
        CertificateStatus { expires: loaded.pair.summary.expires, fault: loaded.fault.clone() }
    }
}

/// Logs the warning of a pair that comes into use.
fn warn(listener: Listener, files: &TlsFiles, pair: &Pair) {
    if let Some(warning) = pair.summary.warning {
        tracing::warn!(listener = listener.label(), certificate = %files.certificate.display(), warning,
            "some clients may be unable to verify the certificate; unless they have its issuer, \
             configure the full chain");
    }
}

fn slow(files: &TlsFiles) -> TlsError {
    TlsError::Slow(files.certificate.clone(), files.key.clone(), READ_TIMEOUT.as_secs())
}

/// Checks the files until `stop` changes. A read that hangs is shown, and no second one begins
/// meanwhile.
pub async fn watch<T>(tls: Tls, mut stop: watch::Receiver<T>) {
    loop {
        tokio::select! {
            () = sleep(CHECK_EVERY) => {}
            _ = stop.changed() => return,
        }
        let state = Arc::clone(&tls.state);
        // On a blocking thread: the files can be on a network file system.
        let mut reload = tokio::task::spawn_blocking(move || state.reload());
        let ended = tokio::select! {
            ended = &mut reload => ended,
            () = sleep(READ_TIMEOUT) => {
                tls.state.refuse(&mut tls.state.loaded(), &slow(&tls.state.files()));
                reload.await
            }
        };
        if let Err(error) = ended {
            tracing::error!(%error, "the check of a certificate failed; it will retry");
        }
    }
}

impl CertificateState {
    /// Loads the files if they are new and usable.
    fn reload(&self) {
        let now = self.clock.now();
        let files = self.files();
        let read = files.read();
        let digest = read.as_ref().ok().map(Contents::digest);
        if digest.is_some() && self.loaded().is_of(digest) {
            return;
        }
        // Not under the lock, which handshakes need.
        let pair = read.and_then(|contents| files.pair(&contents, now));
        let mut loaded = self.loaded();
        if files != self.files() {
            return;
        }
        match pair {
            Ok(pair) if pair.summary.expires <= now && now < loaded.pair.summary.expires => {
                self.refuse(&mut loaded, &TlsError::Expired(files.certificate.clone(), pair.summary.expires));
            }
            Ok(pair) => {
                loaded.digest = digest;
                self.replace(&mut loaded, pair);
            }
            Err(error) => self.refuse(&mut loaded, &error),
        }
        self.show(&loaded);
    }

    fn replace(&self, loaded: &mut LoadedPair, pair: Pair) {
        let files = self.files();
        tracing::info!(listener = self.listener.label(), certificate = %files.certificate.display(),
            expires = %pair.summary.expires, "the certificate changed; new connections get the new one");
        warn(self.listener, &files, &pair);
        if let Some(series) = &self.series {
            series.reloaded.increment(1);
        }
        loaded.pair = pair;
        loaded.fault = None;
    }

    fn refuse(&self, loaded: &mut LoadedPair, error: &TlsError) {
        // Tried again at every check, because the time may be the reason.
        let fault = Some(error.to_string());
        if loaded.fault == fault {
            return;
        }
        tracing::warn!(listener = self.listener.label(), %error, expires = %loaded.pair.summary.expires,
            "the new certificate cannot be used; the old one stays in use");
        if let Some(series) = &self.series {
            series.refused.increment(1);
        }
        loaded.fault = fault;
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; seconds since 1970 stay far below 2^53")]
    fn show(&self, loaded: &LoadedPair) {
        let Some(series) = &self.series else { return };
        series.expires.set((loaded.pair.summary.expires.0 / 1_000_000_000) as f64);
        series.current.set(if loaded.fault.is_none() { 1.0 } else { 0.0 });
    }

    fn files(&self) -> TlsFiles {
        self.files.lock().clone()
    }

    fn loaded(&self) -> MutexGuard<'_, LoadedPair> {
        self.loaded.lock()
    }
}

impl ResolvesServerCert for CertificateState {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.loaded().pair.key))
    }
}

impl fmt::Debug for CertificateState {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt(f)
    }
}
