//! OAuth 2.0 grants: an application's requests to the token endpoint.
//!
//! RFC 6749 (client credentials, refresh token), RFC 8628 (device code), RFC 7636
//! (authorization code with PKCE). The vendor documents the endpoints; they are relative to
//! the configured API URL.

use crate::http::{self, Outcome, Requester};
use crate::secret::Secret;
use crate::source::smart_me::error::ApiError;
use bytes::Bytes;
use hyper::header::HeaderValue;
use oauth2::basic::{BasicClient, BasicErrorResponse, BasicErrorResponseType, BasicTokenResponse};
use oauth2::url::ParseError;
use oauth2::{
    AuthUrl, ClientId, ClientSecret, DeviceAuthorizationUrl, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    RefreshToken, RequestTokenError, Scope, TokenResponse, TokenUrl,
};
use std::time::{Duration, Instant};

/// A token is renewed this long before it expires, so that none expires in flight.
const RENEW_BEFORE: Duration = Duration::from_secs(60);
/// Lifetime of a token without a documented expiry.
const LASTS_AT_LEAST: Duration = Duration::from_mins(5);
/// Longest accepted lifetime of a token.
const LASTS_AT_MOST: Duration = Duration::from_hours(24);
/// The claim that grants a refresh token.
const OFFLINE_ACCESS: &str = "offline_access";

/// An application registered at smart-me.
#[derive(Debug)]
pub(super) struct Application {
    id: String,
    secret: Option<Secret>,
    scopes: Vec<String>,
    /// The API's base address.
    api: String,
}

/// The library's client with all endpoints that meterline uses.
pub(super) type Endpoints = BasicClient<EndpointSet, EndpointSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// An access token as a header.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) header: HeaderValue,
    pub(super) renew_at: Instant,
}

/// The tokens of a grant.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) token: Token,
    /// The new refresh token, if the server sent one.
    pub(super) refresh: Option<Secret>,
}

/// A token request without an answer, as an error for the library.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NotAnswered(pub(super) ApiError);

/// Sends a request of the OAuth library, which interprets refusals.
pub(super) async fn fetch(requester: Requester, request: HttpRequest) -> Result<HttpResponse, NotAnswered> {
    let (head, body) = request.into_parts();
    let request = hyper::Request::from_parts(head, Bytes::from(body).into());
    let exchange = requester.send(request).await.map_err(|stopped| NotAnswered(stopped.into()))?;
    match (exchange.outcome, exchange.answer) {
        (Outcome::Later(_) | Outcome::Uncertain, answer) => {
            Err(NotAnswered(ApiError::Away(http::described(&answer.map(without_body)))))
        }
        (_, Ok(answer)) => Ok(answer.map(Vec::from)),
        (_, Err(error)) => Err(NotAnswered(ApiError::Away(error.to_string()))),
    }
}

/// Removes the body, which may hold a token.
fn without_body(answer: http::Response) -> http::Response {
    answer.map(|_| Bytes::new())
}

/// Why a refresh failed.
#[derive(Debug)]
pub(super) enum RefreshError {
    /// The server rejected the refresh token: `invalid_grant`.
    Rejected,
    Api(ApiError),
}

impl Application {
    pub(super) fn new(id: &str, secret: Option<&Secret>, scopes: &[String], api: String) -> Self {
        Self { id: id.to_owned(), secret: secret.cloned(), scopes: scopes.to_vec(), api }
    }

    /// Its secret, which no error may repeat.
    pub(super) fn secret(&self) -> Option<&Secret> {
        self.secret.as_ref()
    }

    pub(super) async fn client_credentials(&self, requester: &Requester) -> Result<Granted, ApiError> {
        let send = |request| fetch(requester.clone(), request);
        let client = self.endpoints()?;
        let asked = client.exchange_client_credentials().add_scopes(self.scopes());
        granted(&asked.request_async(&send).await.map_err(refused)?, requester.now())
    }

    pub(super) async fn refresh(&self, token: &Secret, requester: &Requester) -> Result<Granted, RefreshError> {
        let send = |request| fetch(requester.clone(), request);
        let token = RefreshToken::new(token.expose().to_owned());
        let client = self.endpoints().map_err(RefreshError::Api)?;
        let answer = client.exchange_refresh_token(&token).request_async(&send).await.map_err(|error| match error {
            RequestTokenError::ServerResponse(said) if *said.error() == BasicErrorResponseType::InvalidGrant => {
                RefreshError::Rejected
            }
            other => RefreshError::Api(refused(other)),
        })?;
        granted(&answer, requester.now()).map_err(RefreshError::Api)
    }

    pub(super) fn endpoints(&self) -> Result<Endpoints, ApiError> {
        let at = |path: &str| format!("{}/oauth/{path}", self.api);
        let unreadable = |error: ParseError| ApiError::Unreadable(error.to_string());
        let client = BasicClient::new(ClientId::new(self.id.clone()))
            .set_token_uri(TokenUrl::new(at("token")).map_err(unreadable)?)
            .set_auth_uri(AuthUrl::new(at("authorize")).map_err(unreadable)?)
            .set_device_authorization_url(DeviceAuthorizationUrl::new(at("device")).map_err(unreadable)?);
        Ok(match &self.secret {
            Some(secret) => client.set_client_secret(ClientSecret::new(secret.expose().to_owned())),
            None => client,
        })
    }

    /// The claims as text.
    pub(super) fn claims(&self) -> String {
        self.scopes.join(" ")
    }

    /// The claims of a service.
    fn scopes(&self) -> impl Iterator<Item = Scope> {
        self.scopes.iter().cloned().map(Scope::new)
    }

    /// The claims of a person's login.
    pub(super) fn scopes_of_a_login(&self) -> impl Iterator<Item = Scope> {
        let is_named = self.scopes.iter().any(|scope| scope == OFFLINE_ACCESS);
        self.scopes().chain((!is_named).then(|| Scope::new(OFFLINE_ACCESS.to_owned())))
    }
}

pub(super) fn granted(answer: &BasicTokenResponse, now: Instant) -> Result<Granted, ApiError> {
    let lasts = answer.expires_in().unwrap_or(LASTS_AT_LEAST).min(LASTS_AT_MOST);
    let header = value(&format!("Bearer {}", answer.access_token().secret()))?;
    let token = Token { header, renew_at: now + lasts.saturating_sub(RENEW_BEFORE) };
    Ok(Granted { token, refresh: answer.refresh_token().map(|token| Secret::new(token.secret().clone())) })
}

fn refused(error: RequestTokenError<NotAnswered, BasicErrorResponse>) -> ApiError {
    match error {
        // A code outside the standard may repeat a secret.
        RequestTokenError::ServerResponse(said) => ApiError::Login(match said.error() {
            BasicErrorResponseType::Extension(_) => "an error code outside OAuth 2.0".to_owned(),
            code => code.to_string(),
        }),
        RequestTokenError::Request(NotAnswered(error)) => error,
        // The error text may hold the answer with a token.
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            ApiError::Unreadable("the answer to the token request violates OAuth 2.0".to_owned())
        }
    }
}

pub(super) fn not_a_header() -> ApiError {
    ApiError::Login("they hold characters that are not valid in a header".to_owned())
}

/// An Authorization header value, marked as sensitive.
pub(super) fn value(text: &str) -> Result<HeaderValue, ApiError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| not_a_header())?;
    value.set_sensitive(true);
    Ok(value)
}
