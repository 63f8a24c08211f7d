//! TLS: handshakes, and certificates that change while connections are open.

use super::*;
use metrics_exporter_prometheus::PrometheusBuilder;
use rcgen::{CertificateParams, KeyPair};
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, ServerName};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const NAME: &str = "meterline.test";
const SHORT: Duration = Duration::from_millis(200);

/// A certificate that ends in this year, self-signed, and its key, in PEM form.
fn pair(year: i32) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
    parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
    (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn now() -> crate::reading::UnixNanos {
    Clock::system().now()
}

/// A certificate authority.
type Issuer = rcgen::CertifiedIssuer<'static, KeyPair>;

/// The parameters of a certificate with this common name that ends in this year.
fn named(name: &str, year: i32) -> CertificateParams {
    let mut parameters = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
    parameters
}

fn authority(name: &str, year: i32) -> CertificateParams {
    let mut parameters = named(name, year);
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    parameters
}

fn root(name: &str) -> Issuer {
    Issuer::self_signed(authority(name, 2090), KeyPair::generate().unwrap()).unwrap()
}

fn intermediate(name: &str, year: i32, root: &Issuer) -> Issuer {
    Issuer::signed_by(authority(name, year), KeyPair::generate().unwrap(), root).unwrap()
}

/// A certificate of this issuer and its key, in PEM form.
fn issued(parameters: &CertificateParams, issuer: &Issuer) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    (parameters.signed_by(&key, issuer).unwrap().pem(), key.serialize_pem())
}

/// Each file changes at once, but not both.
fn write(files: &TlsFiles, (certificate, key): &(String, String)) {
    put(&files.certificate, certificate);
    put(&files.key, key);
}

fn put(path: &Path, text: &str) {
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, text).unwrap();
    std::fs::rename(fresh, path).unwrap();
}

/// A fixture whose certificate is this pair, and its files.
async fn fixture_of(pair: &(String, String), change: impl FnOnce(&mut Config)) -> (Fixture, TlsFiles) {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(Options::new(directory.path().join("journal"))).unwrap();
    let files = TlsFiles { certificate: directory.path().join("chain.pem"), key: directory.path().join("key.pem") };
    write(&files, pair);
    let tls = files.clone();
    let fixture = fixture_on(journal, directory, |config| {
        config.tls = Some(tls);
        change(config);
    });
    (fixture.await, files)
}

impl Fixture {
    /// A connection that speaks one of these protocols and trusts this certificate alone.
    async fn greet(&self, certificate: &str, protocols: &[&str]) -> std::io::Result<Client<TlsStream<TcpStream>>> {
        use rustls::pki_types::pem::PemObject;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let socket = TcpStream::connect(self.webhook.local_addr()).await.unwrap();
        let name = ServerName::try_from(NAME).unwrap();
        let socket = TlsConnector::from(Arc::new(config)).connect(name, socket).await?;
        Ok(Client { socket, came: Vec::new() })
    }

    /// Waits until new connections get this certificate.
    async fn uses(&self, certificate: &str) {
        let used = async { while self.greet(certificate, &[]).await.is_err() {} };
        tokio::time::timeout(PATIENCE, used).await.unwrap();
    }

