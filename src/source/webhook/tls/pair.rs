//! Loads a certificate chain and its key from two PEM files.

use crate::reading::UnixNanos;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use x509_cert::Certificate;
use x509_cert::der::Decode;

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
    /// The TLS library refuses its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Protocol(rustls::Error),
}

/// A usable pair.
pub(super) struct Pair {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) expires: UnixNanos,
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
    pub(super) fn load(&self) -> Result<(Contents, Pair), TlsError> {
        let contents = self.read()?;
        let pair = self.pair(&contents)?;
        Ok((contents, pair))
    }

    /// The end of validity of the certificate in the files.
    ///
    /// # Errors
    /// [`TlsError`] when the pair cannot be used.
    pub fn check(&self) -> Result<UnixNanos, TlsError> {
        self.load().map(|(_, pair)| pair.expires)
    }

    pub(super) fn read(&self) -> Result<Contents, TlsError> {
        let read = |path: &Path| read_bounded(path).map_err(|error| TlsError::Read(path.to_owned(), error));
        Ok(Contents { certificate: read(&self.certificate)?, key: read(&self.key)? })
    }

    pub(super) fn pair(&self, contents: &Contents) -> Result<Pair, TlsError> {
        let no_certificate = || TlsError::NoCertificate(self.certificate.clone());
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&contents.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| no_certificate())?;
        let leaf = chain.first().ok_or_else(no_certificate)?;
        let expires = not_after(leaf).ok_or_else(|| TlsError::NoExpiry(self.certificate.clone()))?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key).map_err(|_| TlsError::NoKey(self.key.clone()))?;
        let certified = CertifiedKey::from_der(chain, key, &provider())
            .map_err(|error| TlsError::Unusable(self.certificate.clone(), self.key.clone(), error))?;
        Ok(Pair { key: Arc::new(certified), expires })
    }
}

/// The end of a certificate's validity, saturated to our range.
fn not_after(der: &[u8]) -> Option<UnixNanos> {
    let end = Certificate::from_der(der).ok()?.tbs_certificate().validity().not_after.to_unix_duration();
    Some(UnixNanos(i64::try_from(end.as_nanos()).unwrap_or(i64::MAX)))
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("it is larger than {FILE_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_found_and_a_cut_one_is_not_read() {
        let key = rcgen::KeyPair::generate().unwrap();
        for (year, nanos) in [(2031, Some("2031-05-06T00:00:00Z")), (2100, Some("2100-05-06T00:00:00Z")), (9999, None)]
        {
            let mut parameters = rcgen::CertificateParams::new(vec!["meterline.test".to_owned()]).unwrap();
            parameters.not_after = rcgen::date_time_ymd(year, 5, 6);
            let certificate = parameters.self_signed(&key).unwrap();
            let der = certificate.der();
            let end = not_after(der).unwrap();
            assert_eq!(nanos.map_or(UnixNanos(i64::MAX).to_string(), str::to_owned), end.to_string());
            assert!((0..der.len()).all(|end| not_after(&der[..end]).is_none()));
        }
    }
}
