//! Captures at the socket: bounded, without secrets, over restarts, never in the way.

use super::compressed::gzip;
use super::*;
use crate::source::webhook::capture::{Captured, file_name, read};
use std::fs;
use std::path::Path;

/// A webhook that captures so many posts in that directory.
async fn capturing(directory: &Path, posts: usize) -> Site {
    site_with(|config| {
        config.captures = Some(directory.to_owned());
        config.accounts[0].capture = posts;
    })
    .await
}

/// What was captured when the webhook had stopped.
async fn captured(site: Site, directory: &Path) -> Captured {
    assert!(site.webhook.stop(PATIENCE).await);
    read(directory, "building").unwrap()
}

#[tokio::test]
async fn the_first_posts_are_kept_as_they_came_and_no_more_of_them() {
    let directory = tempfile::tempdir().unwrap();
    let site = capturing(directory.path(), 3).await;
    assert_eq!(site.ask(&head("POST", "/unknown", "")).await.status, 401);
    for number in 0..5 {
        assert_eq!(site.ask(&post(&site.body(f64::from(number)), "User-Agent: cloud/1\r\n")).await.status, 200);
    }
    let bodies: Vec<_> = site.records().into_iter().map(|(_, body)| body).collect();
    let captured = captured(site, directory.path()).await;
    assert_eq!((captured.posts.len(), bodies.len()), (3, 5));
    for (post, body) in captured.posts.iter().zip(bodies) {
        assert_eq!((post.method.as_str(), post.version.as_str(), post.answer), ("POST", "HTTP/1.1", Some(200)));
        assert_eq!((post.body.as_deref(), post.inflated_bytes), (Some(&body[..]), Some(body.len() as u64)));
        assert_eq!((post.peer.to_string(), post.client), ("127.0.0.1".to_owned(), post.peer));
        assert!(post.headers.contains(&("user-agent".to_owned(), "cloud/1".to_owned())), "{:?}", post.headers);
        assert!(post.headers.contains(&("authorization".to_owned(), "(hidden)".to_owned())), "{:?}", post.headers);
    }
}

#[tokio::test]
async fn neither_path_nor_password_nor_token_is_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let site = capturing(directory.path(), 10).await;
    let token = BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"));
    let lines = format!(
        "Cookie: s={PASSWORD}\r\nX-Copy: {token}\r\nX-From: https://m.example{PATH}?a\r\nX-Key: {PASSWORD}\r\n"
    );
    assert_eq!(site.ask(&post(&site.body(1.0), &lines)).await.status, 200);
    assert_eq!(site.ask(&head("GET", PATH, &lines)).await.status, 405);
    assert!(site.webhook.stop(PATIENCE).await);
    let text = fs::read_to_string(directory.path().join(file_name("building"))).unwrap();
    assert_eq!(text.lines().count(), 2);
    for secret in [PATH, "nobody-guesses", PASSWORD, &token] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_restart_goes_on_counting_and_more_or_a_deleted_file_begins_again() {
    let directory = tempfile::tempdir().unwrap();
    for (posts_max, posts, expected) in [(3, 2, 2), (3, 2, 3), (3, 1, 3), (4, 2, 4)] {
        let site = capturing(directory.path(), posts_max).await;
        for _ in 0..posts {
            assert_eq!(site.ask(&post(&site.body(1.0), "")).await.status, 200);
        }
        assert_eq!(captured(site, directory.path()).await.posts.len(), expected);
    }
    fs::remove_file(directory.path().join(file_name("building"))).unwrap();
    let site = capturing(directory.path(), 4).await;
    assert_eq!(site.ask(&post(&site.body(1.0), "")).await.status, 200);
    assert_eq!(captured(site, directory.path()).await.posts.len(), 1);
}

#[tokio::test]
async fn a_compressed_body_is_kept_compressed_beside_its_length() {
    let directory = tempfile::tempdir().unwrap();
    let site = capturing(directory.path(), 5).await;
    let body = site.body(1.0);
    let packed = gzip(&body);
    assert_eq!(site.ask(&post(&packed, "Content-Encoding: gzip\r\n")).await.status, 200);
    assert_eq!(site.ask(&post(b"\x0a\xff", "Content-Encoding: gzip\r\n")).await.status, 400);
    let captured = captured(site, directory.path()).await;
    let [whole, broken] = &captured.posts[..] else { panic!("{captured:?}") };
    assert_eq!((whole.body.as_deref(), whole.inflated_bytes), (Some(&packed[..]), Some(body.len() as u64)));
    assert_eq!(
        (broken.body.as_deref(), broken.inflated_bytes, broken.answer),
        (Some(&b"\x0a\xff"[..]), None, Some(400))
    );
}

#[tokio::test]
async fn a_post_that_the_stop_cuts_off_is_kept_without_an_answer() {
    let directory = tempfile::tempdir().unwrap();
    let site = capturing(directory.path(), 5).await;
    let mut client = site.connect().await;
    client.send(&head("POST", PATH, "Content-Length: 50\r\nExpect: 100-continue\r\n")).await;
    // Its head is taken: the webhook asks for the body.
    let mut came = [0; 12];
    client.socket.read_exact(&mut came).await.unwrap();
    assert!(!site.webhook.stop(Duration::from_millis(100)).await);
    let is_written = async {
        while read(directory.path(), "building").map_or(true, |captured| captured.posts.is_empty()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, is_written).await.unwrap();
    let posts = read(directory.path(), "building").unwrap().posts;
    assert_eq!((posts.len(), &posts[0].body, posts[0].answer), (1, &None, None));
}

#[tokio::test]
async fn a_capture_that_cannot_be_written_refuses_no_post() {
    let directory = tempfile::tempdir().unwrap();
    // The first is found out at the start, the second at the first post.
    fs::create_dir(directory.path().join(file_name("building"))).unwrap();
    let gone = directory.path().join("gone");
    for place in [directory.path(), gone.as_path()] {
        let site = capturing(place, 5).await;
        for _ in 0..3 {
            assert_eq!(site.ask(&post(&site.body(1.0), "")).await.status, 200);
        }
        assert_eq!(site.records().len(), 3);
        assert!(site.webhook.stop(PATIENCE).await);
        assert!(read(place, "building").is_err());
    }
}
