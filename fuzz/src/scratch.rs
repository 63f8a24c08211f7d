//! Directories for the files of a run: in memory where the system has such, because a sync there costs nothing.

use std::fs;
use std::path::{Path, PathBuf};

/// An empty directory of this process. It is made again after a run that was killed.
pub fn directory(name: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let directory = base.join(format!("meterline-fuzz-{}-{name}", std::process::id()));
    if directory.exists() {
        fs::remove_dir_all(&directory).expect("the directory can be removed");
    }
    fs::create_dir_all(&directory).expect("the directory for temporary files is writable");
    directory
}
