//! The body of an answer: a sentence, and on HTTP/2 the bounded rest of the request.
//!
//! A sender that gets an early answer still sends its body. On HTTP/1 the transport reads
//! on for a while before it closes. An HTTP/2 request that is not read to its end would be
//! reset, and many clients then lose the answer. So the answer's stream stays open while a
//! bounded rest is read and discarded.

use super::bounds::{LINGER, LINGER_BYTES_MAX};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::{Sleep, sleep};

/// The body of an answer.
#[derive(Debug)]
pub(super) struct AnswerBody {
    text: Full<Bytes>,
    unread: Option<Unread>,
}

/// The unread part of a request's body.
#[derive(Debug)]
struct Unread {
    request: Incoming,
    bytes_left: usize,
    until: Pin<Box<Sleep>>,
}

impl AnswerBody {
    /// The text, and the request whose rest is read and discarded after it.
    pub(super) fn new(text: Full<Bytes>, unread: Option<Incoming>) -> Self {
        let unread = unread.filter(|request| !request.is_end_stream()).map(|request| Unread {
            request,
            bytes_left: LINGER_BYTES_MAX,
            until: Box::pin(sleep(LINGER)),
        });
        Self { text, unread }
    }
}

impl Unread {
    /// Ready at the end of the request, or at a limit.
    fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.bytes_left > 0 {
            if self.until.as_mut().poll(context).is_ready() {
                break;
            }
            let Poll::Ready(frame) = Pin::new(&mut self.request).poll_frame(context) else { return Poll::Pending };
            let Some(Ok(frame)) = frame else { break };
            self.bytes_left = self.bytes_left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        }
        Poll::Ready(())
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !self.text.is_end_stream() {
            return Pin::new(&mut self.text).poll_frame(context);
        }
        if let Some(unread) = &mut self.unread {
            std::task::ready!(unread.poll_discard(context));
            self.unread = None;
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.text.is_end_stream() && self.unread.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.text.size_hint()
    }
}
