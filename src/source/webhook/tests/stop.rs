//! The stop: no answered request is lost, no open request is dropped.

use super::*;
use std::collections::HashSet;

#[tokio::test]
async fn a_stop_under_load_loses_nothing_that_was_answered() {
    let fixture = fixture().await;
    let address = fixture.webhook.local_addr();
    let senders: Vec<_> = (0..8_u32)
        .map(|sender| {
            let bodies: Vec<_> =
                (0..20_000_u32).map(|number| fixture.body(f64::from(sender * 20_000 + number))).collect();
            tokio::spawn(post_until_closed(address, bodies))
        })
        .collect();
    let journal = fixture.journal.clone();
    let begun = async {
        while journal.next() < Sequence(200) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, begun).await.unwrap();
    let records = {
        let Fixture { webhook, .. } = fixture;
        assert!(webhook.stop(soon()).await, "all of it was answered in time");
        let mut reader = journal.reader(Sequence::FIRST).unwrap();
        let mut records = HashSet::new();
        while let Some(record) = reader.read().unwrap() {
            records.insert(record.payload.to_vec());
        }
        records
    };
    let mut answered = 0;
    for sender in senders {
        for body in sender.await.unwrap() {
            assert!(records.contains(&body));
            answered += 1;
        }
    }
    assert!(answered >= 150, "{answered}");
    assert!(TcpStream::connect(address).await.is_err(), "the port is closed");
}

/// Posts one after the other; returns those that were answered 200.
async fn post_until_closed(address: SocketAddr, bodies: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let mut answered = Vec::new();
    for body in bodies {
        let mut came = vec![0; 1024];
        if socket.write_all(&post(&body, "")).await.is_err() {
            break;
        }
        match socket.read(&mut came).await {
            Ok(count) if came[..count].starts_with(b"HTTP/1.1 200") => answered.push(body),
            _ => break,
        }
    }
    answered
}

#[tokio::test]
async fn idle_connections_are_closed_and_a_body_on_its_way_is_taken() {
    let fixture = fixture().await;
    let body = fixture.body(1.0);
    let idle = fixture.connect().await;
    let mut kept = fixture.connect().await;
    kept.send(&post(&fixture.body(2.0), "")).await;
    assert_eq!(kept.reply().await.status, 200);
    let mut sending = fixture.connect().await;
    sending.send(&head("POST", PATH, &format!("Expect: 100-continue\r\nContent-Length: {}\r\n", body.len()))).await;
    assert_eq!(sending.reply().await.status, 100);
    let journal = fixture.journal.clone();
    let stop = tokio::spawn(fixture.webhook.stop(soon()));
    assert_eq!(idle.closed().await, b"");
    assert_eq!(kept.closed().await, b"");
    sending.send(&body).await;
    assert_eq!(sending.reply().await.status, 200);
    assert!(stop.await.unwrap());
    assert_eq!(journal.next(), Sequence(3));
}

#[tokio::test]
async fn an_incomplete_request_is_cut_at_the_deadline() {
    let fixture = fixture().await;
    let mut client = fixture.connect().await;
    client.send(&head("POST", PATH, "Expect: 100-continue\r\nContent-Length: 100\r\n")).await;
    assert_eq!(client.reply().await.status, 100);
    assert!(!fixture.webhook.stop(soon() - PATIENCE).await);
    assert_eq!(client.closed().await, b"");
}

/// A webhook whose own time limits would end nothing within a test.
async fn patient() -> Fixture {
    fixture_with(|config| {
        config.bounds.header_timeout = PATIENCE * 10;
        config.bounds.idle_timeout = PATIENCE * 10;
    })
    .await
}

#[tokio::test]
async fn a_stop_waits_for_no_idle_http_2_client() {
    let fixture = patient().await;
    let (mut client, mut connection) = h2::client::handshake(fixture.connect().await.socket).await.unwrap();
    let request = hyper::Request::post(format!("http://m{PATH}")).header("authorization", basic(PASSWORD));
    let (answer, mut body) = client.send_request(request.body(()).unwrap(), false).unwrap();
    body.send_data(fixture.body(1.0).into(), true).unwrap();
    // The client's side stands still from its answer on: it acknowledges no GOAWAY.
    tokio::select! {
        answer = answer => assert_eq!(answer.unwrap().status(), 200),
        ended = &mut connection => panic!("{ended:?}"),
    }
    assert!(fixture.webhook.stop(soon()).await);
}

#[tokio::test]
async fn a_stop_waits_for_no_incomplete_head() {
    let fixture = patient().await;
    let mut stranger = fixture.connect().await;
    stranger.send(b"POST /smart-me HTTP/1.1\r\nHost:").await;
    let mut sender = fixture.connect().await;
    sender.send(&post(&fixture.body(1.0), "")).await;
    assert_eq!(sender.reply().await.status, 200);
    sender.send(b"POST /smart-me HTTP/1.1\r\nHost:").await;
    let mut preface = fixture.connect().await;
    preface.send(b"PRI * HTTP/2").await;
    assert!(fixture.webhook.stop(soon()).await);
    assert_eq!(stranger.closed().await, b"");
    assert_eq!(sender.closed().await, b"");
}

#[tokio::test]
async fn a_stop_waits_for_no_delayed_guesser() {
    let fixture = patient().await;
    let guess = format!("POST {PATH} HTTP/1.1\r\nHost: m\r\n{}Content-Length: 0\r\n\r\n", authorization("wrong"));
    for _ in 0..login_budgets::FAILURES_MAX {
        assert_eq!(fixture.ask(guess.as_bytes()).await.status, 401);
    }
    let mut guesser = fixture.connect().await;
    guesser.send(guess.as_bytes()).await;
    assert!(fixture.webhook.stop(soon()).await, "nothing of an account was cut off");
    assert_eq!(guesser.closed().await, b"");
}
