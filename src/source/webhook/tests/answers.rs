//! Every answer, and the information that it reveals.

use super::*;
use crate::journal::Verdict;
use crate::reading::{Flags, MeterId, Obis, Sample};
use crate::wire::batch;

#[tokio::test]
async fn a_posted_body_is_on_disk_when_the_empty_200_comes() {
    let fixture = fixture().await;
    let body = fixture.body(1.0);
    let reply = fixture.ask(&post(&body, "Content-Type: anything/at-all\r\n")).await;
    assert_eq!((reply.status, reply.body.len()), (200, 0));
    let records = fixture.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].1, body);
    assert_eq!(records[0].0.verdict, Verdict::Deliverable);
}

#[tokio::test]
async fn an_accounts_bodies_are_read_and_journaled_in_its_format() {
    let fixture = fixture_with(|config| {
        config.accounts.push(Account { format: PayloadFormat::ReadingBatch, ..account("ours", "/ours", PASSWORD) });
    })
    .await;
    let smart_me = fixture.body(1.0);
    let sample = Sample { obis: Obis([1, 0, 1, 8, 0, 255]), value: 2.0 };
    let reading = (MeterId::from_bcl_guid(1, 2), fixture.clock.now(), Flags::NONE, [sample]);
    let batch = batch::encode([reading], &batch::Original::default());
    for (path, body) in [(PATH, &smart_me), ("/ours", &batch)] {
        let mut request = head("POST", path, &format!("Content-Length: {}\r\n", body.len()));
        request.extend_from_slice(body);
        assert_eq!(fixture.ask(&request).await.status, 200, "{path}");
    }
    let kept: Vec<_> = fixture.records().into_iter().map(|(head, body)| (head.format, head.verdict, body)).collect();
    assert_eq!(
        kept,
        [
            (PayloadFormat::SmartMe.number(), Verdict::Deliverable, smart_me),
            (PayloadFormat::ReadingBatch.number(), Verdict::Deliverable, batch),
        ]
    );
}

#[tokio::test]
async fn an_unreadable_body_is_answered_200_and_journaled_as_such() {
    let fixture = fixture().await;
    assert_eq!(fixture.ask(&post(b"\x0a\xffno protobuf", "")).await.status, 200);
    assert_eq!(fixture.records()[0].0.verdict, Verdict::Undecodable);
    assert_eq!(fixture.records()[0].1, b"\x0a\xffno protobuf");
}

#[tokio::test]
async fn an_unreadable_body_is_refused_with_its_place_where_the_account_wants_that() {
    let fixture =
        fixture_with(|config| config.accounts[0].source.on_undecodable = crate::ingest::OnUndecodable::Refuse).await;
    let reply = fixture.ask(&post(b"\x0a\xff", "")).await;
    assert_eq!(reply.status, 400);
    assert!(reply.sentence().contains("byte"), "{}", reply.sentence());
    assert_eq!(fixture.records().len(), 0);
}

#[tokio::test]
async fn a_body_without_devices_is_answered_200_and_not_journaled() {
    let fixture = fixture().await;
    assert_eq!(fixture.ask(&post(b"", "")).await.status, 200);
    assert_eq!(fixture.ask(&head("POST", PATH, "Transfer-Encoding: chunked\r\n\r\n0\r\n")).await.status, 200);
    assert_eq!(fixture.records().len(), 0);
}

#[tokio::test]
async fn unknown_path_wrong_password_and_no_credentials_get_the_same_bytes() {
    let fixture = fixture().await;
    let ask = async |path: &str, authorization: &str| {
        let request = format!("POST {path} HTTP/1.1\r\nHost: m\r\n{authorization}Content-Length: 3\r\n\r\nabc");
        let mut client = fixture.connect().await;
        client.send(request.as_bytes()).await;
        let reply = client.reply().await;
        let head: Vec<String> =
            reply.head.lines().filter(|line| !line.starts_with("date:")).map(str::to_owned).collect();
        assert_eq!(client.closed().await, b"", "an unauthenticated connection is closed");
        (reply.status, head, reply.body)
    };
    let wrong = ask(PATH, &authorization("wrong")).await;
    assert_eq!(wrong.0, 401);
    assert!(wrong.1.contains(&"www-authenticate: Basic realm=\"meterline\"".to_owned()), "{:?}", wrong.1);
    assert_eq!(ask("/unknown", &authorization("wrong")).await, wrong);
    assert_eq!(ask("/unknown", &authorization(PASSWORD)).await, wrong, "also with credentials of another path");
    assert_eq!(ask(PATH, "").await, wrong);
    assert_eq!(ask("/", "").await, wrong);
    assert_eq!(ask(PATH, "Authorization: Bearer abc\r\n").await, wrong);
    for path in [format!("{PATH}x"), format!("{PATH}/below")] {
        assert_eq!(ask(&path, &authorization(PASSWORD)).await, wrong, "{path}");
    }
    assert_eq!(fixture.records().len(), 0);
}

