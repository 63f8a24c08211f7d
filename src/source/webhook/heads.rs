//! The newest heads of requests with valid credentials, by account, in one small file with
//! mode 0600.
//!
//! The journal stores every body, but no head. So one head per account and [`HEAD_EVERY`]
//! is recorded: always on, because a vendor may change something at any time; and rarely,
//! so that most requests only read the clock. Credentials, cookies and the path are hidden.
//! A request never waits for it: a head is dropped and counted if the queue is full, or if
//! it is too long or cannot be written. The file is diagnostic: it is not synced, and a torn
//! line is skipped.

use crate::metrics;
use crate::reading::UnixNanos;
use ::metrics::Counter;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The file's name in the data directory.
pub const HEADS_FILE: &str = "webhook-heads.jsonl";
/// The interval between two recorded heads of an account.
const HEAD_EVERY: Duration = Duration::from_secs(10);
/// Bytes of the file; when full, it is rewritten with the newest heads, at half the size.
const FILE_BYTES_MAX: usize = 256 << 10;
/// Heads kept per account in a rewrite.
const HEADS_KEPT_MAX: usize = 20;
/// Bytes of a head in the file; a longer one is dropped.
const LINE_BYTES_MAX: usize = 16 << 10;
/// Heads waiting to be written.
const QUEUE_HEADS_MAX: usize = 64;
/// Replaces a hidden value.
const HIDDEN: &str = "(hidden)";
/// Parts of header names whose values may hold a credential or the path.
const SECRET_NAME_PARTS: &str =
    "auth cookie token key secret passw session sign credential jwt cert uri url path referer csrf";

/// A request's head and the status of its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The account.
    pub account: String,
    /// Receive time in nanoseconds since 1970 UTC.
    pub received_ns: i64,
    /// The method, like `POST`.
    pub method: String,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub version: String,
    /// Names and values; values that may hold a secret are hidden.
    pub headers: Vec<(String, String)>,
    /// Bytes of the body as received; `None` if it was not read to its end.
    pub body_bytes: Option<usize>,
    /// The status of the answer.
    pub answer: u16,
}

/// Records heads and queues them for the file.
#[derive(Debug)]
pub(super) struct HeadLog {
    queue: mpsc::Sender<Head>,
    dropped: Counter,
}

impl HeadLog {
    /// Starts the writer task. It ends when the log is dropped and all heads are written.
    pub(super) fn start(file: PathBuf) -> (Self, JoinHandle<()>) {
        let (queue, heads) = mpsc::channel(QUEUE_HEADS_MAX);
        let dropped = metrics::counter("meterline_webhook_heads_dropped_total", &[]);
        let writer = tokio::spawn(write(heads, file, dropped.clone()));
        (Self { queue, dropped }, writer)
    }

    /// The head of a request of the account with this name, if one is due after the last one that was noted.
    pub(super) fn take(name: &str, noted: &AtomicI64, head: &Parts, now: UnixNanos) -> Option<Head> {
        let before = noted.load(Ordering::Relaxed);
        let is_due = u128::from(now.0.abs_diff(before)) >= HEAD_EVERY.as_nanos();
        if !is_due || noted.compare_exchange(before, now.0, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return None;
        }
        Some(Head {
            account: name.to_owned(),
            received_ns: now.0,
            method: head.method.to_string(),
            version: format!("{:?}", head.version),
            headers: shown(&head.headers, head.uri.path()),
            body_bytes: None,
            answer: 0,
        })
    }

    /// Queues a head, or drops it if the queue is full.
    pub(super) fn note(&self, head: Head) {
        if self.queue.try_send(head).is_err() {
            self.dropped.increment(1);
        }
    }
}

