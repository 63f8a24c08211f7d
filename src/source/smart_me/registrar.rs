//! Lists, creates and removes registrations of our own URL.
//!
//! All registrars of an account share a [`Target`], whose lock lets one of them work at a time.

use super::account::{WantedRegistration, origin};
use super::client::Client;
use super::error::ApiError;
use super::plan::{Evidence, Plan, RegistrationState, Step, plan, state_of};
use super::registration_file::RegistrationFile;
use crate::secret::Secret;
use crate::vendor::smart_me::{Registration, RegistrationId, RegistrationKind};
use serde::Serialize;
use std::io;
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

/// The path of the registrations.
pub(super) const REGISTRATIONS: &str = "/RegisterForRealtimeApi";
/// Checks of a replaced registration.
const CHECKS_MAX: u32 = 3;

/// Manages the registrations of one account.
#[derive(Debug, Clone)]
pub struct Registrar {
    client: Client,
    target: Target,
    file: RegistrationFile,
}

/// The registration that an account should have. Clones share it and its lock.
#[derive(Debug, Clone)]
pub struct Target(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    wanted: parking_lot::Mutex<WantedRegistration>,
    /// Held while a registrar works.
    turn: Mutex<()>,
}

impl Target {
    /// Creates the target of an account.
    pub fn new(wanted: WantedRegistration) -> Self {
        Self(Arc::new(Shared { wanted: parking_lot::Mutex::new(wanted), turn: Mutex::default() }))
    }

    /// Sets the wanted password and keeps the user name.
    pub fn want_password(&self, password: Secret) {
        if let Some(pair) = &mut self.0.wanted.lock().credentials {
            pair.1 = password;
        }
    }
}

/// The steps done, or planned in a dry run, as sentences.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RegistrationReport {
    /// One sentence per step.
    pub steps: Vec<String>,
    /// Number of registrations of other programs, which stay untouched.
    pub foreign: usize,
}

/// A registration for display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedRegistration {
    /// The id at smart-me.
    pub id: String,
    /// `user`, `meter`, `disabled`, or the number of another kind.
    pub kind: String,
    /// The meter, if it covers only one.
    pub meter: Option<String>,
    /// The URL that it posts to, without the path, which may be a secret.
    pub to: String,
    /// Its state; `None` for another program's registration, or if ours are unknown.
    pub state: Option<String>,
}

impl Registrar {
    /// Creates the registrar of this client's account.
    pub fn new(client: Client, target: Target, file: RegistrationFile) -> Self {
        Self { client, target, file }
    }

    /// Waits until no other registrar of the account works. Returns the wanted registration.
    async fn turn(&self) -> Result<(MutexGuard<'_, ()>, WantedRegistration), ApiError> {
        let turn = timeout(self.client.patience(), self.target.0.turn.lock()).await;
        let turn = turn.map_err(|_| ApiError::Away("another check of the registration takes too long".to_owned()))?;
        Ok((turn, self.target.0.wanted.lock().clone()))
    }

