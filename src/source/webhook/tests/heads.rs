//! The log of heads: at a bounded rate, without secrets, and never blocking a request.

use super::*;
use metrics_exporter_prometheus::PrometheusBuilder;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

async fn noting(directory: &Path) -> Fixture {
    fixture_with(|config| config.heads = Some(directory.join(HEADS_FILE))).await
}

/// The recorded heads after the webhook's stop.
async fn noted(fixture: Fixture, directory: &Path) -> Vec<Head> {
    assert!(fixture.webhook.stop(soon()).await);
    read_heads(&directory.join(HEADS_FILE)).unwrap()
}

#[tokio::test]
async fn one_head_in_ten_seconds_is_noted_with_its_answer_for_the_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let fixture = noting(directory.path()).await;
    assert_eq!(fixture.ask(&head("POST", "/unknown", "")).await.status, 401);
    let body = fixture.body(1.0);
    for _ in 0..3 {
        assert_eq!(fixture.ask(&post(&body, "User-Agent: cloud/1\r\n")).await.status, 200);
    }
    fixture.clock.set_offset(10_000_000_000);
    assert_eq!(fixture.ask(&head("GET", PATH, "Content-Length: 9\r\n")).await.status, 405);
    let heads = noted(fixture, directory.path()).await;
    let said: Vec<_> =
        heads.iter().map(|it| (it.method.as_str(), it.version.as_str(), it.body_bytes, it.answer)).collect();
    assert_eq!(said, [("POST", "HTTP/1.1", Some(body.len()), 200), ("GET", "HTTP/1.1", None, 405)]);
    assert_eq!(heads[0].account, "building");
    for (name, value) in [("user-agent", "cloud/1"), ("authorization", "(hidden)")] {
        assert!(heads[0].headers.contains(&(name.to_owned(), value.to_owned())), "{:?}", heads[0].headers);
    }
    let mode = std::fs::metadata(directory.path().join(HEADS_FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn neither_path_nor_password_nor_token_is_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let fixture = noting(directory.path()).await;
    let token = BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"));
    let lines = format!(
        "Cookie: s={PASSWORD}\r\nX-Copy: {token}\r\nX-From: https://m.example{PATH}?a\r\nX-Key: {PASSWORD}\r\n"
    );
    assert_eq!(fixture.ask(&post(&fixture.body(1.0), &lines)).await.status, 200);
    assert_eq!(noted(fixture, directory.path()).await.len(), 1);
    let text = std::fs::read_to_string(directory.path().join(HEADS_FILE)).unwrap();
    for secret in [PATH, "unguessable", PASSWORD, &token] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

// One thread runs the test and the webhook, so both see these metrics.
#[tokio::test]
async fn heads_that_cannot_be_written_are_counted_and_refuse_no_post() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = ::metrics::set_default_local_recorder(&recorder);
    let directory = tempfile::tempdir().unwrap();
    let fixture = noting(&directory.path().join("gone")).await;
    for number in 0..3 {
        fixture.clock.set_offset(number * 10_000_000_000);
        assert_eq!(fixture.ask(&post(&fixture.body(1.0), "")).await.status, 200);
    }
    assert_eq!(fixture.records().len(), 3);
    assert!(fixture.webhook.stop(soon()).await);
    let metrics = recorder.handle().render();
    assert!(metrics.contains("meterline_webhook_heads_dropped_total 3"), "{metrics}");
}
