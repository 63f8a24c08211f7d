//! The file of a capture, whole and torn.

use super::*;
use bytes::Bytes;
use proptest::prelude::*;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

pub(in super::super) fn post() -> Post {
    Post {
        received_ns: 7,
        method: "POST".to_owned(),
        version: "HTTP/1.1".to_owned(),
        peer: "192.0.2.1".parse().unwrap(),
        client: "192.0.2.1".parse().unwrap(),
        headers: vec![("user-agent".to_owned(), "cloud".to_owned())],
        body: Some(Bytes::from_static(b"\x00\x0a\xff")),
        inflated_bytes: Some(3),
        answer: Some(200),
    }
}

#[test]
fn posts_come_back_as_they_were_written_and_only_the_owner_may_read_them() {
    let directory = tempfile::tempdir().unwrap();
    let (file, posts) = CaptureFile::open(directory.path(), "a/b ü").unwrap();
    assert_eq!(posts, 0);
    let unread = Post { body: None, answer: None, received_ns: 3, ..post() };
    assert!(file.append(&post()).unwrap() && file.append(&unread).unwrap());
    let captured = read(directory.path(), "a/b ü").unwrap();
    assert_eq!(captured, Captured { posts: vec![unread, post()], unreadable_lines: 0 });
    let path = directory.path().join("capture-a%2Fb%20%C3%BC.jsonl");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(path).unwrap().contains("\"body\":\"000aff\""));
    assert_eq!(CaptureFile::open(directory.path(), "a/b ü").unwrap().1, 2);
}

#[test]
fn a_torn_last_line_is_skipped_and_the_next_post_does_not_suffer_from_it() {
    let directory = tempfile::tempdir().unwrap();
    let (file, _) = CaptureFile::open(directory.path(), "a").unwrap();
    file.append(&post()).unwrap();
    let path = directory.path().join(file_name("a"));
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, [&whole[..], &whole[..length]].concat()).unwrap();
        let captured = read(directory.path(), "a").unwrap();
        // A line that lacks nothing but its end is a post for a reader, and is written again.
        assert_eq!(captured.posts.len(), 1 + usize::from(length == whole.len() - 1));
        assert_eq!(captured.unreadable_lines, u64::from((1..whole.len() - 1).contains(&length)));
        let (file, posts) = CaptureFile::open(directory.path(), "a").unwrap();
        assert_eq!(posts, 1);
        file.append(&post()).unwrap();
        let captured = read(directory.path(), "a").unwrap();
        assert_eq!((captured.posts.len(), captured.unreadable_lines), (2, 0), "{length}");
    }
}

#[test]
fn an_empty_file_is_an_empty_capture_and_none_is_said_to_be_none() {
    let directory = tempfile::tempdir().unwrap();
    assert!(matches!(read(directory.path(), "a"), Err(CaptureError::Missing(_))));
    fs::write(directory.path().join(file_name("a")), "").unwrap();
    assert_eq!(read(directory.path(), "a").unwrap(), Captured::default());
    fs::create_dir(directory.path().join(file_name("b"))).unwrap();
    assert!(matches!(read(directory.path(), "b"), Err(CaptureError::Unreadable { .. })));
}

#[test]
fn the_file_does_not_grow_beyond_its_bound() {
    let directory = tempfile::tempdir().unwrap();
    let (mut file, _) = CaptureFile::open(directory.path(), "a").unwrap();
    assert_eq!(file.bytes_max, 64 << 20);
    file.bytes_max = 64 << 10;
    let large = Post { body: Some(Bytes::from(vec![7; 4 << 10])), ..post() };
    let written = (0..20).map(|_| file.append(&large).unwrap()).filter(|is_written| *is_written).count();
    assert_eq!(written, 7, "eight KiB of digits each");
    assert!(fs::metadata(directory.path().join(file_name("a"))).unwrap().len() <= file.bytes_max);
    assert_eq!(read(directory.path(), "a").unwrap().posts.len(), 7);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Captured::parse(&bytes).posts.len() <= bytes.len());
    }

    #[test]
    fn a_changed_byte_costs_at_most_its_line_or_two(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = [post().to_line().unwrap(), post().to_line().unwrap(), post().to_line().unwrap()].concat();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let captured = Captured::parse(&bytes);
        prop_assert!(!captured.posts.is_empty());
        prop_assert_eq!(super::super::Report::of(&captured).posts, captured.posts.len());
    }
}
