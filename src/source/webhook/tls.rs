//! TLS of the webhook: the certificate in use, and its reload without a restart.
//!
//! Both files are read every [`CHECK_EVERY`]: they are small, and contents show a change
//! more reliably than modification times. An unusable pair (half written, wrong key, no
//! PEM) changes nothing: the pair in use stays, and the fault is logged and counted once per
//! content. New connections get the new certificate, open ones keep theirs. Knows only the
//! protocol names of HTTP; never shows contents of a key file.

mod pair;

pub use pair::{TlsError, TlsFiles};

use crate::metrics;
use crate::reading::UnixNanos;
use ::metrics::{Counter, Gauge};
use pair::Pair;
use parking_lot::{Mutex, MutexGuard};
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The interval between two checks of the files.
const CHECK_EVERY: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_secs(2) };
/// HTTP/2 is preferred; the client may choose.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The webhook's certificate and TLS acceptor. Clones share them.
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
    files: TlsFiles,
    loaded: Mutex<LoadedPair>,
    reloaded: Counter,
    refused: Counter,
    expires: Gauge,
    current: Gauge,
}

/// The pair in use and the result of the last check.
struct LoadedPair {
    pair: Pair,
    /// Digest of the files' contents, usable or not; `None` if they could not be read.
    digest: Option<[u8; 32]>,
    fault: Option<String>,
}

impl Tls {
    /// Loads the files.
    ///
    /// # Errors
    /// [`TlsError`] when they cannot be used.
    pub(super) fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let (contents, pair) = files.load()?;
        let reloads = |outcome: &str| {
            metrics::counter("meterline_webhook_certificate_reloads_total", &[("outcome", outcome.to_owned())])
        };
        let state = Arc::new(CertificateState {
            files: files.clone(),
            loaded: Mutex::new(LoadedPair { pair, digest: Some(contents.digest()), fault: None }),
            reloaded: reloads("loaded"),
            refused: reloads("refused"),
            expires: metrics::gauge("meterline_webhook_certificate_expiry_timestamp_seconds", &[]),
            current: metrics::gauge("meterline_webhook_certificate_current", &[]),
        });
        state.show(&state.loaded());
        let mut config = ServerConfig::builder_with_provider(pair::provider())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Protocol)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&state) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), state })
    }

    /// Does the handshake of a connection.
    pub(super) async fn accept(&self, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(socket).await
    }

    /// The status of the certificate.
    pub fn status(&self) -> CertificateStatus {
        let loaded = self.state.loaded();
        CertificateStatus { expires: loaded.pair.expires, fault: loaded.fault.clone() }
    }
}

/// Checks the files until `stop` changes.
pub(super) async fn watch<T>(tls: Tls, mut stop: watch::Receiver<T>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(CHECK_EVERY) => {}
            _ = stop.changed() => return,
        }
        let state = Arc::clone(&tls.state);
        // On a blocking thread: the files can be on a network file system.
        if let Err(error) = tokio::task::spawn_blocking(move || state.reload()).await {
            tracing::error!(%error, "the check of the webhook's certificate failed; it will retry");
        }
    }
}

impl CertificateState {
    /// Loads the files if they are new and usable.
    fn reload(&self) {
        let contents = self.files.read();
        let mut loaded = self.loaded();
        match contents {
            Ok(contents) => {
                let digest = Some(contents.digest());
                if loaded.digest == digest {
                    return;
                }
                loaded.digest = digest;
                match self.files.pair(&contents) {
                    Ok(pair) => self.replace(&mut loaded, pair),
                    Err(error) => self.refuse(&mut loaded, &error),
                }
            }
            // Logged once, until they can be read again.
            Err(error) => {
                if loaded.digest.take().is_some() {
                    self.refuse(&mut loaded, &error);
                }
            }
        }
        self.show(&loaded);
    }

    fn replace(&self, loaded: &mut LoadedPair, pair: Pair) {
        tracing::info!(certificate = %self.files.certificate.display(), expires = %pair.expires,
            "the webhook's certificate changed; new connections get the new one");
        self.reloaded.increment(1);
        loaded.pair = pair;
        loaded.fault = None;
    }

    fn refuse(&self, loaded: &mut LoadedPair, error: &TlsError) {
        tracing::warn!(%error, expires = %loaded.pair.expires,
            "the webhook's new certificate cannot be used; the old one stays in use");
        self.refused.increment(1);
        loaded.fault = Some(error.to_string());
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; seconds since 1970 stay far below 2^53")]
    fn show(&self, loaded: &LoadedPair) {
        self.expires.set((loaded.pair.expires.0 / 1_000_000_000) as f64);
        self.current.set(if loaded.fault.is_none() { 1.0 } else { 0.0 });
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
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt(f)
    }
}
