//! Answers one request.

use super::access::Decision;
use super::accounts::ServerAccount;
use super::activity::Activity;
use super::answer::{Answer, UNANSWERED};
use super::answer_body::AnswerBody;
use super::body::{self, Content};
use super::bounds::RETRY_AFTER_CONNECTIONS;
use super::credentials::Presented;
use super::forwarded;
use super::heads::{Head, HeadLog};
use super::in_flight::InFlightLimits;
use super::inflate::Encoding;
use super::logins::{ConnectionGuesses, Consequence};
use super::malformed;
use super::permits::ConnectionPermit;
use super::server_state::ServerState;
use crate::ingest::Refusal;
use ::metrics::Counter;
use hyper::body::{Body, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, Version};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

const CONNECTIONS_TOO_MANY: Answer =
    Answer::Unavailable("this account has too many open connections; use fewer", RETRY_AFTER_CONNECTIONS);

/// The state that the requests of a connection share.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) server: Arc<ServerState>,
    pub(super) activity: Arc<Activity>,
    pub(super) peer: IpAddr,
    pub(super) permit: ConnectionPermit,
    pub(super) guesses: ConnectionGuesses,
    /// Notified when the connection must be closed, because it guesses passwords.
    pub(super) guessed: Notify,
}

/// A request that gets no answer: its stream is reset, or its connection closed.
#[derive(Debug, thiserror::Error)]
#[error("too many wrong passwords")]
pub(super) struct NoAnswer;