    /// All registrations of the account, also other programs'.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn list(&self) -> Result<Vec<ListedRegistration>, ApiError> {
        let (_turn, wanted) = self.turn().await?;
        let listed = listed(&self.client).await?;
        let credentials = self.file.credentials(self.client.name(), &wanted);
        let shown = listed.iter().map(|registration| {
            let state =
                || state_of(&wanted, registration, Evidence::default(), credentials(registration.id)).to_string();
            ListedRegistration::of(registration, wanted.is_at(&registration.url).then(state))
        });
        Ok(shown.collect())
    }

    /// Creates or repairs the registration; a dry run only reports the steps.
    ///
    /// # Errors
    /// [`ApiError`]; earlier steps stay done.
    pub async fn reconcile(&self, evidence: Evidence, dry_run: bool) -> Result<RegistrationReport, ApiError> {
        let (_turn, wanted) = self.turn().await?;
        let listed = listed(&self.client).await?;
        let mut plan = plan(&wanted, &listed, evidence, self.file.credentials(self.client.name(), &wanted));
        let mut report = RegistrationReport { steps: Vec::new(), foreign: plan.foreign };
        if dry_run {
            report.steps = plan.steps.iter().map(|step| format!("would {step}")).collect();
            return Ok(report);
        }
        if plan.steps.contains(&Step::Create) {
            let id = self.create(&wanted, &plan).await?;
            report.steps.push(format!("{} (registration {id})", Step::Create));
            plan.steps.retain(|step| *step != Step::Create);
        }
        for step in &plan.steps {
            if let Step::Remove(id, _) = step {
                self.remove(*id).await?;
                report.steps.push(step.to_string());
            }
        }
        Ok(report)
    }

    /// Replaces a registration with other credentials and checks the result. Returns the
    /// steps done.
    ///
    /// # Errors
    /// [`ApiError`]; earlier steps stay done.
    pub async fn replace_credentials(&self) -> Result<Vec<String>, ApiError> {
        let evidence = Evidence { is_rotating: true, ..Evidence::default() };
        let mut steps = Vec::new();
        for _ in 0..CHECKS_MAX {
            let report = self.reconcile(evidence, false).await?;
            if report.is_unchanged() {
                return Ok(steps);
            }
            steps.extend(report.steps);
        }
        Err(ApiError::Refused("the registration is still not correct: check `meterline smart-me list`".to_owned()))
    }

    /// Removes every registration of our URL; a dry run only reports them.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn remove_all(&self, dry_run: bool) -> Result<RegistrationReport, ApiError> {
        let (_turn, wanted) = self.turn().await?;
        let listed = listed(&self.client).await?;
        let (ours, foreign): (Vec<_>, Vec<_>) = listed.iter().partition(|it| wanted.is_at(&it.url));
        let mut report = RegistrationReport { steps: Vec::new(), foreign: foreign.len() };
        for registration in ours {
            if dry_run {
                report.steps.push(format!("would remove registration {}", registration.id));
            } else {
                self.remove(registration.id).await?;
                report.steps.push(format!("remove registration {}", registration.id));
            }
        }
        if !dry_run {
            self.log_write_failure(self.file.forget(self.client.name()).await);
        }
        Ok(report)
    }

    /// Creates the registration and finds its id in the list: the answer has no body.
    async fn create(&self, wanted: &WantedRegistration, plan: &Plan) -> Result<RegistrationId, ApiError> {
        let before: Vec<RegistrationId> = self.ours(wanted).await?;
        match self.client.post(REGISTRATIONS, wanted.as_new().to_json()).await {
            // smart-me does not document whether one URL may be registered twice.
            Err(ApiError::Refused(_)) if !before.is_empty() => {
                for step in &plan.steps {
                    if let Step::Remove(id, _) = step {
                        self.remove(*id).await?;
                    }
                }
                self.client.post(REGISTRATIONS, wanted.as_new().to_json()).await?;
            }
            // The list shows whether it was created.
            Err(ApiError::Unknown(_)) => {}
            other => other?,
        }
        let made = self.ours(wanted).await?.into_iter().find(|id| !before.contains(id));
        let id =
            made.ok_or_else(|| ApiError::Refused("the registration was accepted, but is not in the list".to_owned()))?;
        self.log_write_failure(self.file.remember(self.client.name(), id, wanted).await);
        Ok(id)
    }

    /// The file is a hint, so a failed write is only logged.
    fn log_write_failure(&self, outcome: io::Result<()>) {
        if let Err(error) = outcome {
            tracing::warn!(account = self.client.name(), %error, "the file of registrations cannot be written");
        }
    }

    async fn ours(&self, wanted: &WantedRegistration) -> Result<Vec<RegistrationId>, ApiError> {
        let listed = listed(&self.client).await?;
        Ok(listed.iter().filter(|it| wanted.is_at(&it.url)).map(|it| it.id).collect())
    }

    async fn remove(&self, id: RegistrationId) -> Result<(), ApiError> {
        self.client.delete(&format!("{REGISTRATIONS}/{id}")).await
    }
}

/// All registrations of an account whose public address is unknown, so that none has a state.
///
/// # Errors
/// [`ApiError`].
pub async fn list_all(client: &Client) -> Result<Vec<ListedRegistration>, ApiError> {
    Ok(listed(client).await?.iter().map(|registration| ListedRegistration::of(registration, None)).collect())
}

async fn listed(client: &Client) -> Result<Vec<Registration>, ApiError> {
    Ok(Registration::list(&client.get(REGISTRATIONS).await?.body)?)
}

fn kind(kind: RegistrationKind) -> String {
    match kind {
        RegistrationKind::Disabled => "disabled".to_owned(),
        RegistrationKind::Meter => "meter".to_owned(),
        RegistrationKind::User => "user".to_owned(),
        RegistrationKind::Other(number) => number.to_string(),
    }
}

impl RegistrationReport {
    /// Whether there was nothing to do.
    pub fn is_unchanged(&self) -> bool {
        self.steps.is_empty()
    }
}

impl ListedRegistration {
    fn of(registration: &Registration, state: Option<String>) -> Self {
        Self {
            id: registration.id.to_string(),
            kind: kind(registration.kind),
            meter: registration.meter.map(|meter| meter.to_string()),
            to: origin(&registration.url),
            state,
        }
    }

    /// Whether it is ours and correct.
    pub fn is_correct(&self) -> bool {
        self.state.as_ref().is_some_and(|state| *state == RegistrationState::Correct.to_string())
    }
}
