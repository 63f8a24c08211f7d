//! Lists, makes and removes registrations of our own address.
//!
//! All registrars of an account share a [`Desk`]: one works at a time, with what is
//! wanted when it begins.

use super::account::{Wanted, origin};
use super::answer::ApiError;
use super::client::Client;
use super::memory::Memory;
use super::plan::{Evidence, Plan, Standing, Step, plan, standing};
use crate::secret::Secret;
use crate::vendor::smart_me::{Registration, RegistrationId, RegistrationKind};
use serde::Serialize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

const PATH: &str = "/RegisterForRealtimeApi";
/// Another's turn is waited for so often, for so long.
const TURN_PAUSE: Duration = Duration::from_millis(50);
const TURN_LOOKS_MAX: u32 = 600;

/// Keeps the registration of one account.
#[derive(Debug)]
pub struct Registrar {
    client: Client,
    desk: Desk,
    /// As it was when the present work began.
    wanted: Wanted,
    memory: Memory,
}

/// What is wanted of an account's registration, and whose turn it is. A clone is the same.
#[derive(Debug, Clone)]
pub struct Desk {
    wanted: Arc<Mutex<Wanted>>,
    turn: Arc<Mutex<()>>,
}

impl Desk {
    /// A desk where this is wanted.
    #[must_use]
    pub fn new(wanted: Wanted) -> Self {
        Self { wanted: Arc::new(Mutex::new(wanted)), turn: Arc::default() }
    }

    /// From the next work on this password is wanted, with the same user name.
    pub fn want_password(&self, password: Secret) {
        if let Some(pair) = &mut self.wanted.lock().unwrap_or_else(PoisonError::into_inner).credentials {
            pair.1 = password;
        }
    }

    fn wanted(&self) -> Wanted {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What was done, or would be, in sentences.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One a step.
    pub steps: Vec<String>,
    /// Registrations of other programs, which are left alone.
    pub foreign: usize,
}

/// A registration as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its id at smart-me.
    pub id: String,
    /// user, meter, disabled, or the number of another kind.
    pub kind: String,
    /// The meter, where it is for one.
    pub meter: Option<String>,
    /// Where it posts to, without the path, which may be a secret.
    pub to: String,
    /// How it is, where it is ours; `None` for another program's.
    pub standing: Option<String>,
}

impl Registrar {
    /// The registrar of an account whose client this is.
    #[must_use]
    pub fn new(client: Client, desk: Desk, memory: Memory) -> Self {
        Self { client, wanted: desk.wanted(), desk, memory }
    }

