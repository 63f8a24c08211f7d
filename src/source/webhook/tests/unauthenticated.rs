//! Clients without valid credentials: they are displaced and delayed, and block no other client.

use super::*;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// A request with a wrong password, and these further lines.
fn guess(lines: &str) -> Vec<u8> {
    let authorization = authorization("wrong");
    format!("POST {PATH} HTTP/1.1\r\nHost: meterline\r\n{authorization}{lines}Content-Length: 0\r\n\r\n").into_bytes()
}

fn late(metrics: &PrometheusHandle) -> u64 {
    let text = metrics.render();
    let value = text.lines().find_map(|line| line.strip_prefix("meterline_webhook_logins_delayed_total "));
    value.map_or(0, |value| value.parse().unwrap())
}

#[tokio::test]
async fn silent_connections_are_displaced_by_the_next_one_the_oldest_first() {
    let fixture = fixture_with(|config| {
        config.bounds.connections_max = 3;
        config.bounds.header_timeout = PATIENCE * 10;
        config.bounds.idle_timeout = PATIENCE * 10;
    })
    .await;
    let mut trusted = fixture.connect().await;
    trusted.send(&post(&fixture.body(1.0), "")).await;
    assert_eq!(trusted.reply().await.status, 200);
    let first = fixture.connect().await;
    let second = fixture.connect().await;
    assert_eq!(fixture.ask(&post(&fixture.body(2.0), "")).await.status, 200);
    assert_eq!(first.closed().await, b"");
    assert_eq!(fixture.ask(&post(&fixture.body(3.0), "")).await.status, 200);
    trusted.send(&post(&fixture.body(4.0), "")).await;
    assert_eq!(trusted.reply().await.status, 200, "an authenticated connection stays");
    drop(second);
}

#[tokio::test]
async fn an_account_beyond_its_share_of_connections_gets_503_and_another_is_served() {
    let fixture = fixture_with(|config| {
        config.accounts.push(account("other", "/other", PASSWORD));
        config.bounds.connections_max = 3;
        config.bounds.account_connections_max = 2;
    })
    .await;
    let mut held = Vec::new();
    for value in [1.0, 2.0] {
        let mut client = fixture.connect().await;
        client.send(&post(&fixture.body(value), "")).await;
        assert_eq!(client.reply().await.status, 200);
        held.push(client);
    }
    let reply = fixture.ask(&post(&fixture.body(3.0), "")).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("5")));
    assert!(reply.sentence().contains("connections"), "{}", reply.sentence());
    let body = fixture.body(4.0);
    let mut other = head("POST", "/other", &format!("Content-Length: {}\r\n", body.len()));
    other.extend_from_slice(&body);
    assert_eq!(fixture.ask(&other).await.status, 200);
    drop(held);
    let served = async { while fixture.ask(&post(&fixture.body(5.0), "")).await.status != 200 {} };
    tokio::time::timeout(PATIENCE, served).await.unwrap();
}

// One thread runs the test and the webhook, so both see these metrics.
#[tokio::test]
async fn a_guesser_waits_and_the_right_password_from_the_same_address_does_not() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = ::metrics::set_default_local_recorder(&recorder);
    let metrics = recorder.handle();
    let fixture = fixture().await;
    for _ in 0..login_budgets::FAILURES_MAX {
        assert_eq!(fixture.ask(&guess("")).await.status, 401);
    }
    let nothing = format!("POST {PATH} HTTP/1.1\r\nHost: meterline\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(fixture.ask(nothing.as_bytes()).await.status, 401, "no credentials are no guess");
    assert_eq!(late(&metrics), 0);
    let mut guesser = fixture.connect().await;
    guesser.send(&guess("")).await;
    let noted = async {
        while late(&metrics) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, noted).await.unwrap();
    assert_eq!(fixture.ask(&post(&fixture.body(1.0), "")).await.status, 200);
    assert!(guesser.socket.try_read(&mut [0; 1]).is_err(), "the guesser still waits");
    assert_eq!(guesser.reply().await.status, 401);
}

// One thread runs the test and the webhook, so both see these metrics.
#[tokio::test]
async fn behind_a_proxy_the_budget_is_the_forwarded_addresss() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = ::metrics::set_default_local_recorder(&recorder);
    let metrics = recorder.handle();
    let fixture = fixture_with(|config| config.behind_proxy = vec!["127.0.0.0/8".parse().unwrap()]).await;
    for address in ["198.51.100.1", "198.51.100.2"] {
        for _ in 0..login_budgets::FAILURES_MAX {
            let lines = format!("X-Forwarded-For: 192.0.2.1, {address}\r\n");
            assert_eq!(fixture.ask(&guess(&lines)).await.status, 401);
        }
    }
    assert_eq!(late(&metrics), 0, "two budgets");
    let direct = fixture_with(|_| {}).await;
    for number in 0..login_budgets::FAILURES_MAX {
        let lines = format!("X-Forwarded-For: 198.51.100.{number}\r\n");
        assert_eq!(direct.ask(&guess(&lines)).await.status, 401);
    }
    let mut guesser = direct.connect().await;
    guesser.send(&guess("X-Forwarded-For: 198.51.100.99\r\n")).await;
    let noted = async {
        while late(&metrics) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, noted).await.unwrap();
}

// One thread runs the test and the webhook, so both see these metrics.
#[tokio::test]
async fn behind_a_proxy_only_its_networks_are_served() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = ::metrics::set_default_local_recorder(&recorder);
    let fixture = fixture_with(|config| config.behind_proxy = vec!["10.0.0.0/8".parse().unwrap()]).await;
    for _ in 0..3 {
        let mut direct = fixture.connect().await;
        direct.send(&post(&fixture.body(1.0), "X-Forwarded-For: 10.0.0.1\r\n")).await;
        assert_eq!(direct.closed().await, b"");
    }
    assert_eq!(fixture.records().len(), 0);
    let text = recorder.handle().render();
    assert!(text.contains("connections_closed_total{reason=\"not_proxy\"} 3"), "{text}");
}
