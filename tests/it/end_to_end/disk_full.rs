//! A really small file system, filled by another program.
//!
//! The service gets a mount namespace of its own, which needs the right to make one
//! (root, or user namespaces); without it the test prints that and ends. A volume
//! that turns read-only is tested on the simulated disk layer: the system makes no file
//! system read-only while files on it are being written.

use crate::support::load::now_ns;
use crate::support::service::{Service, Setup};
use crate::support::stores::{assert_exactly, of_sqlite};
use crate::support::wait;
use meterline_load::{Answer, Body, Connection, Expected, Reading};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The embedded store leaves 64 MiB to the journal.
const VOLUME_BYTES: u64 = 160 << 20;
const LIMIT: Duration = Duration::from_secs(60);
/// A length-delimited field that no message has.
const UNKNOWN_FIELD: u8 = 0x7a;
/// Large bodies fill a segment soon.
const FILLING_BYTES: usize = 60_000;

pub(super) fn may_mount() -> bool {
    let made = Command::new("unshare").args(["-rm", "true"]).output();
    made.is_ok_and(|output| output.status.success())
}

fn large(number: u64) -> Body {
    let mut meter = [7; 16];
    meter[..8].copy_from_slice(&number.to_le_bytes());
    let time_ns = now_ns() / 100 * 100;
    let mut body = Body::new(0, vec![Reading { meter, time_ns, values: vec![([1, 0, 1, 8, 0, 255], 1.0)] }]);
    body.bytes.extend_from_slice(&[UNKNOWN_FIELD, 0xe0, 0xd4, 0x03]);
    body.bytes.resize(body.bytes.len() + FILLING_BYTES, 0);
    body
}

/// Writes until there is no room left.
fn fill(file: &Path) {
    let mut file = File::create(file).unwrap();
    for chunk in [1 << 20, 1 << 12] {
        while file.write_all(&vec![1; chunk]).is_ok() {}
    }
}

fn post(service: &Service, number: u64, answered: &mut Vec<Body>) -> Answer {
    let body = large(number);
    let answer = Connection::new(&service.target()).post(&body.bytes).unwrap();
    if answer.status == 200 {
        answered.push(body);
    }
    answer
}

#[test]
fn a_small_volume_that_another_program_fills_is_503_until_there_is_room_and_loses_nothing() {
    if !may_mount() {
        eprintln!("not tested: no file system can be mounted here (unshare -rm is not permitted)");
        return;
    }
    let service = Setup {
        volume_bytes: Some(VOLUME_BYTES),
        tables: "[journal]\ncap = \"128MiB\"\nsegment = \"32MiB\"",
        ..Setup::default()
    }
    .start_unmigrated();
    let mut answered = Vec::new();
    for number in 0..20 {
        assert_eq!(post(&service, number, &mut answered).status, 200);
    }
    let filler = service.file_on_volume("filler");
    fill(&filler);
    let mut number = 20;
    let refused = wait::until_some("the volume is full", LIMIT, || {
        number += 1;
        Some(post(&service, number, &mut answered)).filter(|answer| answer.status != 200)
    });
    assert_eq!(refused.status, 503);
    let (ready, why) = service.page("/readyz").unwrap();
    assert_eq!(ready, 503);
    assert!(why.contains("no room"), "{why}");
    assert!(service.metric("meterline_journal_refused_total{reason=\"disk_full\"}") >= 1.0);
    std::fs::remove_file(filler).unwrap();
    wait::until("it accepts bodies again automatically", LIMIT, || {
        number += 1;
        post(&service, number, &mut answered).status == 200
    });
    wait::until("the store continues automatically", LIMIT, || {
        service.sink("sqlite")["next_sequence"].as_u64() >= Some(service.next_sequence())
    });
    assert_eq!(service.page("/readyz").unwrap().0, 200);
    // The store is idle, so its files can be copied out of the volume.
    let outside = tempfile::tempdir().unwrap();
    for name in ["meterline.sqlite", "meterline.sqlite-wal"] {
        std::fs::copy(service.file_on_volume(name), outside.path().join(name)).unwrap();
    }
    assert_exactly("SQLite", &Expected::of(&answered), &of_sqlite(&outside.path().join("meterline.sqlite")));
}
