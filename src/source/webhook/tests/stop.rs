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
        assert!(webhook.stop(PATIENCE).await, "all of it was answered in time");
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
    let stop = tokio::spawn(fixture.webhook.stop(PATIENCE));
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
    assert!(!fixture.webhook.stop(Duration::from_millis(100)).await);
    assert_eq!(client.closed().await, b"");
}
