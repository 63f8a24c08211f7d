//! The file of an account's capture: one line of JSON a post, for its owner alone.
//!
//! It is only ever appended to. A line that a kill or a full disk tore is cut off
//! before the next one is written; a reader counts and skips what is no post.

use super::post::Post;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Posts that may be captured of an account.
pub const POSTS_MAX: usize = 10_000;
/// Bytes of the file, about: a line that would not fit is not written.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// What was captured of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    /// The posts, in the order they were received.
    pub posts: Vec<Post>,
    /// Lines that are none: torn by a kill, or changed since.
    pub unreadable_lines: u64,
}

/// Why a capture cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// There is none.
    #[error(
        "there is no {}: nothing of that account was captured; set capture = 100 in its [[webhook.account]] and start the service",
        .0.display()
    )]
    Missing(PathBuf),
    /// There is one that cannot be read.
    #[error("{} cannot be read: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The file's name in the data directory. What is not fit for one is written as `%XX`.
#[must_use]
pub fn file_name(account: &str) -> String {
    let mut name = "capture-".to_owned();
    for byte in account.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            name.push(char::from(byte));
        } else {
            // Into a text nothing can fail.
            write!(name, "%{byte:02X}").ok();
        }
    }
    name + ".jsonl"
}

/// What was captured of an account.
///
/// # Errors
/// When there is nothing, or it cannot be read.
pub fn read(directory: &Path, account: &str) -> Result<Captured, CaptureError> {
    let file = directory.join(file_name(account));
    let mut bytes = Vec::new();
    let read = File::open(&file).and_then(|opened| opened.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(Captured::parse(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(CaptureError::Missing(file)),
        Err(source) => Err(CaptureError::Unreadable { file, source }),
    }
}

impl Captured {
    /// What is in such a file.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut captured = Self::default();
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match Post::of_line(line) {
                Some(post) => captured.posts.push(post),
                None => captured.unreadable_lines += 1,
            }
        }
        // Written when they were answered.
        captured.posts.sort_by_key(|post| post.received_ns);
        captured
    }
}

/// The file, to be written.
#[derive(Debug)]
pub(super) struct CaptureFile {
    path: PathBuf,
    bytes_max: u64,
}

impl CaptureFile {
    /// The file of an account, which need not exist, and how many posts are in it.
    pub(super) fn open(directory: &Path, account: &str) -> io::Result<(Self, u64)> {
        let path = directory.join(file_name(account));
        let lines = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => cut_torn_end(&file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        Ok((Self { path, bytes_max: FILE_BYTES_MAX }, lines))
    }

    /// Appends a post; whether there was room for it.
    pub(super) fn append(&self, post: &Post) -> io::Result<bool> {
        let line = post.to_line()?;
        // Opened for each of the few lines, so that a file that was deleted begins anew.
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?;
        let length = file.metadata()?.len();
        if length.saturating_add(line.len() as u64) > self.bytes_max {
            return Ok(false);
        }
        if let Err(error) = file.write_all(&line) {
            // What cannot be cut off is a line that no reader takes for a post.
            file.set_len(length).ok();
            return Err(error);
        }
        Ok(true)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Cuts off what stands after the last whole line; how many whole lines there are.
fn cut_torn_end(file: &File) -> io::Result<u64> {
    let mut reader = BufReader::new(file.take(FILE_BYTES_MAX.saturating_add(1)));
    let (mut lines, mut read, mut whole) = (0, 0_u64, 0);
    loop {
        let piece = reader.fill_buf()?;
        let length = piece.len();
        if length == 0 {
            break;
        }
        lines += piece.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        if let Some(end) = piece.iter().rposition(|byte| *byte == b'\n') {
            whole = read + end as u64 + 1;
        }
        read += length as u64;
        reader.consume(length);
    }
    if whole < read && read <= FILE_BYTES_MAX {
        file.set_len(whole)?;
    }
    Ok(lines)
}

#[cfg(test)]
pub(super) mod tests;
