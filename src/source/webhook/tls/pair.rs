//! Loads a certificate chain and its key from two PEM files.

use super::chain::{self, ChainFault};
use crate::base::file;
use crate::reading::UnixNanos;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest size of either file, so that a wrong path does not fill the memory.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The files of the certificate and its key; both may change while the service runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and its intermediate certificates, in PEM form.
    pub certificate: PathBuf,
    /// The private key, in PEM form (PKCS#8, PKCS#1 or SEC1).
    pub key: PathBuf,
}

/// Why a pair cannot be used. Never holds contents of the key file.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("the TLS file {0} cannot be read: {1}; let the service's user read it, or configure another")]
    Read(PathBuf, io::Error),
    /// The file holds no certificate.
    #[error("{0} holds no readable certificate chain in PEM form; configure the file with the full chain")]
    NoCertificate(PathBuf),
    /// The file holds no key.
    #[error("{0} holds no readable private key in PEM form; configure the file with the unencrypted key")]
    NoKey(PathBuf),
    /// They do not match, or their kind is not supported.
    #[error("the certificate {0} and the key {1} cannot be used together: {2}")]
    Unusable(PathBuf, PathBuf, rustls::Error),
    /// The validity cannot be read.
    #[error("cannot read the expiry date of the certificate in {0}; configure another certificate")]
    NoExpiry(PathBuf),
    /// No client can verify the chain.
    #[error(
        "no client can verify the certificate in {0}: {1}; configure the full chain, the server's certificate first"
    )]
    Chain(PathBuf, ChainFault),
    /// The new certificate has expired, and the one in use has not.
    #[error("the certificate in {0} expired at {1}; renew it")]
    Expired(PathBuf, UnixNanos),
    /// The files cannot be read in time.
    #[error("the TLS files {0} and {1} cannot be read within {2} s; check the file system that they are on")]
    Slow(PathBuf, PathBuf, u64),
    /// The TLS library refuses its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Protocol(rustls::Error),
}

/// A usable pair.
pub(super) struct Pair {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) summary: CertificateSummary,
}

/// The findings about the certificate of a usable pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertificateSummary {
    /// The end of validity.
    pub expires: UnixNanos,
    /// Why some clients may be unable to verify it, if so; a part of a sentence.
    pub warning: Option<&'static str>,
}

/// The contents of both files.
pub(super) struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Contents {
    /// Identifies the contents without keeping the key.
    pub(super) fn digest(&self) -> [u8; 32] {
        let parts = [&self.certificate, &self.key].map(Sha256::digest);
        Sha256::digest(parts.concat()).into()
    }
}

/// The one cryptography provider of this program.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

impl TlsFiles {
    /// Reads and checks both files.
    pub(super) fn load(&self, now: UnixNanos) -> Result<(Contents, Pair), TlsError> {
        let contents = self.read()?;
        let pair = self.pair(&contents, now)?;
        Ok((contents, pair))
    }

    /// The summary of the certificate in the files, whose chain is checked at `now`.
    ///
    /// # Errors
    /// [`TlsError`] when the pair cannot be used.
    pub fn check(&self, now: UnixNanos) -> Result<CertificateSummary, TlsError> {
        self.load(now).map(|(_, pair)| pair.summary)
    }

    pub(super) fn read(&self) -> Result<Contents, TlsError> {
        let read =
            |path: &Path| file::read(path, FILE_BYTES_MAX).map_err(|error| TlsError::Read(path.to_owned(), error));
        Ok(Contents { certificate: read(&self.certificate)?, key: read(&self.key)? })
    }

    pub(super) fn pair(&self, contents: &Contents, now: UnixNanos) -> Result<Pair, TlsError> {
        let no_certificate = || TlsError::NoCertificate(self.certificate.clone());
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&contents.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| no_certificate())?;
        let leaf = chain.first().ok_or_else(no_certificate)?;
        let expires = chain::not_after(leaf).ok_or_else(|| TlsError::NoExpiry(self.certificate.clone()))?;
        let unverifiable = |fault| TlsError::Chain(self.certificate.clone(), fault);
        let algorithms = provider().signature_verification_algorithms.all;
        let warning = chain::check(&chain, now, algorithms).map_err(unverifiable)?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key).map_err(|_| TlsError::NoKey(self.key.clone()))?;
        let certified = CertifiedKey::from_der(chain, key, &provider())
            .map_err(|error| TlsError::Unusable(self.certificate.clone(), self.key.clone(), error))?;
        Ok(Pair { key: Arc::new(certified), summary: CertificateSummary { expires, warning } })
    }
}
