//! From a request to its line in the file: a slot is taken when a request begins, what
//! is known of it is gathered beside it, and a thread writes it once it was answered.
//!
//! The webhook's tasks never touch the file and never wait for the thread.

use super::file::CaptureFile;
use super::hide;
use super::post::Post;
use crate::metrics;
use crate::reading::UnixNanos;
use ::metrics::Counter;
use bytes::Bytes;
use hyper::http::request::Parts;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Posts on their way to the thread,
const QUEUE_POSTS_MAX: usize = 64;
/// and bytes of their bodies.
const QUEUE_BYTES_MAX: usize = 16 << 20;

/// An account's capture.
#[derive(Debug)]
pub(in crate::source::webhook) struct Capture {
    shared: Arc<Shared>,
    queue: SyncSender<Post>,
}

/// The thread that writes an account's capture. It ends when the capture is dropped.
pub(in crate::source::webhook) type Writer = JoinHandle<()>;

#[derive(Debug)]
struct Shared {
    account: String,
    /// Posts that are still to be captured.
    left: AtomicU64,
    queued_bytes: AtomicUsize,
    kept: Counter,
    no_room: Counter,
    failed: Counter,
}

impl Capture {
    /// Captures what is missing to `posts_max` posts of an account; `None` where nothing is.
    ///
    /// # Errors
    /// When the file cannot be looked at, or there is no thread to be had.
    pub(in crate::source::webhook) fn start(
        directory: &Path,
        account: &str,
        posts_max: usize,
    ) -> io::Result<Option<(Self, Writer)>> {
        if posts_max == 0 {
            return Ok(None);
        }
        let (file, posts) = CaptureFile::open(directory, account)?;
        let left = (posts_max as u64).saturating_sub(posts);
        if left == 0 {
            return Ok(None);
        }
        let shared = Arc::new(Shared::new(account, left));
        let (queue, posts) = sync_channel(QUEUE_POSTS_MAX);
        let for_thread = Arc::clone(&shared);
        let writer =
            std::thread::Builder::new().name("capture".to_owned()).spawn(move || for_thread.write(&file, &posts))?;
        Ok(Some((Self { shared, queue }, writer)))
    }

    /// Begins with a request. Where nothing is to be captured this is one look at a number.
    pub(in crate::source::webhook) fn begin(
        &self,
        head: &Parts,
        peer: IpAddr,
        client: impl FnOnce() -> IpAddr,
        now: impl FnOnce() -> UnixNanos,
    ) -> Pending<'_> {
        if !self.shared.take_slot() {
            return Pending::none();
        }
        let post = Post {
            received_ns: now().0,
            method: head.method.to_string(),
            version: format!("{:?}", head.version),
            peer,
            client: client(),
            headers: hide::shown(&head.headers, head.uri.path()),
            body: None,
            inflated_bytes: None,
            answer: None,
        };
        Pending(Some((self, post)))
    }

    fn hand_over(&self, post: Post) {
        let bytes = post.bytes();
        let queued = self.shared.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        if queued.saturating_add(bytes) > QUEUE_BYTES_MAX || self.queue.try_send(post).is_err() {
            self.shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.shared.no_room.increment(1);
            self.shared.give_slot_back();
        }
    }
}

/// Waits, within a deadline, until everything that was captured is written. Their
/// captures are gone.
pub(in crate::source::webhook) async fn finish(writers: Vec<Writer>, deadline: Duration) {
    let joined = tokio::task::spawn_blocking(move || {
        for writer in writers {
            if writer.join().is_err() {
                tracing::error!("the thread of a capture had panicked");
            }
        }
    });
    if tokio::time::timeout(deadline, joined).await.is_err() {
        tracing::warn!("the disk is slow: the last posts of a capture may be missing in it");
    }
}

/// A request under way, if it is captured. It is written when this is dropped, so also
/// where its sender goes away.
#[derive(Debug)]
pub(in crate::source::webhook) struct Pending<'a>(Option<(&'a Capture, Post)>);

impl Pending<'_> {
    /// A request that is not captured.
    pub(in crate::source::webhook) fn none() -> Self {
        Self(None)
    }

    /// The body as it came.
    pub(in crate::source::webhook) fn note_body(&mut self, body: &Bytes) {
        if let Some((_, post)) = &mut self.0 {
            post.body = Some(body.clone());
        }
    }

    /// The body's length after inflation.
    pub(in crate::source::webhook) fn note_inflated(&mut self, bytes: usize) {
        if let Some((_, post)) = &mut self.0 {
            post.inflated_bytes = Some(bytes as u64);
        }
    }

    /// The status it is answered with; it is done.
    pub(in crate::source::webhook) fn answered(mut self, status: u16) {
        if let Some((_, post)) = &mut self.0 {
            post.answer = Some(status);
        }
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if let Some((capture, post)) = self.0.take() {
            capture.hand_over(post);
        }
    }
}

impl Post {
    fn bytes(&self) -> usize {
        self.body.as_ref().map_or(0, Bytes::len)
    }
}

impl Shared {
    fn new(account: &str, left: u64) -> Self {
        let counter = |outcome: &str| {
            let labels = [("account", account.to_owned()), ("outcome", outcome.to_owned())];
            metrics::counter("meterline_webhook_captured_total", &labels)
        };
        Self {
            account: account.to_owned(),
            left: AtomicU64::new(left),
            queued_bytes: AtomicUsize::new(0),
            kept: counter("kept"),
            no_room: counter("no_room"),
            failed: counter("failed"),
        }
    }

    fn take_slot(&self) -> bool {
        self.left.load(Ordering::Relaxed) > 0
            && self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    fn give_slot_back(&self) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes what comes until nothing can come any more.
    fn write(&self, file: &CaptureFile, posts: &Receiver<Post>) {
        let mut has_failed = false;
        for post in posts {
            self.queued_bytes.fetch_sub(post.bytes(), Ordering::Relaxed);
            match file.append(&post) {
                Ok(true) => self.kept.increment(1),
                Ok(false) => {
                    self.no_room.increment(1);
                    self.left.store(0, Ordering::Relaxed);
                }
                Err(error) => {
                    self.failed.increment(1);
                    self.give_slot_back();
                    if !std::mem::replace(&mut has_failed, true) {
                        tracing::warn!(account = self.account, file = %file.path().display(), %error,
                            "a post could not be captured (it was taken all the same); further failures are only counted");
                    }
                }
            }
        }
    }
}
