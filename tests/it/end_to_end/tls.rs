//! TLS of the built program: a certificate that is replaced while a connection lives.

use crate::support::load::now_ns;
use crate::support::service::{PASSWORD, PATH, Service, Setup, USER};
use crate::support::wait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use meterline_load::{Body, Reading};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const NAME: &str = "meterline.test";
const LIMIT: Duration = Duration::from_secs(60);

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// A self-signed certificate and its key, in PEM form.
fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![NAME.to_owned()]).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

/// A private root, in PEM form, and a certificate that it signs directly with its key.
fn pair_of_a_private_root() -> (String, (String, String)) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.distinguished_name.push(rcgen::DnType::CommonName, "a private root");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = rcgen::CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![NAME.to_owned()]).unwrap().signed_by(&key, &root).unwrap();
    (root.pem(), (certificate.pem(), key.serialize_pem()))
}

fn put(path: &Path, text: &str) {
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, text).unwrap();
    std::fs::rename(fresh, path).unwrap();
}

/// A connection that trusts this certificate alone.
fn connect(service: &Service, certificate: &str) -> Option<Stream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
    let connection = ClientConnection::new(config, ServerName::try_from(NAME).unwrap()).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(service.webhook_address()).unwrap());
    stream.conn.complete_io(&mut stream.sock).ok()?;
    Some(stream)
}

/// Posts a body and returns the status line.
fn post(stream: &mut Stream, value: f64) -> String {
    let values = vec![([1, 0, 1, 8, 0, 255], value)];
    let body = Body::new(0, vec![Reading { meter: [5; 16], time_ns: now_ns() / 100 * 100, values }]);
    let credentials = BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"));
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: {NAME}\r\nAuthorization: Basic {credentials}\r\nContent-Length: {}\r\n\r\n",
        body.bytes.len()
    );
    stream.write_all(&[head.as_bytes(), &body.bytes].concat()).unwrap();
    let mut came = [0; 4096];
    let count = stream.read(&mut came).unwrap();
    String::from_utf8_lossy(&came[..count]).lines().next().unwrap_or_default().to_owned()
}

/// A service whose files hold this pair.
fn service_with((certificate, secret): &(String, String), chain: &Path, key: &Path) -> Service {
    put(chain, certificate);
    put(key, secret);
    let mut service = Setup::default().start();
    assert!(service.stop().success());
    service.append_configuration(&format!("[webhook.tls]\ncertificate = {chain:?}\nkey = {key:?}"));
    service.start_again();
    service
}

#[test]
fn a_certificate_of_a_private_root_is_used_and_check_warns_of_the_missing_issuer() {
    let files = tempfile::tempdir().unwrap();
    let (root, pair) = pair_of_a_private_root();
    let service = service_with(&pair, &files.path().join("leaf.pem"), &files.path().join("key.pem"));
    assert!(post(&mut connect(&service, &root).unwrap(), 1.0).contains("200"));
    let checked = service.command(&["check"]);
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(checked.status.success() && said.contains("without its issuer"), "{said}");
    assert!(service.log().contains("without its issuer"));
}

#[test]
fn a_replaced_certificate_is_used_for_new_connections_while_an_old_one_goes_on_posting() {
    let files = tempfile::tempdir().unwrap();
    let (chain, key): (PathBuf, PathBuf) = (files.path().join("chain.pem"), files.path().join("key.pem"));
    let (before, after) = (pair(), pair());
    let service = service_with(&before, &chain, &key);
    let mut old = connect(&service, &before.0).unwrap();
    assert!(post(&mut old, 1.0).contains("200"));
    put(&chain, "no certificate");
    wait::until("the fault is shown", LIMIT, || service.status()["certificates"][0]["fault"].is_string());
    assert!(post(&mut connect(&service, &before.0).unwrap(), 2.0).contains("200"), "the one before stays in use");
    put(&chain, &after.0);
    put(&key, &after.1);
    let mut new = wait::until_some("the new one is used", LIMIT, || connect(&service, &after.0));
    assert!(post(&mut new, 3.0).contains("200"));
    assert!(post(&mut old, 4.0).contains("200"), "the connection of before lives on");
    assert!(connect(&service, &before.0).is_none(), "new connections get the new one");
    service.wait_drained();
    assert_eq!(service.next_sequence(), 5);
}