    /// Waits until the check of the files has the wanted result.
    async fn looked(&self, wish: impl Fn(&CertificateStatus) -> bool) -> CertificateStatus {
        let looked = async {
            loop {
                let status = self.webhook.tls().unwrap().status();
                if wish(&status) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, looked).await.unwrap()
    }
}

#[tokio::test]
async fn a_client_speaks_http_1_or_2_over_tls_as_it_chooses() {
    let first = pair(2090);
    let (fixture, _) = fixture_of(&first, |_| {}).await;
    for (offered, spoken) in [(&["http/1.1"][..], Some("http/1.1")), (&[], None)] {
        let mut client = fixture.greet(&first.0, offered).await.unwrap();
        assert_eq!(client.socket.get_ref().1.alpn_protocol(), spoken.map(str::as_bytes));
        client.send(&post(&fixture.body(1.0), "")).await;
        assert_eq!(client.reply().await.status, 200);
    }
    let client = fixture.greet(&first.0, &["http/1.1", "h2"]).await.unwrap();
    assert_eq!(client.socket.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let (mut sender, connection) = h2::client::handshake(client.socket).await.unwrap();
    let driver = tokio::spawn(connection);
    let request = hyper::Request::post(format!("https://{NAME}{PATH}"))
        .header("authorization", format!("Basic {}", BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"))));
    let (reply, mut body) = sender.send_request(request.body(()).unwrap(), false).unwrap();
    body.send_data(fixture.body(2.0).into(), true).unwrap();
    assert_eq!(reply.await.unwrap().status(), 200);
    driver.abort();
    assert_eq!(fixture.records().len(), 3);
}

#[tokio::test]
async fn a_sender_that_closes_its_side_over_tls_gets_its_answer() {
    let first = pair(2090);
    let (fixture, _) = fixture_of(&first, |_| {}).await;
    for number in 0..5_u8 {
        let mut client = fixture.greet(&first.0, &["http/1.1"]).await.unwrap();
        client.send(&post(&fixture.body(f64::from(number)), "")).await;
        client.socket.shutdown().await.unwrap();
        assert_eq!(client.reply().await.status, 200, "{number}");
    }
    assert_eq!(fixture.records().len(), 5);
}

#[tokio::test]
async fn a_changed_certificate_is_used_for_new_connections_while_old_ones_live() {
    let (first, second) = (pair(2090), pair(2091));
    let (fixture, files) = fixture_of(&first, |_| {}).await;
    let mut old = fixture.greet(&first.0, &[]).await.unwrap();
    old.send(&post(&fixture.body(1.0), "")).await;
    assert_eq!(old.reply().await.status, 200);
    write(&files, &second);
    fixture.uses(&second.0).await;
    assert!(fixture.greet(&first.0, &[]).await.is_err(), "the first is used no more");
    assert_eq!(fixture.webhook.tls().unwrap().status().expires.to_string(), "2091-01-01T00:00:00Z");
    old.send(&post(&fixture.body(2.0), "")).await;
    assert_eq!(old.reply().await.status, 200);
    assert_eq!(fixture.records().len(), 2);
}

// One thread runs the test and the webhook, so both see these metrics.
#[tokio::test]
async fn a_pair_that_cannot_be_used_leaves_the_one_before_and_is_said_and_counted_once() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = ::metrics::set_default_local_recorder(&recorder);
    let (first, second) = (pair(2090), pair(2091));
    let (fixture, files) = fixture_of(&first, |_| {}).await;
    put(&files.key, &second.1);
    let status = fixture.looked(|status| status.fault.is_some()).await;
    assert_eq!(status.expires.to_string(), "2090-01-01T00:00:00Z");
    put(&files.certificate, "-----BEGIN CERTIFICATE-----\nhalf");
    fixture
        .looked(|status| status.fault.as_ref().is_some_and(|fault| fault.contains("no readable certificate chain")))
        .await;
    std::fs::remove_file(&files.certificate).unwrap();
    fixture.looked(|status| status.fault.as_ref().is_some_and(|fault| fault.contains("cannot be read"))).await;
    fixture.greet(&first.0, &[]).await.unwrap();
    let metrics = || recorder.handle().render();
    for line in [
        r#"meterline_webhook_certificate_reloads_total{outcome="refused"} 3"#,
        "meterline_webhook_certificate_current 0",
        "meterline_webhook_certificate_expiry_timestamp_seconds 3786912000",
    ] {
        assert!(metrics().contains(line), "{line} in {}", metrics());
    }
    write(&files, &second);
    fixture.uses(&second.0).await;
    assert_eq!(fixture.webhook.tls().unwrap().status().fault, None);
    assert!(metrics().contains("meterline_webhook_certificate_current 1"), "{}", metrics());
}

#[tokio::test]
async fn a_handshake_that_is_not_made_in_time_is_closed() {
    let first = pair(2090);
    let (fixture, _) = fixture_of(&first, |config| config.bounds.header_timeout = SHORT).await;
    let silent = fixture.connect().await;
    let mut plain = fixture.connect().await;
    plain.send(&post(&fixture.body(1.0), "")).await;
    assert_eq!(silent.closed().await, b"");
    plain.closed().await;
    assert_eq!(fixture.records().len(), 0);
}

#[tokio::test]
async fn slow_handshakes_are_displaced_by_the_next_connection() {
    let first = pair(2090);
    let (fixture, _) = fixture_of(&first, |config| {
        config.bounds.connections_max = 2;
        config.bounds.header_timeout = PATIENCE * 10;
        config.bounds.idle_timeout = PATIENCE * 10;
    })
    .await;
    let slow = [fixture.connect().await, fixture.connect().await];
    let mut client = fixture.greet(&first.0, &[]).await.unwrap();
    client.send(&post(&fixture.body(1.0), "")).await;
    assert_eq!(client.reply().await.status, 200);
    let [oldest, _second] = slow;
    assert_eq!(oldest.closed().await, b"");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_handshake() {
    let first = pair(2090);
    let (fixture, _) = fixture_of(&first, |_| {}).await;
    let silent = fixture.connect().await;
    let mut served = fixture.greet(&first.0, &[]).await.unwrap();
    served.send(&post(&fixture.body(1.0), "")).await;
    assert_eq!(served.reply().await.status, 200);
    assert!(fixture.webhook.stop(soon()).await);
    assert_eq!(silent.closed().await, b"");
}

#[test]
fn a_pair_that_cannot_be_used_is_refused_in_a_sentence_without_the_key() {
    let directory = tempfile::tempdir().unwrap();
    let files = TlsFiles { certificate: directory.path().join("chain.pem"), key: directory.path().join("key.pem") };
    let (first, second) = (pair(2090), pair(2091));
    let secret = first.1.lines().nth(1).unwrap().to_owned();
    let marked = first.1.replace("-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY");
    let cases = [
        (first.0.clone(), second.1, "cannot be used together"),
        (first.1.clone(), first.1.clone(), "no readable certificate chain"),
        (first.0.clone(), first.0.clone(), "no readable private key"),
        (first.0.clone(), marked, "no readable private key"),
        (String::new(), first.1.clone(), "no readable certificate chain"),
        (first.0.clone(), "x".repeat((1 << 20) + 1), "longer than"),
    ];
    for (certificate, key, sentence) in cases {
        write(&files, &(certificate, key));
        let error = files.check(now()).unwrap_err();
        assert!(error.to_string().contains(sentence), "{error}");
        assert!(!format!("{error} {error:?} {files:?}").contains(&secret));
    }
    write(&files, &first);
    assert_eq!(files.check(now()).unwrap().expires.to_string(), "2090-01-01T00:00:00Z");
}

#[test]
fn only_a_chain_that_a_client_can_verify_is_usable() {
    let directory = tempfile::tempdir().unwrap();
    let files = TlsFiles { certificate: directory.path().join("chain.pem"), key: directory.path().join("key.pem") };
    let (top, other) = (root("root"), root("other"));
    let (between, expired) = (intermediate("between", 2089, &top), intermediate("between", 2020, &top));
    let foreign = intermediate("foreign", 2089, &other);
    let (leaf, key) = issued(&named("leaf", 2088), &between);
    let (old_leaf, old_key) = issued(&named("leaf", 2088), &expired);
    let mut for_clients = named("leaf", 2088);
    for_clients.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let (client, client_key) = issued(&for_clients, &between);
    let check = |certificates: &[&str], key: &str| {
        write(&files, &(certificates.concat(), key.to_owned()));
        files.check(now()).map_err(|error| error.to_string())
    };
    let (between, expired, foreign) = (between.pem(), expired.pem(), foreign.pem());
    let (top, other) = (top.pem(), other.pem());
    for usable in [
        vec![&leaf, &between],
        vec![&leaf, &between, &top],
        vec![&leaf, &top, &between],
        vec![&leaf, &between, &other],
        vec![&leaf, &expired, &between],
    ] {
        let usable: Vec<&str> = usable.into_iter().map(String::as_str).collect();
        assert_eq!(check(&usable, &key).unwrap().expires.to_string(), "2088-01-01T00:00:00Z");
    }
    for (unusable, key, says) in [
        (vec![&leaf, &foreign], &key, "its issuer is not among"),
        (vec![&leaf, &top], &key, "its issuer is not among"),
        (vec![&old_leaf, &expired], &old_key, "not valid at this time"),
        (vec![&old_leaf, &expired, &top], &old_key, "expired"),
        (vec![&client, &between], &client_key, "key usage"),
    ] {
        let unusable: Vec<&str> = unusable.into_iter().map(String::as_str).collect();
        let error = check(&unusable, key).unwrap_err();
        assert!(error.contains("no client can verify") && error.contains(says), "{says}: {error}");
    }
}

#[tokio::test]
async fn a_certificate_without_its_issuer_is_used_with_a_warning_as_a_client_may_have_the_issuer() {
    let top = root("root");
    let (first, second) = (issued(&named("leaf", 2088), &top), issued(&named("leaf", 2089), &top));
    let (fixture, files) = fixture_of(&first, |_| {}).await;
    let mut client = fixture.greet(&top.pem(), &[]).await.unwrap();
    client.send(&post(&fixture.body(1.0), "")).await;
    assert_eq!(client.reply().await.status, 200);
    write(&files, &second);
    let status = fixture.looked(|status| status.expires.to_string().starts_with("2089")).await;
    assert_eq!(status.fault, None);
    fixture.greet(&top.pem(), &[]).await.unwrap();
    assert!(files.check(now()).unwrap().warning.unwrap().contains("without its issuer"));
    write(&files, &(second.0 + &top.pem(), second.1));
    assert_eq!(files.check(now()).unwrap().warning, None);
}

#[tokio::test]
async fn a_chain_that_no_client_can_verify_or_a_pipe_changes_nothing_and_later_ones_are_used() {
    let first = pair(2090);
    let (fixture, files) = fixture_of(&first, |_| {}).await;
    let top = root("root");
    let issuer = intermediate("between", 2089, &top);
    let (leaf, key) = issued(&named("leaf", 2088), &issuer);
    write(&files, &([leaf.clone(), top.pem()].concat(), key.clone()));
    let says = |text: &'static str| {
        move |status: &CertificateStatus| status.fault.as_ref().is_some_and(|fault| fault.contains(text))
    };
    fixture.looked(says("no client can verify")).await;
    fixture.greet(&first.0, &[]).await.unwrap();
    // A pipe without a writer would hold up a plain read.
    std::fs::remove_file(&files.certificate).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &files.certificate, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    fixture.looked(says("not a regular file")).await;
    write(&files, &pair(2020));
    fixture.looked(says("expired at 2020")).await;
    fixture.greet(&first.0, &[]).await.unwrap();
    put(&files.key, &key);
    put(&files.certificate, &[leaf, issuer.pem()].concat());
    let status = fixture.looked(|status| status.fault.is_none()).await;
    assert_eq!(status.expires.to_string(), "2088-01-01T00:00:00Z");
    assert!(fixture.webhook.stop(soon()).await);
}
