//! Starts the tasks of an account at smart-me, which share one request budget and one
//! login, and offers the actions for commands.

use super::SourceStarter;
use crate::base::Stop;
use crate::source::smart_me::{
    Access, Account, Client, Devices, DevicesParts, GapRepair, PollMode, REGISTRATION, RELOAD_CREDENTIALS,
    REPLACE_REGISTRATION, Registrar, Registration, Target, WebhookLogins, registration_schedule,
};
use crate::source::webhook::{AuthCounts, Credentials, Pairs};
use crate::source::{Inlet, Keep, Sources};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// The maximum wait of a background request for an unreachable server.
const REQUEST_WAIT_MAX: Duration = Duration::from_mins(10);
/// The same for a request of a command.
const COMMAND_REQUEST_WAIT_MAX: Duration = Duration::from_secs(30);

impl SourceStarter<'_> {
    pub(super) fn start_smart_me(&self, account: &Account, sources: &Sources) -> Result<(), String> {
        let stop = sources.stop_signal().clone();
        let access = Access::new(account, &self.config.data_directory, stop, self.parts.clock.clone());
        for warning in account.warnings(&self.config.data_directory) {
            tracing::warn!(account = account.name, "{warning}");
        }
        let client = Client::new(account.clone(), access.clone(), REQUEST_WAIT_MAX);
        if let (Some(wanted), Some(pairs)) =
            (&account.wanted, self.accounts.and_then(|accounts| accounts.pairs(&account.name)))
        {
            let (target, file) = (Target::new(wanted.clone()), self.parts.live.registration_file.clone());
            self.keep_registration(account, sources, Registrar::new(client.clone(), target.clone(), file.clone()));
            let client = Client::new(account.clone(), access.clone(), COMMAND_REQUEST_WAIT_MAX);
            let registrar = Registrar::new(client, target.clone(), file);
            let rotation = Rotation {
                account: account.clone(),
                target,
                pairs,
                registrar,
                runtime: self.parts.runtime.clone(),
                stop: sources.stop_signal().clone(),
            };
            Self::offer(sources, Arc::new(rotation));
        }
        let brings_readings = self.parts.live.options(&account.name).is_some();
        if account.repair && brings_readings {
            let inlet = self.inlet(account, GapRepair::KIND)?;
            let repair = GapRepair::new(client.clone(), self.arrivals(), inlet, self.parts.clock.clone());
            sources.start_polled(&account.name, GapRepair::KIND, GapRepair::SCHEDULE, repair);
        }
        self.poll_devices(account, sources, client, brings_readings)
    }

    fn keep_registration(&self, account: &Account, sources: &Sources, registrar: Registrar) {
        let Some(every) = account.reconcile_every else { return };
        let logins = logins_of(self.auth_counts(&account.name));
        let registration = Registration::new(registrar, logins, self.parts.clock.clone());
        sources.start_polled(&account.name, REGISTRATION, registration_schedule(every), registration);
    }

    fn poll_devices(
        &self,
        account: &Account,
        sources: &Sources,
        client: Client,
        brings_readings: bool,
    ) -> Result<(), String> {
        let Some(polling) = account.polling.clone() else { return Ok(()) };
        let schedule = Devices::schedule(polling.every);
        let store = match polling.mode {
            PollMode::Store => Some((self.arrivals(), self.inlet(account, Devices::KIND)?)),
            PollMode::Watch => None,
        };
        let describer = if brings_readings { Some(self.describer(self.device(&account.name)?)) } else { None };
        let parts = DevicesParts {
            polling,
            has_webhook: self.auth_counts(&account.name).is_some(),
            store,
            describer,
            counters: self.parts.live.counters.clone(),
            clock: self.parts.clock.clone(),
        };
        sources.start_polled(&account.name, Devices::KIND, schedule, Devices::new(client, parts));
        Ok(())
    }

    fn offer(sources: &Sources, rotation: Arc<Rotation>) {
        let (name, reload) = (rotation.account.name.clone(), Arc::clone(&rotation));
        sources.offer(&name, RELOAD_CREDENTIALS, Arc::new(move || reload.reload_credentials().map(Value::from)));
        sources.offer(&name, REPLACE_REGISTRATION, Arc::new(move || rotation.replace_registration().map(Value::from)));
    }

    fn inlet(&self, account: &Account, kind: &'static str) -> Result<Inlet, String> {
        Ok(Inlet::new(&account.name, kind, self.entrance(&account.name)?, Keep::All))
    }
}

/// Returns a function that reports the account's logins at the webhook since the start.
fn logins_of(auth_counts: Option<Arc<AuthCounts>>) -> impl Fn() -> WebhookLogins + Send + 'static {
    move || {
        let counted = |counts: &Arc<AuthCounts>| WebhookLogins { accepted: counts.accepted(), wrong: counts.wrong() };
        auth_counts.as_ref().map(counted).unwrap_or_default()
    }
}

/// The rotation of the webhook password in the running service.
struct Rotation {
    account: Account,
    target: Target,
    pairs: Arc<Pairs>,
    registrar: Registrar,
    runtime: Handle,
    stop: Stop,
}

impl Rotation {
    /// Accepts the passwords on disk from now on; the registration must have the current one.
    /// Returns how often requests used the second pair.
    fn reload_credentials(&self) -> Result<u64, String> {
        let file = self.account.password.as_ref().map_err(ToString::to_string)?;
        let credentials = self.account.wanted.as_ref().and_then(|wanted| wanted.credentials.as_ref());
        let (user, _) = credentials.ok_or_else(|| {
            format!("{}: the webhook account has no credentials, so there is nothing to rotate", self.account.name)
        })?;
        let passwords = file.read().map_err(|error| error.to_string())?;
        let valid = std::iter::once(&passwords.present).chain(&passwords.before);
        let pairs: Vec<_> = valid.map(|password| Credentials::new(user, password.expose())).collect();
        self.pairs.replace(&pairs);
        self.target.want_password(passwords.present);
        Ok(self.pairs.second_used())
    }

    /// Replaces the registration by one with the current password. Returns the steps done.
    fn replace_registration(&self) -> Result<Vec<String>, String> {
        let replaced = self.stop.until_deadline(self.registrar.replace_credentials());
        match self.runtime.block_on(replaced) {
            Ok(replaced) => replaced.map_err(|error| error.to_string()),
            Err(stopped) => Err(stopped.to_string()),
        }
    }
}
