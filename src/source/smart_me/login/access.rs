//! The access to an account that its clients share.

use super::Authorization;
use crate::base::Stop;
use crate::clock::Clock;
use crate::http::{self, Bounds, Budget, Requester};
use crate::source::smart_me::account::Account;
use crate::source::smart_me::error::ApiError;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The limits of one request. The body limit exceeds a list of ten thousand devices.
const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(30), answer_bytes_max: 32 << 20 };

/// The state that all clients of an account share: connections, the request budget and one
/// login, so that a token is fetched once per account. Clones share it.
#[derive(Debug, Clone)]
pub struct Access {
    requester: Requester,
    authorization: Arc<Authorization>,
}

impl Access {
    /// Creates the access of an account. A person's login is stored in this data directory.
    pub fn new(account: &Account, data_directory: &Path, stop: Stop, clock: Clock) -> Self {
        let budget = Budget::new(account.requests_per_minute);
        let requester = Requester::new(
            &account.name,
            http::Client::trusting(BOUNDS, account.ca_file.as_ref()),
            budget,
            stop,
            clock,
        );
        Self { requester, authorization: Arc::new(Authorization::new(account, data_directory)) }
    }

    pub(in crate::source::smart_me) fn requester(&self) -> &Requester {
        &self.requester
    }

    pub(in crate::source::smart_me) fn authorization(&self) -> &Authorization {
        &self.authorization
    }

    /// Checks without a request that the account has a login.
    ///
    /// # Errors
    /// [`ApiError::LoggedOut`].
    pub fn check_login(&self) -> Result<(), ApiError> {
        self.authorization.check_login()
    }
}
