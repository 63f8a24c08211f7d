//! The start of an account's source, and its check.

use super::account::Account;
use super::client::{ALLOWED, BOUNDS, Client};
use super::error::CloudError;
use super::gaps::Gaps;
use super::login::Login;
use super::place::LOCATIONS;
use super::poll::Poll;
use super::progress::Progress;
use super::rows::Cloud;
use crate::base::{Finding, Level, Stop};
use crate::clock::Clock;
use crate::http::{self, Budget, Requester};
use crate::ingest::Entrance;
use crate::source::tokens::TokenStore;
use crate::source::{Arrivals, Describer, Inlet, Keep, Schedule, SourceError, Sources};
use crate::vendor::smappee::{VENDOR, rest};
use std::path::Path;
use std::time::Duration;

/// The kind of source.
const KIND: &str = "smappee";
/// The waits after a failure.
const BACKOFF: (Duration, Duration) =
    (if cfg!(test) { Duration::from_millis(20) } else { Duration::from_secs(30) }, Duration::from_mins(15));

/// The parts of the service that an account needs.
#[derive(Debug)]
pub struct Needs<'a> {
    /// Its entrance to ingest.
    pub entrance: Entrance,
    /// Where its tokens and its progress are stored.
    pub data_directory: &'a Path,
    /// Gap detection.
    pub arrivals: Arrivals,
    /// Records descriptions of meters.
    pub describer: Describer,
}

impl Account {
    /// Starts its source.
    pub fn start(&self, sources: &Sources, needs: Needs<'_>, clock: &Clock) {
        let schedule = Schedule { every: self.every, first_within: Duration::ZERO, backoff: BACKOFF };
        let budget = Budget::new(self.requests_per_minute);
        let requester = sources.requester(&self.name, BOUNDS, budget, self.ca_file.as_ref());
        let tokens = TokenStore::new(needs.data_directory, &self.key_file, VENDOR, &self.name);
        let client = self.client(requester, Some(tokens));
        let inlet = Inlet::new(&self.name, KIND, needs.entrance, Keep::All);
        let poll = Poll::new(
            self.clone(),
            Cloud::new(client, inlet, clock.clone()),
            Gaps::new(needs.arrivals, sources.stop_signal().clone()),
            Progress::of(needs.data_directory, &self.name),
            needs.describer,
            clock.clone(),
        );
        sources.start_polled(&self.name, KIND, schedule, poll);
    }

    /// Logs in and requests the locations once, for the operator. Stores nothing. Both results are sentences.
    ///
    /// # Errors
    /// When the locations cannot be read.
    pub async fn connect(&self, clock: Clock) -> Result<String, SourceError> {
        let http = http::Client::trusting(BOUNDS, self.ca_file.as_ref());
        let requester = Requester::new(&self.name, http, Budget::unlimited(), Stop::default(), clock);
        let body = self.client(requester, None).get(LOCATIONS).await?;
        let seen = rest::locations(&body).map_err(|error| CloudError::Broken(error.to_string()))?;
        let wanted = seen.iter().filter(|location| self.wants(&location.id)).count();
        Ok(format!("sees {} locations and reads {wanted}", seen.len()))
    }

    /// A warning if the key lies beside what it seals.
    pub fn warning(&self, data_directory: &Path) -> Option<Finding> {
        self.key_file.starts_with(data_directory).then(|| {
            let name = &self.name;
            let why = format!("token_key_file of account '{name}' is in the data directory, so a copy of it exposes the login: move it elsewhere");
            Finding::new(Level::Warning, why)
        })
    }

    fn client(&self, requester: Requester, tokens: Option<TokenStore>) -> Client {
        Client::new(requester, self.url.clone(), ALLOWED, Login::new(self.credentials.clone(), tokens))
    }
}
