//! Forms of bodies: in pieces, in chunks, compressed, several on a connection.

use super::compressed::{bare, gzip, zlib};
use super::*;
use crate::ingest::OnUndecodable;
use crate::journal::Verdict;

#[tokio::test]
async fn compressed_bodies_are_journaled_inflated() {
    let fixture = fixture().await;
    let body = fixture.body(1.0);
    for (name, packed) in [
        ("gzip", gzip(&body)),
        ("X-GZIP", gzip(&body)),
        ("deflate", zlib(&body)),
        ("deflate", bare(&body)),
        ("identity", body.clone()),
    ] {
        assert_eq!(fixture.ask(&post(&packed, &format!("Content-Encoding: {name}\r\n"))).await.status, 200, "{name}");
    }
    let records = fixture.records();
    assert_eq!(records.len(), 5);
    assert!(records.iter().all(|(_, payload)| *payload == body));
}

/// Bodies that cannot be inflated, their headers and the reason.
fn packed_bodies(body: &[u8]) -> [(&'static str, Vec<u8>, &'static str); 8] {
    let packed = gzip(body);
    [
        ("Content-Encoding: gzip\r\n", packed[..packed.len() - 5].to_vec(), "damaged or incomplete"),
        ("Content-Encoding: deflate\r\n", b"\x78\x9c\xff\xff\xff".to_vec(), "damaged or incomplete"),
        ("Content-Encoding: gzip\r\n", body.to_vec(), "damaged or incomplete"),
        ("Content-Encoding: gzip\r\n", [&packed[..], &[0; 9]].concat(), "damaged or incomplete"),
        ("Content-Encoding: br\r\n", b"\x0b\x02\x80abcde\x03".to_vec(), "identity, gzip or deflate"),
        ("Content-Encoding: zstd\r\n", b"\x28\xb5\x2f\xfd\x04\x00".to_vec(), "identity, gzip or deflate"),
        ("Content-Encoding: gzip, deflate\r\n", zlib(&packed), "once only"),
        ("Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n", gzip(&packed), "once only"),
    ]
}

#[tokio::test]
async fn a_body_that_cannot_be_inflated_is_answered_200_and_journaled_as_received() {
    let fixture = fixture().await;
    let bodies = packed_bodies(&fixture.body(1.0));
    for (lines, bytes, _) in &bodies {
        assert_eq!(fixture.ask(&post(bytes, lines)).await.status, 200, "{lines}");
    }
    let kept = fixture.records();
    assert!(kept.iter().all(|(header, _)| header.verdict == Verdict::Undecodable));
    assert!(kept.iter().map(|(_, bytes)| bytes).eq(bodies.iter().map(|(_, bytes, _)| bytes)));
}

#[tokio::test]
async fn a_body_that_cannot_be_inflated_is_400_with_the_reason_where_the_account_wants_that_or_its_quota_is_spent() {
    let refuse = fixture_with(|config| config.accounts[0].source.on_undecodable = OnUndecodable::Refuse).await;
    let spent = fixture_with(|config| config.accounts[0].source.undecodable_bytes_max = 0).await;
    for fixture in [refuse, spent] {
        for (lines, bytes, says) in packed_bodies(&fixture.body(1.0)) {
            let reply = fixture.ask(&post(&bytes, lines)).await;
            assert_eq!(reply.status, 400, "{lines}");
            assert!(reply.sentence().contains(says), "{lines}: {}", reply.sentence());
        }
        assert_eq!(fixture.records().len(), 0);
    }
}

#[tokio::test]
async fn a_body_of_unknown_fields_alone_is_kept_as_undecodable() {
    let fixture = fixture().await;
    let renumbered = [&b"\x12"[..], &fixture.body(1.0)[1..]].concat();
    assert_eq!(fixture.ask(&post(&renumbered, "")).await.status, 200);
    let records = fixture.records();
    assert_eq!((records[0].0.verdict, &records[0].1), (Verdict::Undecodable, &renumbered));
}

