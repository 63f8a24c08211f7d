//! What a command does to an account of the running service: its webhook credentials
//! read again, its registration replaced.

use crate::clock::Clock;
use crate::source::smart_me::{Access, Account, Client, Desk, Evidence, Memory, Passwords, Pause, Registrar};
use crate::source::webhook::{Credentials, Pairs};
use std::sync::Arc;
use std::time::Duration;

/// How long one request waits for a cloud that is away: somebody waits at the command line.
const PATIENCE: Duration = Duration::from_secs(30);
/// Looks until a registration that was replaced is seen to be right.
pub(super) const LOOKS_MAX: u32 = 3;

/// An account of the running service, as commands have it.
#[derive(Debug)]
pub(in crate::app) struct Keeper {
    pub(super) account: Account,
    pub(super) access: Access,
    pub(super) desk: Option<Desk>,
    pub(super) memory: Memory,
    pub(super) pairs: Arc<Pairs>,
    pub(super) pause: Arc<Pause>,
    pub(super) clock: Clock,
}

impl Keeper {
    pub(in crate::app) fn name(&self) -> &str {
        &self.account.name
    }

    pub(super) fn desk(&self) -> Option<&Desk> {
        self.desk.as_ref()
    }

    /// From now on the passwords on disk are valid, and the first is the one to be
    /// registered. How often the second pair was presented.
    pub(in crate::app) fn read_credentials(&self) -> Result<u64, String> {
        let file = self.account.password.as_ref().map_err(ToString::to_string)?;
        let credentials = self.account.wanted.as_ref().and_then(|wanted| wanted.credentials.as_ref());
        let (Some((user, _)), Some(desk)) = (credentials, &self.desk) else {
            return Err(format!("{}: [[smart_me]] needs public_url", self.name()));
        };
        let Passwords { present, before } = file.read().map_err(|error| error.to_string())?;
        let passwords = std::iter::once(&present).chain(&before);
        let pairs: Vec<_> = passwords.map(|password| Credentials::new(user, password.expose())).collect();
        self.pairs.replace(&pairs);
        desk.want_password(present);
        Ok(self.pairs.second_used())
    }

    /// Replaces the registration by one with the present password.
    pub(in crate::app) fn register(&self) -> Result<Vec<String>, String> {
        let desk = self.desk.clone().ok_or_else(|| format!("{}: [[smart_me]] needs public_url", self.name()))?;
        let (pause, clock) = (Arc::clone(&self.pause), self.clock.clone());
        let client = Client::new(self.account.clone(), self.access.clone(), PATIENCE, pause, clock);
        replaced(&mut Registrar::new(client, desk, self.memory.clone()))
    }
}

/// Brings about that the registration is right and has the present password, and looks
/// whether it is.
pub(super) fn replaced(registrar: &mut Registrar) -> Result<Vec<String>, String> {
    let evidence = Evidence { is_rotating: true, ..Evidence::default() };
    let mut steps = Vec::new();
    for _ in 0..LOOKS_MAX {
        let report = registrar.reconcile(evidence, false).map_err(|error| error.to_string())?;
        if report.is_right() {
            return Ok(steps);
        }
        steps.extend(report.steps);
    }
    Err("the registration is not as wanted after it was put right: look at `meterline smart-me list`".to_owned())
}
