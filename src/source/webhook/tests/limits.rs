//! Time limits, connections and bytes in flight.

use super::*;

const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_body_that_stalls_is_408() {
    let fixture = fixture_with(|config| config.bounds.stall_timeout = SHORT).await;
    let mut client = fixture.connect().await;
    client.send(&head("POST", PATH, "Content-Length: 100\r\n")).await;
    client.send(b"half").await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.header("connection")), (408, Some("close")));
    assert_eq!(client.closed().await, b"");
    assert_eq!(fixture.records().len(), 0);
}

#[tokio::test]
async fn a_body_that_trickles_is_408_although_it_never_stalls() {
    let fixture = fixture_with(|config| {
        config.bounds.stall_timeout = SHORT * 2;
        config.bounds.body_timeout = SHORT * 4;
    })
    .await;
    let client = fixture.connect().await;
    let (mut reading, mut writing) = client.socket.into_split();
    writing.write_all(&head("POST", PATH, "Content-Length: 100000\r\n")).await.unwrap();
    let trickle = tokio::spawn(async move {
        // Ends when the server closes, or when the test ends.
        while writing.write_all(b"x").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    });
    let mut came = vec![0; 1000];
    let count = tokio::time::timeout(PATIENCE, reading.read(&mut came)).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&came[..count]);
    assert!(text.starts_with("HTTP/1.1 408") && text.contains("took too long"), "{text}");
    trickle.abort();
}

#[tokio::test]
async fn a_stalled_head_and_a_silent_connection_are_closed() {
    let fixture = fixture_with(|config| config.bounds.header_timeout = SHORT).await;
    let silent = fixture.connect().await;
    let mut stalled = fixture.connect().await;
    stalled.send(b"POST /smart-me HTTP/1.1\r\nHost:").await;
    let mut second = fixture.connect().await;
    second.send(&post(&fixture.body(1.0), "")).await;
    assert_eq!(second.reply().await.status, 200);
    second.send(b"POST /smart-me HTTP/1.1\r\nHost:").await;
    assert_eq!(silent.closed().await, b"");
    assert_eq!(stalled.closed().await, b"");
    assert_eq!(second.closed().await, b"");
}

#[tokio::test]
async fn an_idle_connection_outlives_the_header_limit_and_ends_with_the_idle_limit() {
    let fixture = fixture_with(|config| {
        config.bounds.header_timeout = SHORT;
        config.bounds.idle_timeout = SHORT * 10;
    })
    .await;
    let mut client = fixture.connect().await;
    client.send(&post(&fixture.body(1.0), "")).await;
    assert_eq!(client.reply().await.status, 200);
    tokio::time::sleep(SHORT * 4).await;
    client.send(&post(&fixture.body(2.0), "")).await;
    assert_eq!(client.reply().await.status, 200);
    assert_eq!(client.closed().await, b"");
}

#[tokio::test]
async fn beyond_the_connection_bound_the_next_one_waits_and_is_served_later() {
    let fixture = fixture_with(|config| config.bounds.connections_max = 1).await;
    let mut first = fixture.connect().await;
    first.send(&post(&fixture.body(1.0), "")).await;
    assert_eq!(first.reply().await.status, 200);
    let mut second = fixture.connect().await;
    second.send(&post(&fixture.body(2.0), "")).await;
    let early = tokio::time::timeout(SHORT, second.socket.readable()).await;
    assert!(early.is_err(), "it is not served yet");
    drop(first);
    assert_eq!(second.reply().await.status, 200);
}

#[tokio::test]
async fn an_account_that_floods_gets_503_and_another_is_served_meanwhile() {
    let fixture = fixture_with(|config| {
        config.accounts.push(account("other", "/other", PASSWORD));
        config.bounds.body_bytes_max = 1_000;
        config.bounds.account_in_flight_bytes_max = 4_000;
        config.bounds.in_flight_bytes_max = 8_000;
        config.bounds.in_flight_wait = SHORT;
    })
    .await;
    let mut holding = Vec::new();
    for _ in 0..3 {
        let mut client = fixture.connect().await;
        client.send(&head("POST", PATH, "Expect: 100-continue\r\nContent-Length: 1000\r\n")).await;
        assert_eq!(client.reply().await.status, 100, "its room is taken when the body is asked for");
        holding.push(client);
    }
    let reply = fixture.ask(&post(&fixture.body(1.0), "")).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("5")));
    assert!(reply.sentence().contains("in flight"), "{}", reply.sentence());
    let body = fixture.body(2.0);
    let mut other = head("POST", "/other", &format!("Content-Length: {}\r\n", body.len()));
    other.extend_from_slice(&body);
    assert_eq!(fixture.ask(&other).await.status, 200);
    drop(holding);
    // Its bytes are released when the server has seen the disconnects.
    let served = async { while fixture.ask(&post(&fixture.body(3.0), "")).await.status != 200 {} };
    tokio::time::timeout(PATIENCE, served).await.unwrap();
}