#[tokio::test]
async fn a_compressed_body_that_grows_beyond_the_limit_is_413_and_gives_its_room_back() {
    let fixture = fixture_with(small_bodies).await;
    let bomb = gzip(&vec![0; 50 << 20]);
    assert!(bomb.len() < 64 << 10);
    for _ in 0..5 {
        assert_eq!(fixture.ask(&post(&bomb, "Content-Encoding: gzip\r\n")).await.status, 413);
    }
    let bomb = zlib(&vec![0; 50 << 20]);
    assert_eq!(fixture.ask(&post(&bomb, "Content-Encoding: deflate\r\n")).await.status, 413);
    assert_eq!(fixture.ask(&post(&gzip(&fixture.body(1.0)), "Content-Encoding: gzip\r\n")).await.status, 200);
    assert_eq!(fixture.records().len(), 1);
}

fn small_bodies(config: &mut Config) {
    config.bounds.body_bytes_max = 64 << 10;
    config.bounds.account_in_flight_bytes_max = 128 << 10;
    config.bounds.in_flight_bytes_max = 128 << 10;
}

#[tokio::test]
async fn a_declared_length_beyond_the_limit_is_413_before_the_body_is_sent() {
    let fixture = fixture_with(small_bodies).await;
    let lines = format!("Expect: 100-continue\r\nContent-Length: {}\r\n", (64 << 10) + 1);
    let reply = fixture.ask(&head("POST", PATH, &lines)).await;
    assert_eq!(reply.status, 413);
    assert!(reply.sentence().contains("65536 bytes"), "{}", reply.sentence());
}

#[tokio::test]
async fn a_chunked_body_beyond_the_limit_is_413() {
    let fixture = fixture_with(small_bodies).await;
    let mut client = fixture.connect().await;
    client.send(&head("POST", PATH, "Transfer-Encoding: chunked\r\n")).await;
    for _ in 0..9 {
        client.send(b"2000\r\n").await;
        client.send(&[0; 0x2000]).await;
        client.send(b"\r\n").await;
    }
    assert_eq!(client.reply().await.status, 413);
    assert_eq!(fixture.records().len(), 0);
}

#[tokio::test]
async fn a_chunked_body_is_joined() {
    let fixture = fixture().await;
    let body = fixture.body(1.0);
    let mut request = head("POST", PATH, "Transfer-Encoding: chunked\r\n");
    for piece in body.chunks(7) {
        request.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        request.extend_from_slice(piece);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    let mut client = fixture.connect().await;
    client.send(&request).await;
    assert_eq!(client.reply().await.status, 200);
    client.send(&post(&body, "")).await;
    assert_eq!(client.reply().await.status, 200, "the connection goes on after a chunked body");
    assert_eq!(fixture.records().iter().filter(|(_, payload)| *payload == body).count(), 2);
}

#[tokio::test]
async fn a_large_body_in_many_pieces_arrives_whole() {
    let fixture = fixture().await;
    let body: Vec<u8> = (0..250_000_u32).flat_map(u32::to_le_bytes).collect();
    let mut client = fixture.connect().await;
    client.send(&post(&body, "")).await;
    assert_eq!(client.reply().await.status, 200);
    assert!(fixture.records()[0].1 == body);
}

#[tokio::test]
async fn several_requests_follow_each_other_on_a_connection_and_in_a_pipeline() {
    let fixture = fixture().await;
    let mut client = fixture.connect().await;
    for _ in 0..3 {
        client.send(&post(&fixture.body(1.0), "")).await;
        assert_eq!(client.reply().await.status, 200);
    }
    let pipeline = [post(&fixture.body(2.0), ""), post(&fixture.body(3.0), ""), post(&fixture.body(4.0), "")].concat();
    client.send(&pipeline).await;
    for _ in 0..3 {
        assert_eq!(client.reply().await.status, 200);
    }
    assert_eq!(fixture.records().len(), 6);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_journaled() {
    let fixture = fixture().await;
    let mut client = fixture.connect().await;
    client.send(&head("POST", PATH, "Content-Length: 100\r\n")).await;
    client.send(b"half").await;
    drop(client);
    assert_eq!(fixture.ask(&post(&fixture.body(1.0), "")).await.status, 200);
    assert_eq!(fixture.records().len(), 1);
}
