//! Damage on the disk: its effects, its message and its repair.

use crate::support::load::{fleet, now_ns};
use crate::support::service::{Service, Setup};
use crate::support::stores::{assert_exactly, of_sqlite};
use meterline_load::{Body, Expected};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

/// The first group of a segment begins there, and each small one takes as much.
const BLOCK: u64 = 4096;

#[test]
fn a_damaged_segment_stops_what_needs_it_until_the_named_command_was_given() {
    let mut service = Setup::default().start();
    let start = jiff::Timestamp::now().to_string();
    let mut fleet = fleet(13);
    let mut bodies: Vec<Body> = (0..20).map(|_| fleet.live(0, now_ns())).collect();
    // The second half is in a segment of the second run.
    service.post_all(&bodies[..10]);
    assert!(service.stop().success());
    service.start_again();
    service.post_all(&bodies[10..]);
    service.wait_drained();
    assert!(service.stop().success());

    // Sealed: ingest continues, only the sink that reaches it is blocked.
    damage(&service, 1, 5);
    service.start_again();
    service.text_of(&["replay", "--sink", "sqlite", "--from", &start]);
    service.wait_for_state("sqlite", "blocked");
    let why = service.sink("sqlite")["why"].as_str().unwrap().to_owned();
    assert!(why.contains("meterline journal repair --segment 1"), "{why}");
    let more: Vec<Body> = (0..20).map(|_| fleet.live(0, now_ns())).collect();
    service.post_all(&more);
    let refused = service.command(&["journal", "repair", "--segment", "1", "--yes"]);
    assert!(!refused.status.success(), "beside a running service: {refused:?}");
    service.kill();

    // The tail: the start is refused, because its records had been answered.
    damage(&service, 3, 3);
    let why = service.refusal_of(&["run"]);
    assert!(why.contains("meterline journal repair --segment 3"), "{why}");
    for segment in ["1", "3"] {
        let looked = service.text_of(&["journal", "repair", "--segment", segment]);
        assert!(looked.contains("1 cannot") && looked.contains("nothing is changed yet"), "{looked}");
        let done = service.text_of(&["journal", "repair", "--segment", segment, "--yes"]);
        assert!(done.contains("damaged-1"), "{done}");
    }
    service.start_again();
    service.wait_drained();
    assert_eq!(service.next_sequence(), 41, "no sequence is left out");
    let gaps = service.status()["journal"]["gaps"].clone();
    let of_sqlite_only: Vec<_> = gaps.as_array().unwrap().iter().filter(|gap| gap["sink"] == "sqlite").collect();
    assert_eq!(of_sqlite_only.len(), 2, "{gaps}");
    // The first lost record had come before the replay, the second never.
    more.into_iter().enumerate().filter(|(index, _)| *index != 2).for_each(|(_, body)| bodies.push(body));
    assert_exactly("SQLite", &Expected::of(&bodies), &of_sqlite(&service.sqlite_file()));
}

/// Changes bytes in the group of a segment with that number, from 1.
fn damage(service: &Service, segment: u64, group: u64) {
    let directory = service.sqlite_file().with_file_name("journal");
    let prefix = format!("{segment:016x}-");
    let is_it = |path: &PathBuf| {
        path.extension().is_some_and(|end| end == "seg")
            && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
    };
    let file = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).find(is_it).unwrap();
    let file = std::fs::File::options().write(true).open(file).unwrap();
    file.write_all_at(&[0xee; 16], group * BLOCK + 200).unwrap();
}