#[tokio::test]
async fn the_challenge_comes_while_the_sender_holds_back_its_body_and_nothing_asks_for_it() {
    let fixture = fixture().await;
    let mut client = fixture.connect().await;
    let request = format!(
        "POST {PATH} HTTP/1.1\r\nHost: m\r\n{}Expect: 100-continue\r\nContent-Encoding: gzip\r\nContent-Length: 1048576\r\n\r\n",
        authorization("wrong")
    );
    client.send(request.as_bytes()).await;
    let reply = client.reply().await;
    assert_eq!(reply.status, 401, "and no 100 before it");
    assert_eq!(reply.header("connection"), Some("close"));
}

#[tokio::test]
async fn a_sender_that_goes_on_sending_after_the_challenge_is_not_reset() {
    let fixture = fixture().await;
    let mut client = fixture.connect().await;
    let request =
        format!("POST {PATH} HTTP/1.1\r\nHost: m\r\n{}Content-Length: 600000\r\n\r\n", authorization("wrong"));
    client.send(request.as_bytes()).await;
    assert_eq!(client.reply().await.status, 401);
    // A reset would fail one of these, and might hide the answer from a slow reader.
    for _ in 0..8 {
        client.send(&[0; 50_000]).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_sender_with_valid_credentials_is_asked_for_its_body() {
    let fixture = fixture().await;
    let body = fixture.body(1.0);
    let mut client = fixture.connect().await;
    client.send(&head("POST", PATH, &format!("Expect: 100-continue\r\nContent-Length: {}\r\n", body.len()))).await;
    assert_eq!(client.reply().await.status, 100);
    client.send(&body).await;
    assert_eq!(client.reply().await.status, 200);
}

#[tokio::test]
async fn another_method_on_the_path_is_405_with_what_is_allowed() {
    let fixture = fixture().await;
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let reply = fixture.ask(&head(method, PATH, "")).await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")), "{method}");
    }
    let stranger = fixture.ask(format!("GET {PATH} HTTP/1.1\r\nHost: m\r\n\r\n").as_bytes()).await;
    assert_eq!(stranger.status, 401, "the methods of a path are not revealed without credentials");
}

#[tokio::test]
async fn a_query_does_not_change_the_path() {
    let fixture = fixture().await;
    let body = fixture.body(1.0);
    let mut request = head("POST", &format!("{PATH}?from=cloud"), &format!("Content-Length: {}\r\n", body.len()));
    request.extend_from_slice(&body);
    assert_eq!(fixture.ask(&request).await.status, 200);
}

#[tokio::test]
async fn both_pairs_of_a_rotation_are_taken() {
    let fixture = fixture_with(|config| config.accounts[0].credentials.push(Credentials::new(USER, "next"))).await;
    for password in [PASSWORD, "next"] {
        let request =
            format!("POST {PATH} HTTP/1.1\r\nHost: m\r\n{}Content-Length: 0\r\n\r\n", authorization(password));
        assert_eq!(fixture.ask(request.as_bytes()).await.status, 200);
    }
}

#[tokio::test]
async fn an_open_account_needs_no_credentials_and_unknown_paths_are_404() {
    let fixture = fixture_with(|config| config.accounts[0].credentials.clear()).await;
    let ask = async |path: &str| {
        fixture.ask(format!("POST {path} HTTP/1.1\r\nHost: m\r\nContent-Length: 0\r\n\r\n").as_bytes()).await.status
    };
    assert_eq!(ask(PATH).await, 200);
    assert_eq!(ask("/").await, 404);
}

#[tokio::test]
async fn an_account_open_to_the_network_is_refused_at_start() {
    let faults = Config {
        listen: SocketAddr::from(([0, 0, 0, 0], 0)),
        tls: None,
        behind_proxy: Vec::new(),
        accounts: vec![
            Account { credentials: Vec::new(), ..account("a", "/a", "") },
            account("a", "/a", ""),
            account("b", "b", ""),
        ],
        heads: None,
        bounds: Bounds { body_bytes_max: 1 << 30, ..Bounds::default() },
    }
    .faults();
    let text: Vec<String> = faults.iter().map(ToString::to_string).collect();
    for part in ["no credentials", "two webhook accounts", "same path", "begin with '/'", "twice the largest body"] {
        assert!(text.iter().any(|fault| fault.contains(part)), "{part} in {text:?}");
    }
    assert_eq!(faults.len(), 5);
}
