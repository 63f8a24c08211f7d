//! TLS of clients that are not HTTP: whom they trust, and the certificate that they show.

use super::ca_file::CaFile;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::sync::Arc;

/// A client's certificate chain and its key, read once.
#[derive(Clone)]
pub struct ClientIdentity {
    chain: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
}

impl ClientIdentity {
    /// Parses the contents of two PEM files and checks that they can be used.
    ///
    /// # Errors
    /// A clause, when there is no certificate or no key, or the key is of an unknown kind.
    pub fn parse(chain: &[u8], key: &[u8]) -> Result<Self, String> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = chain.map_err(|error| format!("is not PEM: {error}"))?;
        if chain.is_empty() {
            return Err("has no certificate (-----BEGIN CERTIFICATE-----)".to_owned());
        }
        // The error may quote the file, so it is not passed on.
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| "has a key file without a private key".to_owned())?;
        let identity = Self { chain, key: Arc::new(key) };
        client_tls(None, Some(&identity)).map_err(|error| format!("does not fit the key: {error}"))?;
        Ok(identity)
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}

/// The TLS settings of a client that trusts the authorities of `ca`, or the built-in ones.
///
/// # Errors
/// When the identity's key does not fit its certificate.
pub fn client_tls(ca: Option<&CaFile>, identity: Option<&ClientIdentity>) -> Result<ClientConfig, rustls::Error> {
    let roots = match ca {
        Some(ca) => ca.roots(),
        None => Arc::new(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }),
    };
    let builder = ClientConfig::builder().with_root_certificates(roots);
    match identity {
        None => Ok(builder.with_no_client_auth()),
        Some(identity) => builder.with_client_auth_cert(identity.chain.clone(), identity.key.clone_key()),
    }
}
