//! TLS of the built program, of the webhook and of the admin pages: a certificate that is replaced while a
//! connection lives.

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
use std::net::{SocketAddr, TcpStream};
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
    connect_to(service.webhook_address(), certificate)
}

/// The same, to an address.
fn connect_to(address: SocketAddr, certificate: &str) -> Option<Stream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
    let connection = ClientConnection::new(config, ServerName::try_from(NAME).unwrap()).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(address).ok()?);
    stream.conn.complete_io(&mut stream.sock).ok()?;
    Some(stream)
}

/// The status of a page, with this token if it is not empty. The connection stays open.
fn get(stream: &mut Stream, path: &str, token: &str) -> u16 {
    let login = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n{login}\r\n").unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    stream.read_exact(&mut vec![0; length]).unwrap();
    head.split(' ').nth(1).unwrap().parse().unwrap()
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
fn the_canary_trusts_the_certificate_of_the_webhook_also_after_it_was_replaced() {
    const VISIBLE: &str = "meterline_canary_rounds_total{store=\"sqlite\",outcome=\"visible\"}";
    let files = tempfile::tempdir().unwrap();
    let (chain, key): (PathBuf, PathBuf) = (files.path().join("chain.pem"), files.path().join("key.pem"));
    let after = pair();
    let mut service = service_with(&pair(), &chain, &key);
    assert!(service.stop().success());
    service.append_configuration("[canary]\ninterval = \"1s\"");
    service.start_again();
    let wait_for_two_rounds = || {
        let goal = service.metric(VISIBLE) + 2.0;
        wait::until("its readings are visible", LIMIT, || service.metric(VISIBLE) >= goal);
    };
    wait_for_two_rounds();
    put(&chain, &after.0);
    put(&key, &after.1);
    wait::until("the new one is used", LIMIT, || connect(&service, &after.0).is_some());
    wait_for_two_rounds();
    assert_eq!(service.status()["canary"][0]["why"], serde_json::Value::Null);
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

#[test]
fn the_admin_pages_have_a_certificate_of_their_own_which_a_reload_exchanges() {
    const TOKEN: &str = "a-token-of-the-test";
    let files = tempfile::tempdir().unwrap();
    let file = |name: &str| files.path().join(name);
    let (first, second) = (pair(), pair());
    for (name, (certificate, key)) in [("first", &first), ("second", &second)] {
        put(&file(&format!("{name}.pem")), certificate);
        put(&file(&format!("{name}.key")), key);
    }
    let mut service = Setup::default().start();
    assert!(service.stop().success());
    let token = service.secret_file("token", TOKEN);
    let login = format!("[admin]\ntoken_file = {token:?}\n");
    service.reconfigure("[admin]\n", &login);
    let (chain, key) = (file("first.pem"), file("first.key"));
    service.append_configuration(&format!("[admin.tls]\ncertificate = {chain:?}\nkey = {key:?}"));
    let address = service.admin_address();
    let at = move |certificate: &str| connect_to(address, certificate);
    let trusted = first.0.clone();
    service.start_again_until(move |_| at(&trusted).is_some_and(|mut stream| get(&mut stream, "/readyz", "") == 200));

    let mut old = at(&first.0).unwrap();
    assert_eq!(get(&mut old, "/status.json", ""), 401);
    assert_eq!(get(&mut old, "/status.json", "another-token"), 401);
    assert_eq!(get(&mut old, "/status.json", TOKEN), 200);
    assert!(at(&second.0).is_none(), "a client that trusts another certificate refuses this one");
    assert_eq!(service.page("/readyz"), None, "nothing is served without TLS");

    // A pair of two certificates changes nothing.
    service.reconfigure("first.pem", "second.pem");
    let output = service.command(&["reload", "--json"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success() && said.contains("[admin.tls]: the certificate"), "{said}");
    assert!(at(&first.0).is_some());
    service.reconfigure("first.key", "second.key");
    let said = service.text_of(&["reload"]);
    assert!(said.contains("changed admin.tls.certificate") && !said.contains("restart"), "{said}");
    assert!(at(&first.0).is_none(), "new connections get the new one");
    assert_eq!(get(&mut at(&second.0).unwrap(), "/status.json", TOKEN), 200);
    assert_eq!(get(&mut old, "/status.json", TOKEN), 200, "the connection of before lives on");

    // New contents of the files need no reload.
    put(&file("second.pem"), &first.0);
    put(&file("second.key"), &first.1);
    wait::until("the new contents are used", LIMIT, || at(&first.0).is_some());
    assert!(service.stop().success());
    for secret in [TOKEN, "PRIVATE KEY"] {
        assert!(!service.log().contains(secret), "the log shows {secret}");
    }
}

#[test]
fn a_listener_gets_or_loses_tls_only_at_a_restart() {
    let files = tempfile::tempdir().unwrap();
    let (chain, key) = (files.path().join("chain.pem"), files.path().join("key.pem"));
    let (certificate, secret) = pair();
    put(&chain, &certificate);
    put(&key, &secret);
    let mut service = Setup::default().start();
    let tables = ["webhook", "admin"].map(|it| format!("[{it}.tls]\ncertificate = {chain:?}\nkey = {key:?}\n"));
    for table in &tables {
        service.append_configuration(table);
    }
    const KEYS: [&str; 4] = ["admin.tls.certificate", "admin.tls.key", "webhook.tls.certificate", "webhook.tls.key"];
    let restart = |service: &Service| -> Vec<String> {
        let answer: serde_json::Value = serde_json::from_str(&service.text_of(&["reload", "--json"])).unwrap();
        assert_eq!(answer["applied"], serde_json::json!([]), "{answer}");
        serde_json::from_value(answer["restart"].clone()).unwrap()
    };
    assert_eq!(restart(&service), KEYS);
    assert_eq!(service.page("/readyz").unwrap().0, 200, "still without TLS");
    assert!(service.stop().success());
    let (address, trusted) = (service.admin_address(), certificate.clone());
    service.start_again_until(move |_| {
        connect_to(address, &trusted).is_some_and(|mut stream| get(&mut stream, "/readyz", "") == 200)
    });
    for table in &tables {
        service.reconfigure(table, "");
    }
    assert_eq!(restart(&service), KEYS);
    assert!(post(&mut connect(&service, &certificate).unwrap(), 1.0).contains("200"), "still with TLS");
}
