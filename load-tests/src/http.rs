//! A blocking HTTP client over plain TCP: for posts, and for tests that query a server.
//!
//! An error status or a redirect is a normal answer. Connections are kept alive. It must
//! not be used inside an async runtime, since it has one of its own.

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::http::request::Builder;
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::error::Error;
use std::fmt;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Time limit of one request, from connecting to the last byte of the answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A client; its connections end with it.
pub struct Http {
    runtime: Runtime,
    connections: Client<HttpConnector, Full<Bytes>>,
}

/// No answer: the receiver may or may not have the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendError(pub String);

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer: {}", self.0)
    }
}

impl Error for SendError {}

impl Http {
    /// A client without a connection.
    ///
    /// # Errors
    /// If the system cannot create a runtime.
    pub fn new() -> Result<Self, SendError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|it| failed(&it))?;
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        Ok(Self { runtime, connections: Client::builder(TokioExecutor::new()).build(tcp) })
    }

    /// Sends a request and waits for the whole answer, whose body is read as text.
    ///
    /// # Errors
    /// If there is no answer within a minute, or the request is not valid.
    pub fn send(&self, request: Builder, body: impl Into<Bytes>) -> Result<Response<String>, SendError> {
        let request = request.body(Full::new(body.into())).map_err(|error| failed(&error))?;
        self.runtime.block_on(async {
            // A connection that was closed meanwhile must be noticed before it is used.
            tokio::task::yield_now().await;
            let exchange = async {
                let answer = self.connections.request(request).await.map_err(|error| failed(&error))?;
                let (head, body) = answer.into_parts();
                let body = body.collect().await.map_err(|error| failed(&error))?.to_bytes();
                Ok(Response::from_parts(head, String::from_utf8_lossy(&body).into_owned()))
            };
            let late = |_| SendError(format!("none within {TIMEOUT:?}"));
            tokio::time::timeout(TIMEOUT, exchange).await.map_err(late)?
        })
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

/// Status and text of the answer to a GET, over a new connection.
///
/// # Errors
/// As [`Http::send`].
pub fn get(url: &str) -> Result<(u16, String), SendError> {
    let answer = Http::new()?.send(Request::get(url), Bytes::new())?;
    Ok((answer.status().as_u16(), answer.into_body()))
}

/// The error with its causes, since the first says little.
fn failed(error: &(dyn Error + 'static)) -> SendError {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    SendError(causes.map(ToString::to_string).collect::<Vec<_>>().join(": "))
}