    /// All registrations of the account, ours and others'.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn list(&mut self) -> Result<Vec<Listed>, ApiError> {
        let turn = Arc::clone(&self.desk.turn);
        let _turn = self.begin(&turn)?;
        let listed = self.listed()?;
        let known = self.memory.known(self.client.name(), &self.wanted);
        let shown = listed.iter().map(|registration| {
            let is_ours = self.wanted.is_at(&registration.url);
            let standing =
                || standing(&self.wanted, registration, Evidence::default(), known(registration.id)).to_string();
            Listed {
                id: registration.id.to_string(),
                kind: kind(registration.kind),
                meter: registration.meter.map(|meter| meter.to_string()),
                to: origin(&registration.url),
                standing: is_ours.then(standing),
            }
        });
        Ok(shown.collect())
    }

    /// Brings about that exactly one registration is ours and right, or says what
    /// that would take.
    ///
    /// # Errors
    /// [`ApiError`]; what was done before it stays done, and the next look goes on.
    pub fn reconcile(&mut self, evidence: Evidence, dry_run: bool) -> Result<Report, ApiError> {
        let turn = Arc::clone(&self.desk.turn);
        let _turn = self.begin(&turn)?;
        let listed = self.listed()?;
        let mut plan = self.plan(&listed, evidence);
        let mut report = Report { steps: Vec::new(), foreign: plan.foreign };
        if dry_run {
            report.steps = plan.steps.iter().map(|step| format!("would {step}")).collect();
            return Ok(report);
        }
        if plan.steps.contains(&Step::Create) {
            self.create(&plan, &mut report)?;
            plan.steps.retain(|step| *step != Step::Create);
        }
        for step in &plan.steps {
            if let Step::Remove(id, _) = step {
                self.remove(*id)?;
                report.steps.push(step.to_string());
            }
        }
        Ok(report)
    }

    /// Removes every registration of our address, or says which.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn remove_all(&mut self, dry_run: bool) -> Result<Report, ApiError> {
        let turn = Arc::clone(&self.desk.turn);
        let _turn = self.begin(&turn)?;
        let listed = self.listed()?;
        let (ours, foreign): (Vec<_>, Vec<_>) = listed.iter().partition(|it| self.wanted.is_at(&it.url));
        let mut report = Report { steps: Vec::new(), foreign: foreign.len() };
        for registration in ours {
            if dry_run {
                report.steps.push(format!("would remove registration {}", registration.id));
            } else {
                self.remove(registration.id)?;
                report.steps.push(format!("remove registration {}", registration.id));
            }
        }
        if !dry_run && let Err(error) = self.memory.forget(self.client.name()) {
            tracing::warn!(account = self.client.name(), %error, "what was registered cannot be forgotten");
        }
        Ok(report)
    }

    /// Waits for the turn and looks what is wanted then.
    fn begin<'a>(&mut self, turn: &'a Mutex<()>) -> Result<MutexGuard<'a, ()>, ApiError> {
        for _ in 0..TURN_LOOKS_MAX {
            let turn = match turn.try_lock() {
                Ok(turn) => turn,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    self.client.wait(TURN_PAUSE)?;
                    continue;
                }
            };
            self.wanted = self.desk.wanted();
            return Ok(turn);
        }
        Err(ApiError::Away("the registration is being looked after all the time".to_owned()))
    }

    fn plan(&self, listed: &[Registration], evidence: Evidence) -> Plan {
        plan(&self.wanted, listed, evidence, self.memory.known(self.client.name(), &self.wanted))
    }

    /// Makes the registration, and looks whether it is there: the answer has no
    /// body, so its id is learned from the list.
    fn create(&mut self, plan: &Plan, report: &mut Report) -> Result<(), ApiError> {
        let before: Vec<RegistrationId> = self.ours()?;
        match self.client.post(PATH, &self.wanted.as_new().to_json()) {
            // Whether one address may be registered twice is not documented.
            Err(ApiError::Refused(_)) if !before.is_empty() => {
                for step in &plan.steps {
                    if let Step::Remove(id, _) = step {
                        self.remove(*id)?;
                    }
                }
                self.client.post(PATH, &self.wanted.as_new().to_json())?;
            }
            // The list tells.
            Err(ApiError::Unknown(_)) => {}
            other => other?,
        }
        let made = self.ours()?.into_iter().find(|id| !before.contains(id));
        let Some(id) = made else {
            return Err(ApiError::Refused("the registration was taken, but is not in the list".to_owned()));
        };
        if let Err(error) = self.memory.remember(self.client.name(), id, &self.wanted) {
            tracing::warn!(account = self.client.name(), %error, "what was registered cannot be remembered");
        }
        report.steps.push(format!("{} (registration {id})", Step::Create));
        Ok(())
    }

    fn ours(&mut self) -> Result<Vec<RegistrationId>, ApiError> {
        let listed = self.listed()?;
        Ok(listed.iter().filter(|it| self.wanted.is_at(&it.url)).map(|it| it.id).collect())
    }

    fn listed(&mut self) -> Result<Vec<Registration>, ApiError> {
        let answer = self.client.get(PATH)?;
        Registration::list(&answer).map_err(|error| ApiError::Unreadable(error.to_string()))
    }

    fn remove(&mut self, id: RegistrationId) -> Result<(), ApiError> {
        self.client.delete(&format!("{PATH}/{id}"))
    }
}

fn kind(kind: RegistrationKind) -> String {
    match kind {
        RegistrationKind::Disabled => "disabled".to_owned(),
        RegistrationKind::Meter => "meter".to_owned(),
        RegistrationKind::User => "user".to_owned(),
        RegistrationKind::Other(number) => number.to_string(),
    }
}

impl Report {
    /// Whether there was nothing to do.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.steps.is_empty()
    }
}

impl Listed {
    /// Whether it is ours and right.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.standing.as_ref().is_some_and(|standing| *standing == Standing::Right.to_string())
    }
}