/// Sends all requests at once; returns the statuses of their answers.
async fn all_at_once(fixture: &Fixture, requests: Vec<Vec<u8>>) -> Vec<u16> {
    let mut clients = Vec::new();
    for request in requests {
        let mut client = fixture.connect().await;
        clients.push(tokio::spawn(async move {
            client.send(&request).await;
            client.reply().await.status
        }));
    }
    let mut statuses = Vec::new();
    for client in clients {
        statuses.push(client.await.unwrap());
    }
    statuses
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let mut request = head("POST", PATH, "Transfer-Encoding: chunked\r\n");
    for piece in body.chunks(32 << 10) {
        request.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        request.extend_from_slice(piece);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_large_chunked_bodies_at_once_are_all_taken() {
    let fixture = fixture_with(|config| config.bounds.in_flight_wait = PATIENCE).await;
    let request = chunked(&vec![0xff; 975_000]);
    assert_eq!(all_at_once(&fixture, vec![request; 12]).await, [200; 12]);
}

/// Bytes that do not become fewer by compression.
fn noise(length: usize) -> Vec<u8> {
    let states = std::iter::successors(Some(1_u32), |state| Some(state.wrapping_mul(747_796_405) ^ 0x5bd1));
    states.map(|state| state.to_be_bytes()[0]).take(length).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_large_compressed_bodies_at_once_are_all_taken() {
    let fixture = fixture_with(|config| config.bounds.in_flight_wait = PATIENCE).await;
    let request = post(&compressed::gzip(&noise(1_000_000)), "Content-Encoding: gzip\r\n");
    assert_eq!(all_at_once(&fixture, vec![request; 14]).await, [200; 14]);
}

#[tokio::test]
async fn slow_senders_of_large_bodies_hold_up_no_other_post_of_their_account() {
    let fixture = fixture_with(|config| config.bounds.in_flight_wait = SHORT).await;
    let body = compressed::gzip(&noise(400_000));
    let gzip = "Content-Encoding: gzip\r\nExpect: 100-continue\r\n";
    let lengths = [format!("Content-Length: {}\r\n", body.len()), "Transfer-Encoding: chunked\r\n".to_owned()];
    let mut slow = Vec::new();
    for length in lengths.iter().cycle().take(30) {
        let mut client = fixture.connect().await;
        client.send(&head("POST", PATH, &format!("{length}{gzip}"))).await;
        assert_eq!(client.reply().await.status, 100, "{length}");
        let chunk = if length.contains("chunked") { "2000\r\n" } else { "" };
        client.send(&[chunk.as_bytes(), &body[..0x1000]].concat()).await;
        slow.push(client);
    }
    let mut slowest = slow.swap_remove(0);
    for _ in 0..5 {
        let packed = compressed::gzip(&noise(50_000));
        assert_eq!(fixture.ask(&post(&packed, "Content-Encoding: gzip\r\n")).await.status, 200);
        assert_eq!(fixture.ask(&post(&fixture.body(1.0), "")).await.status, 200);
    }
    slowest.send(&body[0x1000..]).await;
    assert_eq!(slowest.reply().await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_that_fill_the_total_together_are_all_served() {
    let fixture = fixture_with(|config| {
        config.accounts.push(account("other", "/other", PASSWORD));
        config.accounts.push(account("third", "/third", PASSWORD));
        config.bounds.body_bytes_max = 512 << 10;
        config.bounds.account_in_flight_bytes_max = 1536 << 10;
        config.bounds.in_flight_bytes_max = 1536 << 10;
        config.bounds.in_flight_wait = PATIENCE;
    })
    .await;
    let packed = compressed::gzip(&noise(500_000));
    let request = |path: &&str| {
        let lines = format!("Content-Length: {}\r\nContent-Encoding: gzip\r\n", packed.len());
        [head("POST", path, &lines), packed.clone()].concat()
    };
    let requests: Vec<_> = [PATH, "/other", "/third"].iter().cycle().take(24).map(request).collect();
    assert_eq!(all_at_once(&fixture, requests).await, [200; 24]);
}

#[tokio::test]
async fn compressed_bodies_do_not_hold_each_other_up() {
    let fixture = fixture_with(|config| {
        config.bounds.body_bytes_max = 64 << 10;
        config.bounds.account_in_flight_bytes_max = 128 << 10;
        config.bounds.in_flight_bytes_max = 128 << 10;
        config.bounds.in_flight_wait = PATIENCE;
    })
    .await;
    let request = post(&compressed::gzip(&noise(30 << 10)), "Content-Encoding: gzip\r\n");
    let (last, most) = request.split_last().unwrap();
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = fixture.connect().await;
        client.send(most).await;
        clients.push(client);
    }
    // Together they would hold nearly all permits, and each would need more.
    tokio::time::sleep(SHORT).await;
    for client in &mut clients {
        client.send(&[*last]).await;
    }
    for mut client in clients {
        assert_eq!(client.reply().await.status, 200);
    }
}
