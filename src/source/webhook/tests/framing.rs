//! Heads and framing that HTTP forbids, and senders that close their side early.

use super::*;

/// A request with these header lines and no further bytes.
async fn status_of(fixture: &Fixture, lines: &str, body: &[u8]) -> u16 {
    let mut client = fixture.connect().await;
    client.send(format!("POST {PATH} HTTP/1.1\r\n{lines}\r\n").as_bytes()).await;
    client.send(body).await;
    let reply = client.reply().await;
    if reply.status == 400 {
        assert_eq!(client.closed().await, b"", "nothing after such a head is read as a request");
    }
    reply.status
}

#[tokio::test]
async fn a_request_without_exactly_one_valid_host_is_400() {
    let fixture = fixture().await;
    let rest = format!("{}Content-Length: 0\r\n", authorization(PASSWORD));
    for host in ["", "Host: a\r\nHost: b\r\n", "Host: a\r\nHost: a\r\n", "Host: a b\r\n", "Host: me@a\r\n"] {
        assert_eq!(status_of(&fixture, &format!("{host}{rest}"), b"").await, 400, "{host:?}");
    }
    for host in ["Host: a\r\n", "Host: [::1]:8080\r\n", "Host:\r\n"] {
        assert_eq!(status_of(&fixture, &format!("{host}{rest}"), b"").await, 200, "{host:?}");
    }
    let old = fixture.ask(format!("POST {PATH} HTTP/1.0\r\n{rest}\r\n").as_bytes()).await;
    assert_eq!(old.status, 200, "HTTP/1.0 knows no Host");
}

#[tokio::test]
async fn two_authorization_headers_are_400_on_every_path() {
    let fixture = fixture().await;
    for path in [PATH, "/unknown"] {
        for pair in [[PASSWORD, "wrong"], ["wrong", PASSWORD], [PASSWORD, PASSWORD]] {
            let lines = pair.map(authorization).concat();
            let request = format!("POST {path} HTTP/1.1\r\nHost: m\r\n{lines}Content-Length: 0\r\n\r\n");
            assert_eq!(fixture.ask(request.as_bytes()).await.status, 400, "{path} {pair:?}");
        }
    }
}

#[tokio::test]
async fn a_transfer_coding_other_than_chunked_is_400() {
    let fixture = fixture().await;
    for coding in ["gzip, chunked", "chunked, chunked", "chunked\r\nTransfer-Encoding: chunked", "gzip"] {
        let lines = format!("Host: m\r\n{}Transfer-Encoding: {coding}\r\n", authorization(PASSWORD));
        assert_eq!(status_of(&fixture, &lines, b"0\r\n\r\n").await, 400, "{coding:?}");
    }
    let lines = format!("Host: m\r\n{}Transfer-Encoding: Chunked\r\n", authorization(PASSWORD));
    assert_eq!(status_of(&fixture, &lines, b"0\r\n\r\n").await, 200);
    assert_eq!(fixture.records().len(), 0);
}

#[tokio::test]
async fn a_post_that_does_not_say_its_length_is_411_and_never_an_empty_body() {
    let fixture = fixture().await;
    let body = fixture.body(1.0);
    for version in ["1.1", "1.0"] {
        let mut client = fixture.connect().await;
        let head = format!("POST {PATH} HTTP/{version}\r\nHost: m\r\n{}\r\n", authorization(PASSWORD));
        client.send(&[head.as_bytes(), &body].concat()).await;
        let reply = client.reply().await;
        assert_eq!(reply.status, 411, "{version}");
        assert!(reply.sentence().contains("Content-Length"), "{}", reply.sentence());
        assert_eq!(client.closed().await, b"", "its bytes are not read as a request");
    }
    let stranger = format!("POST {PATH} HTTP/1.1\r\nHost: m\r\n\r\n");
    assert_eq!(fixture.ask(stranger.as_bytes()).await.status, 401, "as on every path");
    assert_eq!(fixture.records().len(), 0);
}

#[tokio::test]
async fn a_sender_that_closes_its_side_after_the_request_gets_its_answer() {
    let fixture = fixture().await;
    for number in 0..20_u8 {
        let mut client = fixture.connect().await;
        client.send(&post(&fixture.body(f64::from(number)), "")).await;
        client.socket.shutdown().await.unwrap();
        assert_eq!(client.reply().await.status, 200, "{number}");
        assert_eq!(client.closed().await, b"");
    }
    assert_eq!(fixture.records().len(), 20);
}

#[tokio::test]
async fn a_sender_that_closes_its_side_within_the_body_is_answered_400() {
    let fixture = fixture().await;
    let mut client = fixture.connect().await;
    client.send(&head("POST", PATH, "Content-Length: 100\r\n")).await;
    client.send(b"half").await;
    client.socket.shutdown().await.unwrap();
    let reply = client.reply().await;
    assert_eq!(reply.status, 400);
    assert!(reply.sentence().contains("ended early"), "{}", reply.sentence());
    assert_eq!(fixture.records().len(), 0);
}
