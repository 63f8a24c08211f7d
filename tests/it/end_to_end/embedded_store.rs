//! The embedded store beside other programs: its files are moved, copied, restored, held by a
//! reader, and its volume runs full. Ingest is never affected.

use crate::support::load::{Load, fleet, now_ns};
use crate::support::service::{Service, Setup, program};
use crate::support::stores::{assert_exactly, of_sqlite};
use crate::support::wait;
use meterline_load::{Body, Connection, Expected, Reading, Script};
use rusqlite::{Connection as Store, OpenFlags};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
/// The database, its log and the log's index.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];
const MIB: u64 = 1 << 20;

fn with(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A reader with an open read transaction.
fn reader(file: &Path) -> Store {
    let reader = Store::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM samples").unwrap();
    reader
}

#[test]
fn files_moved_away_under_load_are_made_again_and_have_everything() {
    let mut service = Setup::default().start_unmigrated();
    let load = Load::start(fleet(31), service.target(), 2, Script::mixed);
    service.wait_for_sink("sqlite");
    let file = service.sqlite_file();
    for suffix in SUFFIXES {
        fs::rename(with(&file, suffix), with(&file, &format!(".aside{suffix}"))).unwrap();
    }
    wait::until("a new store", LIMIT, || file.exists());
    // A reader keeps the log and its index; both are removed.
    service.wait_for_sink("sqlite");
    let reader = reader(&file);
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(with(&file, suffix)).unwrap();
    }
    wait::until("a new log", LIMIT, || with(&file, "-wal").exists());
    service.wait_for_sink("sqlite");
    drop(reader);
    let (_, sent) = load.stop();
    service.wait_for_sink("sqlite");
    assert!(service.stop().success());
    assert_exactly("SQLite", &sent.expected(), &of_sqlite(&file));
}

#[test]
fn a_reader_that_never_ends_is_named_and_bounds_the_log_while_bodies_are_accepted() {
    let service = Setup::default().start_unmigrated();
    let file = service.sqlite_file();
    // Each is older than the one before: once the newest are sealed, a body changes every page of them.
    let bodies: Vec<Body> = (0..24).map(many_meters).collect();
    service.post_all(&bodies[..4]);
    service.wait_for_sink("sqlite");
    let reader = reader(&file);
    let mut posted = 4;
    wait::until("the sink waits", LIMIT, || {
        if posted < bodies.len() {
            service.post_all([&bodies[posted]]);
            posted += 1;
        }
        service.sink("sqlite")["state"] == "waiting"
    });
    let sink = service.sink("sqlite");
    let why = sink["why"].as_str().unwrap();
    assert!(why.contains(&format!("process {}", std::process::id())), "{why}");
    assert!(sink["facts"]["log"].as_str().unwrap().contains("at most 64.0 MiB"), "{sink}");
    assert!(service.metric("meterline_sink_log_bytes{sink=\"sqlite\"}") > (64 * MIB) as f64);
    // One transaction may exceed the bound.
    assert!(fs::metadata(with(&file, "-wal")).unwrap().len() < 192 * MIB);
    service.post_all(&bodies[posted..]);
    assert_eq!(service.page("/readyz").unwrap().0, 200);
    drop(reader);
    service.wait_for_sink("sqlite");
    assert_exactly("SQLite", &Expected::of(&bodies), &of_sqlite(&file));
}

#[test]
fn the_documented_restore_brings_back_everything() {
    let mut service = Setup::default().start_unmigrated();
    let mut fleet = fleet(33);
    let mut bodies = fleet.script(&Script::mixed(200, now_ns()));
    service.post_all(&bodies);
    service.wait_for_sink("sqlite");
    let (file, copy) = (service.sqlite_file(), service.data_directory().join("copy.sqlite"));
    // As `sqlite3 meterline.sqlite "VACUUM INTO 'copy.sqlite'"` beside the running service.
    Store::open(&file).unwrap().execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    let more = fleet.script(&Script::mixed(200, now_ns()));
    service.post_all(&more);
    bodies.extend(more);
    service.wait_for_sink("sqlite");
    let copy = copy.to_str().unwrap();
    let refused = service.command(&["store", "restore", copy]);
    assert!(!refused.status.success(), "beside a running service: {refused:?}");
    service.kill();

    // By hand and halfway, the old log stays: refused, with the files to remove.
    let kept: Vec<_> = SUFFIXES.iter().map(|suffix| (suffix, fs::read(with(&file, suffix)).unwrap())).collect();
    fs::copy(copy, &file).unwrap();
    service.start_again();
    service.wait_for_state("sqlite", "blocked");
    let why = service.sink("sqlite")["why"].as_str().unwrap().to_owned();
    assert!(why.contains("meterline.sqlite-wal") && why.contains("meterline.sqlite-shm"), "{why}");
    assert!(service.stop().success());
    for (suffix, bytes) in kept {
        fs::write(with(&file, suffix), bytes).unwrap();
    }

    let text = service.text_of(&["store", "restore", copy]);
    assert!(text.contains("meterline.sqlite.replaced"), "{text}");
    let text = service.text_of(&["check", "--store"]);
    assert!(text.contains("is intact"), "{text}");
    service.start_again();
    service.wait_for_sink("sqlite");
    assert_exactly("SQLite", &Expected::of(&bodies), &of_sqlite(&file));
}