/// Answers a request.
pub(super) async fn answer(
    context: Arc<Context>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, NoAnswer> {
    let multiplexed = request.version() >= Version::HTTP_2;
    let open = context.activity.begin(multiplexed);
    let (head, mut incoming) = request.into_parts();
    let (account, answered) = serve(&context, head, &mut incoming).await;
    let counters = account.as_deref().map_or(&context.server.unauthenticated, |account| &account.answers);
    let Ok(Answered { answer, body_bytes }) = answered else {
        counters[UNANSWERED].increment(1);
        return Err(NoAnswer);
    };
    counters[answer.index()].increment(1);
    let body_read = body_bytes.is_some();
    if !body_read {
        context.activity.leave_body();
    }
    // An unauthenticated connection is closed. HTTP/2 has no such header.
    let close = !multiplexed && (!body_read || matches!(answer, Answer::Challenge));
    drop(open);
    let unread = (multiplexed && !body_read).then_some(incoming);
    Ok(answer.into_response(close).map(|text| AnswerBody::new(text, unread)))
}

/// An answer, and the size of the request's body.
struct Answered {
    answer: Answer,
    /// Bytes of the body as received; `None` if it was not read to its end.
    body_bytes: Option<usize>,
}

impl Answered {
    /// The answer to a request whose body was not read.
    fn unread(answer: Answer, incoming: &Incoming) -> Self {
        Self { answer, body_bytes: incoming.is_end_stream().then_some(0) }
    }

    /// The answer to a request that was not read to its end, or whose end is not certain.
    fn unfinished(answer: Answer) -> Self {
        Self { answer, body_bytes: None }
    }
}

/// The answer, and the account whose request it is.
async fn serve(
    context: &Context,
    head: Parts,
    incoming: &mut Incoming,
) -> (Option<Arc<ServerAccount>>, Result<Answered, NoAnswer>) {
    let server = &*context.server;
    if let Some(fault) = malformed::fault(&head) {
        return (None, Ok(Answered::unfinished(Answer::Broken(fault.to_owned()))));
    }
    let presented = Presented::new(head.headers.get(AUTHORIZATION));
    let account = match account(server, &head, &presented) {
        Ok(account) => account,
        Err(Answer::Challenge) => {
            let challenged = challenge(context, head, &presented).await;
            return (None, challenged.map(|answer| Answered::unread(answer, incoming)));
        }
        Err(answer) => return (None, Ok(Answered::unread(answer, incoming))),
    };
    if !context.permit.assign(&account.connections) {
        return (Some(account), Ok(Answered::unread(CONNECTIONS_TOO_MANY, incoming)));
    }
    context.activity.trust();
    let answered = serve_account(server, &account, head, incoming).await;
    (Some(account), Ok(answered))
}

/// The account of a request, or the answer to one without.
fn account(server: &ServerState, head: &Parts, presented: &Presented) -> Result<Arc<ServerAccount>, Answer> {
    let accounts = server.accounts.now();
    match accounts.access.of(&head.method, head.uri.path(), presented) {
        Decision::Account(index) => accounts.all.get(index).map(Arc::clone).ok_or(Answer::NotFound),
        Decision::NotFound => Err(Answer::NotFound),
        Decision::Challenge => Err(Answer::Challenge),
    }
}

/// The 401, after the delay of a wrong password.
async fn challenge(context: &Context, head: Parts, presented: &Presented) -> Result<Answer, NoAnswer> {
    if presented.is_none() {
        return Ok(Answer::Challenge);
    }
    let server = &*context.server;
    let address = forwarded::client(context.peer, &head.headers, &server.behind_proxy);
    // The delay can be long, and a head large.
    drop(head);
    let is_shared = context.activity.is_trusted() || server.is_proxy(context.peer);
    match server.failed_logins.failed(address, &context.guesses, is_shared, server.clock.monotonic()).await {
        Consequence::Answer => Ok(Answer::Challenge),
        Consequence::NoAnswer => Err(NoAnswer),
        Consequence::Close => {
            context.guessed.notify_one();
            Err(NoAnswer)
        }
    }
}

/// The answer to a request with valid credentials.
async fn serve_account(
    server: &ServerState,
    account: &ServerAccount,
    head: Parts,
    incoming: &mut Incoming,
) -> Answered {
    let due = || HeadLog::take(&account.name, &account.head_noted, &head, server.clock.now());
    let noted = server.heads.as_ref().and_then(|log| Some((log, due()?)));
    let answered = if head.method != Method::POST {
        Answered::unread(Answer::Method, incoming)
    } else if !says_its_length(&head) {
        Answered::unfinished(Answer::LengthRequired)
    } else {
        let encoding = Encoding::of(&head.headers);
        drop(head);
        take(server, account, encoding, incoming).await
    };
    if let Some((log, head)) = noted {
        log.note(Head { body_bytes: answered.body_bytes, answer: answered.answer.status(), ..head });
    }
    answered
}

/// Whether a request says where its body ends. HTTP/2 always does. An HTTP/1 request that
/// does not has no body, by the standard; but bytes may follow, meant as one.
fn says_its_length(head: &Parts) -> bool {
    head.version >= Version::HTTP_2
        || head.headers.contains_key(CONTENT_LENGTH)
        || head.headers.contains_key(TRANSFER_ENCODING)
}

/// Receives a body and passes it to ingest.
async fn take(server: &ServerState, account: &ServerAccount, encoding: Encoding, incoming: &mut Incoming) -> Answered {
    let unanswered = CountDropped::new(&account.answers[UNANSWERED], &server.requests_open);
    let limits =
        InFlightLimits { account: &account.in_flight, total: &server.in_flight, wait: server.bounds.in_flight_wait };
    let answered = match body::receive(incoming, encoding, limits, &server.bounds, &server.clock).await {
        Ok(received) => Answered { answer: store(account, &received.content).await, body_bytes: Some(received.bytes) },
        Err(answer) => Answered::unfinished(answer),
    };
    unanswered.defuse();
    answered
}

async fn store(account: &ServerAccount, content: &Content) -> Answer {
    let taken = match content {
        Content::Plain(body) => account.entrance.take(account.format, body).await,
        Content::Packed(body, why) => account.entrance.take_packed(account.format, body, why).await,
    };
    match taken {
        Ok(_) => Answer::Safe,
        Err(Refusal::Unavailable { reason, retry_after }) => Answer::Unavailable(reason, retry_after),
        Err(error @ Refusal::TooLarge { .. }) => Answer::TooLarge(error.to_string()),
        Err(error @ (Refusal::Undecodable(_) | Refusal::QuotaSpent(_))) => Answer::Broken(error.to_string()),
    }
}

/// Counts an account's request as open, and on drop as unanswered, unless defused: hyper
/// drops a request's future when its sender disconnects.
struct CountDropped<'a> {
    unanswered: Option<&'a Counter>,
    open: &'a AtomicUsize,
}

impl<'a> CountDropped<'a> {
    fn new(unanswered: &'a Counter, open: &'a AtomicUsize) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self { unanswered: Some(unanswered), open }
    }

    fn defuse(mut self) {
        self.unanswered = None;
    }
}

impl Drop for CountDropped<'_> {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        if let Some(counter) = self.unanswered {
            counter.increment(1);
        }
    }
}
