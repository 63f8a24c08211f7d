//! The device code (RFC 8628): a machine without a browser shows a code, and asks at
//! the server's pace until somebody has confirmed it elsewhere.

use super::error::LoginError;
use super::grant::{Application, Endpoints, fetch};
use crate::http::Requester;
use oauth2::basic::BasicTokenResponse;
use oauth2::{StandardDeviceAuthorizationResponse, VerificationUriComplete};
use std::time::Duration;

/// A code is not waited for longer, whatever the server says.
const WAIT_MAX: Duration = Duration::from_mins(30);

/// What somebody has to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Where the code is confirmed.
    pub address: String,
    /// The same with the code in it, where the server gives that.
    pub complete: Option<String>,
    /// The code.
    pub code: String,
    /// How long it can be confirmed.
    pub lasts: Duration,
}

/// A code that was asked for.
#[derive(Debug)]
pub(super) struct DeviceLogin<'a> {
    application: &'a Application,
    endpoints: Endpoints,
    details: StandardDeviceAuthorizationResponse,
}

pub(super) async fn request_code<'a>(
    application: &'a Application,
    requester: &Requester,
) -> Result<DeviceLogin<'a>, LoginError> {
    let send = |request| fetch(requester.clone(), request);
    let endpoints = application.endpoints()?;
    let asked = endpoints.exchange_device_code().add_scopes(application.scopes_of_a_login());
    let details = asked.request_async(&send).await.map_err(|error| LoginError::of(error, application))?;
    Ok(DeviceLogin { application, endpoints, details })
}

impl DeviceLogin<'_> {
    pub(super) fn prompt(&self) -> Prompt {
        let complete = self.details.verification_uri_complete();
        Prompt {
            address: self.details.verification_uri().to_string(),
            complete: complete.map(VerificationUriComplete::secret).cloned(),
            code: self.details.user_code().secret().clone(),
            lasts: self.lasts(),
        }
    }

    /// Asks until it is confirmed: the library keeps the pace, also when it is told to
    /// slow down, and goes on after trouble on the way.
    pub(super) async fn wait(&self, requester: &Requester) -> Result<BasicTokenResponse, LoginError> {
        let send = |request| fetch(requester.clone(), request);
        let asked = self.endpoints.exchange_device_access_token(&self.details);
        let answer = asked.request_async(&send, tokio::time::sleep, Some(self.lasts())).await;
        answer.map_err(|error| LoginError::of(error, self.application))
    }

    fn lasts(&self) -> Duration {
        self.details.expires_in().min(WAIT_MAX)
    }
}
