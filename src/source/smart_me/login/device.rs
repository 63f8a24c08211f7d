//! The device code grant (RFC 8628): a machine without a browser shows a code and polls at
//! the server's pace until a person has confirmed it on another device.

use super::error::LoginError;
use super::grant::{Application, Endpoints, fetch};
use crate::http::Requester;
use oauth2::basic::BasicTokenResponse;
use oauth2::{StandardDeviceAuthorizationResponse, VerificationUriComplete};
use std::time::Duration;

/// The longest wait for a confirmation.
const WAIT_MAX: Duration = Duration::from_mins(30);

/// The instructions for the person who confirms the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The URL where the code is confirmed.
    pub address: String,
    /// The same URL with the code, if the server sends one.
    pub complete: Option<String>,
    /// The code.
    pub code: String,
    /// The time left to confirm it.
    pub lasts: Duration,
}

/// A login with a device code.
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

    /// Polls until the code is confirmed. The library keeps the server's pace and continues
    /// after network errors.
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
