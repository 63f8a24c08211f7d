//! The order of the system calls with which a file is replaced, as strace sees them: a power cut
//! then leaves the whole old file or the whole new one, as the simulated disk of the journal
//! shows for the same order.

use super::*;
use std::collections::{BTreeSet, HashSet};
use std::process::Command;

/// Names the directory to the traced run of the same test.
const TRACED: &str = "METERLINE_TRACED_DIRECTORY";
const NAME: &str = "base::file::traced_tests::a_file_is_synced_before_it_gets_its_name_and_its_directory_afterwards";

/// The work of the traced run.
fn replace_files(directory: &Path) {
    for _ in 0..2 {
        replace(&directory.join("one"), b"one", 9, Rights::PRIVATE).unwrap();
        let in_parts = |file: &mut File| file.write_all(b"pa").and_then(|()| file.write_all(b"rts"));
        replace_with(&directory.join("parts"), Rights::PRIVATE, in_parts).unwrap();
        let paths: Vec<_> = (0..40).map(|number| directory.join(format!("many-{number}"))).collect();
        let files: Vec<_> = paths.iter().map(|path| (path.clone(), b"many".as_slice())).collect();
        replace_all(&files, 9, Rights::PRIVATE).unwrap();
    }
}

/// The calls of all threads in the order of their time, without those that failed.
fn calls(traces: &Path) -> Vec<String> {
    let mut calls = BTreeSet::new();
    for entry in fs::read_dir(traces).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        calls.extend(text.lines().filter(|line| !line.contains(" = -1 ")).map(str::to_owned));
    }
    calls.into_iter().collect()
}

/// The path of the descriptor that a call has first, as `write(3</path>, ...)`.
fn path_of<'a>(call: &'a str, names: &[&str]) -> Option<&'a str> {
    let rest = names.iter().find_map(|name| call.split_once(&format!(" {name}(")))?.1;
    rest.split_once('<')?.1.split_once('>').map(|(path, _)| path)
}

#[test]
fn a_file_is_synced_before_it_gets_its_name_and_its_directory_afterwards() {
    if let Some(directory) = std::env::var_os(TRACED) {
        return replace_files(Path::new(&directory));
    }
    let (directory, traces) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let traced = Command::new("strace")
        .args(["-ff", "-y", "-ttt", "-e", "trace=write,pwrite64,fsync,fdatasync,/^rename", "-o"])
        .arg(traces.path().join("calls"))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", NAME])
        .env(TRACED, directory.path())
        .output()
        .expect("strace is missing: install it (Debian and Ubuntu: apt-get install strace)");
    assert!(traced.status.success(), "{traced:?}");
    let directory = directory.path().to_str().unwrap();
    let (mut unsynced, mut unnamed, mut named) = (HashSet::new(), HashSet::new(), 0);
    for call in calls(traces.path()) {
        if let Some(path) = path_of(&call, &["write", "pwrite64"]).filter(|path| path.starts_with(directory)) {
            assert!(path.ends_with(NEW), "a file with its final name is written: {call}");
            unsynced.insert(path.to_owned());
        } else if let Some(path) = path_of(&call, &["fsync", "fdatasync"]) {
            unsynced.remove(path);
            if path == directory {
                unnamed.clear();
            }
        } else if let Some((_, names)) = call.split_once(" rename").filter(|_| call.contains(directory)) {
            let mut names = names.split('"').skip(1).step_by(2);
            let (from, to) = (names.next().unwrap(), names.next().unwrap());
            assert!(!unsynced.contains(from), "it gets its name before it is synced: {call}");
            unnamed.insert(to.to_owned());
            named += 1;
        }
    }
    assert_eq!(named, 2 * 42);
    assert!(unnamed.is_empty(), "the directory is not synced after these got their names: {unnamed:?}");
    assert!(unsynced.is_empty(), "{unsynced:?}");
}