#[test]
fn a_copy_of_files_that_are_being_written_is_refused_or_complete() {
    let mut service = Setup::default().start_unmigrated();
    let load = Load::start(fleet(34), service.target(), 4, Script::mixed);
    let file = service.sqlite_file();
    let directory = tempfile::tempdir().unwrap();
    let copies: Vec<PathBuf> = (0..3).map(|number| directory.path().join(format!("copy-{number}"))).collect();
    for copy in &copies {
        let start = service.next_sequence();
        wait::until("more records", LIMIT, || service.next_sequence() > start + 30);
        service.wait_for_sink("sqlite");
        fs::copy(&file, copy).unwrap();
        std::thread::yield_now();
        fs::copy(with(&file, "-wal"), with(copy, "-wal")).unwrap();
    }
    let (_, sent) = load.stop();
    service.wait_for_sink("sqlite");
    assert!(service.stop().success());
    for copy in &copies {
        let restored = service.command(&["store", "restore", copy.to_str().unwrap()]);
        if !restored.status.success() {
            let why = String::from_utf8(restored.stderr).unwrap();
            assert!(why.contains("is not a usable copy"), "{why}");
            continue;
        }
        service.start_again();
        service.wait_for_sink("sqlite");
        assert!(service.stop().success());
        assert_exactly("SQLite", &sent.expected(), &of_sqlite(&file));
    }
}

#[test]
fn a_nearly_full_volume_stops_the_embedded_store_alone() {
    if !super::disk_full::may_mount() {
        eprintln!("not tested: no file system can be mounted here (unshare -rm is not permitted)");
        return;
    }
    let service = Setup {
        volume_bytes: Some(256 * MIB),
        tables: "[journal]\ncap = \"128MiB\"\nsegment = \"32MiB\"",
        ..Setup::default()
    }
    .start_unmigrated();
    service.post_all(&[many_meters(0)]);
    service.wait_for_sink("sqlite");
    let filler = service.file_on_volume("filler");
    fs::write(&filler, vec![1; usize::try_from(180 * MIB).unwrap()]).unwrap();
    service.post_all(&[many_meters(1)]);
    service.wait_for_state("sqlite", "blocked");
    let why = service.sink("sqlite")["why"].as_str().unwrap().to_owned();
    assert!(why.contains("the journal has room"), "{why}");
    service.post_all(&[many_meters(2)]);
    assert_eq!(service.page("/readyz").unwrap().0, 200);
    fs::remove_file(filler).unwrap();
    service.wait_for_sink("sqlite");
}

/// One reading each of many meters, so that a transaction changes many pages.
fn many_meters(round: i64) -> Body {
    let time_ns = (now_ns() / 100 - round * 10_000_000) * 100;
    let reading = |number: u16| {
        let mut meter = [9; 16];
        meter[..2].copy_from_slice(&number.to_le_bytes());
        let values = (1..=6).map(|register| ([1, 0, register, 8, 0, 255], f64::from(register))).collect();
        Reading { meter, time_ns, values }
    };
    Body::new(0, (0..4_000).map(reading).collect())
}

#[test]
fn a_data_directory_that_is_moved_away_is_not_written_and_answers_503() {
    let mut service: Service = Setup::default().start_unmigrated();
    let mut fleet = fleet(35);
    service.post_all(&fleet.script(&Script::mixed(20, now_ns())));
    let (place, aside) = (service.data_directory(), service.data_directory().with_extension("aside"));
    fs::rename(&place, &aside).unwrap();
    let connection = Connection::new(&service.target());
    wait::until("bodies are refused", LIMIT, || connection.post(&fleet.live(0, now_ns()).bytes).unwrap().status == 503);
    let (ready, why) = service.page("/readyz").unwrap();
    assert_eq!(ready, 503);
    assert!(why.contains("moved, removed or replaced"), "{why}");
    let health = |data: &Path| program().args(["health", "--data"]).arg(data).output().unwrap();
    let refused = health(&aside);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(String::from_utf8(refused.stderr).unwrap().contains("moved, removed or replaced"));
    assert!(service.metric("meterline_journal_refused_total{reason=\"moved\"}") >= 1.0);
    assert!(!place.exists(), "nothing is written to the old place");
    fs::rename(&aside, &place).unwrap();
    wait::until("bodies are accepted again", LIMIT, || {
        connection.post(&fleet.live(0, now_ns()).bytes).unwrap().status == 200
    });
    assert_eq!(health(&place).stdout, b"it takes data\n");
    assert!(service.stop().success());
    let ended = health(&place);
    assert!(ended.status.code() == Some(1) && ended.stdout.is_empty(), "{ended:?}");
}
