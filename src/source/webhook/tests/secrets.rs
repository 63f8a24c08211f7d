//! No secret is written anywhere: no path, no password, no token.

use super::*;
use metrics_exporter_prometheus::PrometheusBuilder;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

// One thread runs the test and the webhook, so both see this log and these metrics.
#[tokio::test]
async fn no_path_password_or_token_is_logged_counted_or_debugged() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    // With only one subscriber, tracing caches the answer of the first thread at a log line,
    // which may be another test's.
    let _second = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish());
    let _logging = tracing::subscriber::set_default(subscriber);
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = ::metrics::set_default_local_recorder(&recorder);
    let mut debugged = String::new();
    let fixture = fixture_with(|config| {
        config.bounds.stall_timeout = Duration::from_millis(50);
        debugged = format!("{config:?} {:?}", config.faults());
    })
    .await;
    assert_eq!(fixture.ask(&post(&fixture.body(1.0), "")).await.status, 200);
    assert_eq!(fixture.ask(&post(b"\x0a\xff", "")).await.status, 200);
    assert_eq!(fixture.ask(&post(b"\x0a\xff", "Content-Encoding: gzip\r\n")).await.status, 200);
    assert_eq!(fixture.ask(&post(b"", &authorization(PASSWORD))).await.status, 400);
    assert_eq!(fixture.ask(&head("GET", PATH, "")).await.status, 405);
    assert_eq!(fixture.ask(&head("POST", &format!("{PATH}/below"), "")).await.status, 401);
    assert_eq!(fixture.ask(&head("POST", "/unknown", "")).await.status, 401);
    assert_eq!(fixture.ask(&head("POST", PATH, "Content-Length: 5\r\n")).await.status, 408);
    let mut broken = fixture.connect().await;
    broken.send(format!("POST {PATH} HTTP/9\r\n{}\r\n", authorization(PASSWORD)).as_bytes()).await;
    broken.closed().await;
    debugged += &format!("{:?} {:?} {:?}", fixture.webhook, fixture.ingest, fixture.ingest.recent());
    fixture.webhook.stop(soon()).await;

    let log = String::from_utf8(log.0.lock().clone()).unwrap();
    let metrics = recorder.handle().render();
    assert!(log.contains("is undecodable"), "the log is captured: {log}");
    assert!(metrics.contains(r#"meterline_webhook_requests_total{account="building",answer="200"} 3"#), "{metrics}");
    assert!(metrics.contains(r#"meterline_webhook_requests_total{account="",answer="401"} 2"#), "{metrics}");
    let token = BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"));
    for secret in [PATH, "unguessable", PASSWORD, &token] {
        for (place, text) in [("log", &log), ("metrics", &metrics), ("debug", &debugged)] {
            let found = text.lines().find(|line| line.contains(secret));
            assert_eq!(found, None, "{secret} in the {place}");
        }
    }
}