/// Reads the heads in a file, in the order of their answers; empty if the file does not exist.
///
/// # Errors
/// When the file cannot be read.
pub fn read_heads(file: &Path) -> io::Result<Vec<Head>> {
    let mut bytes = Vec::new();
    match File::open(file) {
        Ok(opened) => opened.take(FILE_BYTES_MAX as u64).read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    Ok(bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

async fn write(mut heads: mpsc::Receiver<Head>, file: PathBuf, dropped: Counter) {
    let mut waiting = Vec::new();
    while heads.recv_many(&mut waiting, QUEUE_HEADS_MAX).await > 0 {
        let (heads, file) = (std::mem::take(&mut waiting), file.clone());
        let count = heads.len() as u64;
        let written = move || heads.iter().map(|head| u64::from(append(&file, head).is_ok())).sum();
        let written: u64 = tokio::task::spawn_blocking(written).await.unwrap_or_default();
        dropped.increment(count - written);
    }
}

fn append(file: &Path, head: &Head) -> io::Result<()> {
    // The line break comes first, so that it ends a line that a full disk tore.
    let line = format!("\n{}", serde_json::to_string(head)?);
    if line.len() > LINE_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let room = (FILE_BYTES_MAX - line.len()) as u64;
    if fs::metadata(file).is_ok_and(|metadata| metadata.len() > room) {
        let kept = newest(&read_heads(file)?)?;
        let beside = file.with_extension("new");
        owned(OpenOptions::new().write(true).truncate(true)).open(&beside)?.write_all(kept.as_bytes())?;
        fs::rename(&beside, file)?;
    }
    owned(OpenOptions::new().append(true)).open(file)?.write_all(line.as_bytes())
}

/// Options that create a file with mode 0600.
fn owned(options: &mut OpenOptions) -> &mut OpenOptions {
    options.create(true).mode(0o600)
}

/// The lines to keep of a full file: the newest of each account.
fn newest(heads: &[Head]) -> io::Result<String> {
    let (mut kept, mut by_account) = (String::new(), HashMap::<&str, usize>::new());
    for head in heads.iter().rev() {
        let count = by_account.entry(&head.account).or_default();
        *count += 1;
        let line = format!("\n{}", serde_json::to_string(head)?);
        if *count <= HEADS_KEPT_MAX && kept.len() + line.len() <= FILE_BYTES_MAX / 2 {
            kept.insert_str(0, &line);
        }
    }
    Ok(kept)
}

/// Names and values of a head, with secrets hidden.
fn shown(headers: &HeaderMap, path: &str) -> Vec<(String, String)> {
    let secrets = secrets(headers, path);
    let lines = headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        let is_secret = SECRET_NAME_PARTS.split(' ').any(|part| name.as_str().contains(part))
            || secrets.iter().any(|secret| value.contains(secret));
        (name.to_string(), if is_secret { HIDDEN.to_owned() } else { value.into_owned() })
    });
    lines.collect()
}

/// The texts that must be hidden: the path and the presented credentials.
fn secrets(headers: &HeaderMap, path: &str) -> Vec<String> {
    // The bare root is part of every URL and content type.
    let mut secrets = if path.len() > 1 { vec![path.to_owned()] } else { Vec::new() };
    for value in headers.get_all(AUTHORIZATION) {
        let text = String::from_utf8_lossy(value.as_bytes());
        let token = text.split_once(' ').map_or(&*text, |(_, token)| token.trim());
        if let Ok(pair) = BASE64_STANDARD.decode(token) {
            secrets.extend(String::from_utf8_lossy(&pair).split_once(':').map(|(_, password)| password.to_owned()));
        }
        secrets.push(token.to_owned());
    }
    secrets.retain(|secret| !secret.is_empty());
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderName, HeaderValue};

    fn head(account: &str, received_ns: i64, header: usize) -> Head {
        Head {
            account: account.to_owned(),
            received_ns,
            method: "POST".to_owned(),
            version: "HTTP/1.1".to_owned(),
            headers: vec![("x".to_owned(), "y".repeat(header))],
            body_bytes: Some(1),
            answer: 200,
        }
    }

    #[test]
    fn a_full_file_keeps_the_newest_of_each_account_and_never_passes_its_bound() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(HEADS_FILE);
        append(&file, &head("quiet", 0, 1000)).unwrap();
        let mut sizes = Vec::new();
        for number in 1..=700 {
            append(&file, &head("loud", number, 1000)).unwrap();
            sizes.push(fs::metadata(&file).unwrap().len());
        }
        assert!(sizes.iter().all(|size| *size <= FILE_BYTES_MAX as u64), "{sizes:?}");
        assert!(sizes.windows(2).any(|pair| pair[1] < pair[0]), "it was written again");
        let heads = read_heads(&file).unwrap();
        assert_eq!(heads[0], head("quiet", 0, 1000));
        let loud: Vec<i64> = heads[1..].iter().map(|head| head.received_ns).collect();
        assert_eq!(loud, (1..=700).skip(700 - loud.len()).collect::<Vec<_>>());
        let kept = newest(&heads).unwrap();
        assert_eq!(kept.matches("\"loud\"").count(), 20);
        assert_eq!(kept.matches("\"quiet\"").count(), 1);
    }

    #[test]
    fn a_head_that_is_too_long_is_refused_and_a_torn_line_is_skipped() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(HEADS_FILE);
        append(&file, &head("a", 1, 10)).unwrap();
        assert!(append(&file, &head("a", 2, LINE_BYTES_MAX)).is_err());
        let whole = fs::read(&file).unwrap();
        fs::write(&file, [&whole[..], &whole[..20]].concat()).unwrap();
        append(&file, &head("a", 3, 10)).unwrap();
        assert_eq!(read_heads(&file).unwrap(), [head("a", 1, 10), head("a", 3, 10)]);
    }

    #[test]
    fn only_values_that_are_named_like_a_credential_or_hold_one_are_hidden() {
        let token = BASE64_STANDARD.encode("meter:correct horse");
        let lines = [
            ("authorization", format!("Basic {token}"), true),
            ("cookie", "a=b".to_owned(), true),
            ("x-api-key", "abc".to_owned(), true),
            ("x-original-url", "/other".to_owned(), true),
            ("x-note", "to /hook/4f1c please".to_owned(), true),
            ("x-copy", format!("<{token}>"), true),
            ("x-clear", "it is correct horse".to_owned(), true),
            ("content-type", "application/octet-stream".to_owned(), false),
            ("user-agent", "Dart/3 (dart:io)".to_owned(), false),
            ("x-forwarded-for", "203.0.113.9".to_owned(), false),
        ];
        let mut headers = HeaderMap::new();
        for (name, value, _) in &lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        for (name, value) in shown(&headers, "/hook/4f1c") {
            let (_, original, is_hidden) = lines.iter().find(|line| line.0 == name).unwrap();
            assert_eq!(value, if *is_hidden { HIDDEN } else { original }, "{name}");
        }
    }

    #[test]
    fn an_empty_path_and_an_empty_pair_hide_nothing() {
        let mut headers = HeaderMap::new();
        headers.append("content-type", HeaderValue::from_static("a/b"));
        headers.append("authorization", HeaderValue::from_static("Basic Og=="));
        assert_eq!(shown(&headers, "/")[0], ("content-type".to_owned(), "a/b".to_owned()));
    }
}
