//! Answers one request.

use super::access::Decision;
use super::activity::Activity;
use super::answer::{Answer, LABELS, UNANSWERED};
use super::body::{self, InFlightPermits};
use super::bounds::RETRY_AFTER_CONNECTIONS;
use super::credentials::Presented;
use super::forwarded;
use super::heads::Head;
use super::inflate::Encoding;
use super::permits::ConnectionPermit;
use super::server_state::{ServerAccount, ServerState};
use crate::ingest::Refusal;
use ::metrics::Counter;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::header::AUTHORIZATION;
use hyper::{Method, Request, Response, Version};
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

const CONNECTIONS_TOO_MANY: Answer =
    Answer::Unavailable("this account has too many open connections; use fewer", RETRY_AFTER_CONNECTIONS);

/// The state that the requests of a connection share.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) server: Arc<ServerState>,
    pub(super) activity: Arc<Activity>,
    pub(super) peer: IpAddr,
    pub(super) permit: ConnectionPermit,
}

/// Answers a request.
pub(super) async fn answer(
    context: Arc<Context>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let multiplexed = request.version() >= Version::HTTP_2;
    let open = context.activity.begin(multiplexed);
    let (counters, answered) = serve(&context, request).await;
    counters[answered.answer.index()].increment(1);
    let body_read = answered.body_bytes.is_some();
    if !body_read {
        context.activity.leave_body();
    }
    // An unauthenticated connection is closed. HTTP/2 has no such header.
    let close = !multiplexed && (!body_read || matches!(answered.answer, Answer::Challenge));
    drop(open);
    Ok(answered.answer.into_response(close))
}

/// An answer, and the size of the request's body.
struct Answered {
    answer: Answer,
    /// Bytes of the body as received; `None` if it was not read to its end.
    body_bytes: Option<usize>,
}

/// The answer, and the counters of its account.
async fn serve(context: &Context, request: Request<Incoming>) -> (&[Counter; LABELS.len()], Answered) {
    let server = &*context.server;
    let (head, mut incoming) = request.into_parts();
    let presented = Presented::new(head.headers.get(AUTHORIZATION));
    let unread = |answer| Answered { answer, body_bytes: incoming.is_end_stream().then_some(0) };
    let index = match server.access.of(head.uri.path(), &presented) {
        Decision::Account(index) => index,
        Decision::NotFound => return (&server.unauthenticated, unread(Answer::NotFound)),
        Decision::Challenge => {
            if head.headers.contains_key(AUTHORIZATION) {
                let address = forwarded::client(context.peer, &head.headers, &server.behind_proxy);
                server.failed_logins.failed(address, server.clock.monotonic()).await;
            }
            return (&server.unauthenticated, unread(Answer::Challenge));
        }
    };
    let account = &server.accounts[index];
    if !context.permit.assign(index) {
        return (&account.answers, unread(CONNECTIONS_TOO_MANY));
    }
    context.activity.trust();
    let encoding = if head.method == Method::POST { Encoding::of(&head.headers) } else { Err(Answer::Method) };
    let noted = server.heads.as_ref().and_then(|log| Some((log, log.take(index, &head, server.clock.now())?)));
    drop(head);
    let answered = match encoding {
        Ok(encoding) => take(server, account, encoding, &mut incoming).await,
        Err(answer) => unread(answer),
    };
    if let Some((log, head)) = noted {
        log.note(Head { body_bytes: answered.body_bytes, answer: answered.answer.status(), ..head });
    }
    (&account.answers, answered)
}

/// Receives a body and passes it to ingest.
async fn take(server: &ServerState, account: &ServerAccount, encoding: Encoding, incoming: &mut Incoming) -> Answered {
    let unanswered = CountDropped(Some(&account.answers[UNANSWERED]));
    let mut in_flight = InFlightPermits::new(&account.in_flight, &server.in_flight, server.bounds.in_flight_wait);
    let answered = match body::gather(incoming, &mut in_flight, &server.bounds, &server.clock).await {
        Ok(body) => {
            let body_bytes = Some(body.len());
            let answer = match body::inflate(body, encoding, &mut in_flight, &server.bounds).await {
                Ok(body) => store(account, &body).await,
                Err(answer) => answer,
            };
            Answered { answer, body_bytes }
        }
        Err(answer) => Answered { answer, body_bytes: None },
    };
    unanswered.defuse();
    answered
}

async fn store(account: &ServerAccount, body: &Bytes) -> Answer {
    match account.entrance.take(account.format, body).await {
        Ok(_) => Answer::Safe,
        Err(Refusal::Unavailable { reason, retry_after }) => Answer::Unavailable(reason, retry_after),
        Err(error @ Refusal::TooLarge { .. }) => Answer::TooLarge(error.to_string()),
        Err(error @ (Refusal::Undecodable(_) | Refusal::QuotaSpent(_))) => Answer::Broken(error.to_string()),
    }
}

/// Counts on drop, unless defused: hyper drops a request's future when its sender
/// disconnects.
struct CountDropped<'a>(Option<&'a Counter>);

impl CountDropped<'_> {
    fn defuse(mut self) {
        self.0 = None;
    }
}

impl Drop for CountDropped<'_> {
    fn drop(&mut self) {
        if let Some(counter) = self.0 {
            counter.increment(1);
        }
    }
}
