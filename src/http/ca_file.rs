//! The certificate authorities that a client trusts instead of the built-in ones.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The certificates of a PEM file, read once.
#[derive(Clone)]
pub struct CaFile {
    path: PathBuf,
    roots: Arc<RootCertStore>,
}

impl CaFile {
    /// Parses the contents of the file at `path`.
    ///
    /// # Errors
    /// A clause, when a certificate is invalid or there is none.
    pub fn parse(path: PathBuf, pem: &[u8]) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| format!("is not PEM: {error}"))?;
            roots.add(certificate).map_err(|error| format!("has an invalid certificate: {error}"))?;
        }
        if roots.is_empty() {
            return Err("has no certificate (-----BEGIN CERTIFICATE-----)".to_owned());
        }
        Ok(Self { path, roots: Arc::new(roots) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn roots(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.roots)
    }
}

impl fmt::Debug for CaFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CaFile").field(&self.path).finish()
    }
}
