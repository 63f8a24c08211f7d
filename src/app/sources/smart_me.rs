//! An account at smart-me: three tasks with one budget and one login, and the actions
//! that commands may ask for.

use super::Building;
use crate::source::smart_me::{
    Access, Account, Arrivals, Client, Describer, Devices, DevicesParts, Evidence, GapRepair, PollMode, REGISTRATION,
    RELOAD_CREDENTIALS, REPLACE_REGISTRATION, Registrar, Registration, RegistrationFile, Target, registration_schedule,
};
use crate::source::webhook::{AuthCounts, Credentials, Pairs};
use crate::source::{Inlet, Keep};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// How long one request may wait for a server that is away.
const PATIENCE: Duration = Duration::from_mins(10);
/// And while a command waits for the answer.
const COMMAND_PATIENCE: Duration = Duration::from_secs(30);

impl Building<'_> {
    pub(super) fn start_smart_me(&self, account: &Account) -> Result<(), String> {
        let stop = self.parts.sources.stop_signal().clone();
        let access = Access::new(account, &self.config.data_directory, stop, self.parts.clock.clone());
        for warning in account.warnings(&self.config.data_directory) {
            tracing::warn!(account = account.name, "{warning}");
        }
        let client = Client::new(account.clone(), access.clone(), PATIENCE);
        if let (Some(wanted), Some(pairs)) = (&account.wanted, self.webhook.pairs(&account.name)) {
            let (target, memory) =
                (Target::new(wanted.clone()), RegistrationFile::in_directory(&self.config.data_directory));
            self.keep_registration(account, Registrar::new(client.clone(), target.clone(), memory.clone()));
            let client = Client::new(account.clone(), access.clone(), COMMAND_PATIENCE);
            let registrar = Registrar::new(client, target.clone(), memory);
            let rotation =
                Rotation { account: account.clone(), target, pairs, registrar, runtime: self.parts.runtime.clone() };
            self.offer(Arc::new(rotation));
        }
        let brings_readings = super::options(self.config).iter().any(|(name, _)| *name == account.name);
        if account.repair && brings_readings {
            let inlet = self.inlet(account, GapRepair::KIND)?;
            let repair = GapRepair::new(
                client.clone(),
                self.arrivals(),
                inlet,
                self.parts.sources.stop_signal().clone(),
                self.parts.clock.clone(),
            );
            self.parts.sources.start_polled(&account.name, GapRepair::KIND, GapRepair::SCHEDULE, repair);
        }
        self.poll_devices(account, client, brings_readings)
    }

    fn keep_registration(&self, account: &Account, registrar: Registrar) {
        let Some(every) = account.reconcile_every else { return };
        let evidence = evidence_of(self.webhook.auth_counts(&account.name));
        let registration = Registration::new(registrar, evidence, self.parts.clock.clone());
        self.parts.sources.start_polled(&account.name, REGISTRATION, registration_schedule(every), registration);
    }

    fn poll_devices(&self, account: &Account, client: Client, brings_readings: bool) -> Result<(), String> {
        let Some(polling) = account.polling.clone() else { return Ok(()) };
        let schedule = Devices::schedule(polling.every);
        let store = match polling.mode {
            PollMode::Store => Some((self.arrivals(), self.inlet(account, Devices::KIND)?)),
            PollMode::Watch => None,
        };
        let describer = if brings_readings {
            let entrance = self.entrance(&account.name)?;
            Some(Describer { meters: self.parts.meters.clone(), entrance, clock: self.parts.clock.clone() })
        } else {
            None
        };
        let parts = DevicesParts {
            polling,
            store,
            describer,
            counters: self.observer.0.clone(),
            stop: self.parts.sources.stop_signal().clone(),
            clock: self.parts.clock.clone(),
        };
        self.parts.sources.start_polled(&account.name, Devices::KIND, schedule, Devices::new(client, parts));
        Ok(())
    }

    fn offer(&self, rotation: Arc<Rotation>) {
        let (name, reload) = (rotation.account.name.clone(), Arc::clone(&rotation));
        self.parts.sources.offer(
            &name,
            RELOAD_CREDENTIALS,
            Arc::new(move || reload.reload_credentials().map(Value::from)),
        );
        self.parts.sources.offer(
            &name,
            REPLACE_REGISTRATION,
            Arc::new(move || rotation.replace_registration().map(Value::from)),
        );
    }

    fn arrivals(&self) -> Arrivals {
        Arrivals::new(self.parts.coverage.clone(), self.parts.journal.clone())
    }

    fn inlet(&self, account: &Account, kind: &'static str) -> Result<Inlet, String> {
        Ok(Inlet::new(&account.name, kind, self.entrance(&account.name)?, Keep::All))
    }
}

/// What the webhook has seen of the account since the last look.
fn evidence_of(auth_counts: Option<Arc<AuthCounts>>) -> impl FnMut() -> Evidence + Send + 'static {
    let mut before = Evidence::default();
    move || {
        let now = auth_counts.as_ref().map_or(before, |auth_counts| Evidence {
            accepted: auth_counts.accepted(),
            challenged: auth_counts.challenged(),
            ..before
        });
        let (accepted, challenged) = (now.accepted - before.accepted, now.challenged - before.challenged);
        before = now;
        Evidence { accepted, challenged, ..Evidence::default() }
    }
}

/// The service's part in a rotation of the webhook password.
struct Rotation {
    account: Account,
    target: Target,
    pairs: Arc<Pairs>,
    registrar: Registrar,
    runtime: Handle,
}

impl Rotation {
    /// From now on the passwords on disk are valid, and the present one is wanted in the
    /// registration. Returns how often the second pair was presented.
    fn reload_credentials(&self) -> Result<u64, String> {
        let file = self.account.password.as_ref().map_err(ToString::to_string)?;
        let credentials = self.account.wanted.as_ref().and_then(|wanted| wanted.credentials.as_ref());
        let (user, _) = credentials.ok_or_else(|| format!("{}: the webhook account is open", self.account.name))?;
        let passwords = file.read().map_err(|error| error.to_string())?;
        let valid = std::iter::once(&passwords.present).chain(&passwords.before);
        let pairs: Vec<_> = valid.map(|password| Credentials::new(user, password.expose())).collect();
        self.pairs.replace(&pairs);
        self.runtime.block_on(self.target.want_password(passwords.present));
        Ok(self.pairs.second_used())
    }

    /// Replaces the registration by one with the present password; the steps that were done.
    fn replace_registration(&self) -> Result<Vec<String>, String> {
        self.runtime.block_on(self.registrar.replace_credentials()).map_err(|error| error.to_string())
    }
}
