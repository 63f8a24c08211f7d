//! Plans the steps to exactly one correct registration of our URL. Pure.
//!
//! A registration is ours if it posts to our URL, regardless of its creator; all others belong to
//! other programs and are never touched. A wrong registration is replaced, because the API
//! cannot change one. Invariant: nothing is removed before the correct one exists, except
//! where the server refuses duplicates.

use super::account::WantedRegistration;
use crate::vendor::smart_me::{Registration, RegistrationId, RegistrationKind};
use std::fmt;

/// Knowledge about the account beside the list of its registrations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The webhook's logins show a wrong password that the list does not show.
    pub wrong_password: bool,
    /// A rotation is in progress: a registration that is not in the file and shows no
    /// password has the previous credentials.
    pub is_rotating: bool,
}

/// The state of a registration of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationState {
    /// As wanted, as far as the list shows.
    Correct,
    /// Stored, but switched off.
    Disabled,
    /// For another meter, for one meter instead of all, or for all instead of one.
    OtherDevices,
    /// With another user name or password.
    OtherCredentials,
    /// A second correct registration.
    Duplicate,
}

impl fmt::Display for RegistrationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Correct => "correct",
            Self::Disabled => "switched off at smart-me",
            Self::OtherDevices => "for other devices than configured",
            Self::OtherCredentials => "with other credentials than configured",
            Self::Duplicate => "a duplicate",
        })
    }
}

/// One step of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Create the registration.
    Create,
    /// Remove a registration of ours, with the reason.
    Remove(RegistrationId, RegistrationState),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create => f.write_str("register our URL"),
            Self::Remove(id, why) => write!(f, "remove registration {id}: {why}"),
        }
    }
}

/// Whether a registration has the wanted credentials, according to the registration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CredentialsMatch {
    /// Created by us with the wanted credentials.
    Same,
    /// Created by us with other credentials.
    Changed,
    /// Not in the file.
    Unknown,
}

/// The steps for a list of registrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// The correct registration, if any.
    pub(super) correct: Option<RegistrationId>,
    /// Number of registrations of other programs.
    pub(super) foreign: usize,
}

/// Plans the steps for a list.
pub(super) fn plan(
    wanted: &WantedRegistration,
    listed: &[Registration],
    evidence: Evidence,
    credentials: impl Fn(RegistrationId) -> CredentialsMatch,
) -> Plan {
    let mut correct = None;
    let mut removals = Vec::new();
    for registration in listed.iter().filter(|registration| wanted.is_at(&registration.url)) {
        match state_of(wanted, registration, evidence, credentials(registration.id)) {
            RegistrationState::Correct if correct.is_none() => correct = Some(registration.id),
            RegistrationState::Correct => removals.push(Step::Remove(registration.id, RegistrationState::Duplicate)),
            wrong => removals.push(Step::Remove(registration.id, wrong)),
        }
    }
    let steps = correct.is_none().then_some(Step::Create).into_iter().chain(removals).collect();
    let foreign = listed.iter().filter(|registration| !wanted.is_at(&registration.url)).count();
    Plan { steps, correct, foreign }
}

/// The state of a registration of our URL.
pub(super) fn state_of(
    wanted: &WantedRegistration,
    registration: &Registration,
    evidence: Evidence,
    credentials: CredentialsMatch,
) -> RegistrationState {
    let is_wanted_kind = match (registration.kind, wanted.meter) {
        (RegistrationKind::Disabled, _) => return RegistrationState::Disabled,
        (RegistrationKind::User, None) => true,
        (RegistrationKind::Meter, Some(meter)) => registration.meter.is_none_or(|listed| listed == meter),
        _ => false,
    };
    if !is_wanted_kind {
        return RegistrationState::OtherDevices;
    }
    let Some((user, password)) = &wanted.credentials else {
        // An open path accepts any credentials.
        return RegistrationState::Correct;
    };
    let other_user = registration.username.as_ref().is_some_and(|listed| listed != user);
    let other_password = match (&registration.password, credentials) {
        (Some(listed), _) => listed != password,
        (None, CredentialsMatch::Changed) => true,
        (None, CredentialsMatch::Unknown) if evidence.is_rotating => true,
        (None, CredentialsMatch::Same | CredentialsMatch::Unknown) => evidence.wrong_password,
    };
    if other_user || other_password { RegistrationState::OtherCredentials } else { RegistrationState::Correct }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use proptest::prelude::*;
    use uuid::Uuid;

    const OURS: &str = "https://m.example/smart-me";

    fn wanted() -> WantedRegistration {
        WantedRegistration { url: OURS.to_owned(), meter: None, credentials: Some(("u".into(), Secret::new("p"))) }
    }

    fn listed(id: u128) -> Registration {
        Registration {
            id: RegistrationId(Uuid::from_u128(id)),
            kind: RegistrationKind::User,
            meter: None,
            url: OURS.to_owned(),
            username: Some("u".to_owned()),
            password: Some(Secret::new("p")),
        }
    }

    fn steps(listed: &[Registration]) -> Vec<Step> {
        plan(&wanted(), listed, Evidence::default(), |_| CredentialsMatch::Unknown).steps
    }

    fn remove(id: u128, why: RegistrationState) -> Step {
        Step::Remove(RegistrationId(Uuid::from_u128(id)), why)
    }

    #[test]
    fn a_correct_registration_stays_and_a_missing_one_is_created() {
        assert_eq!(steps(&[listed(1)]), []);
        assert_eq!(steps(&[]), [Step::Create]);
        assert_eq!(steps(&[Registration { url: "https://m.example/other".into(), ..listed(1) }]), [Step::Create]);
    }

    #[test]
    fn a_wrong_registration_is_replaced_and_named() {
        let off = Registration { kind: RegistrationKind::Disabled, ..listed(1) };
        assert_eq!(steps(&[off]), [Step::Create, remove(1, RegistrationState::Disabled)]);
        let one_meter = Registration { kind: RegistrationKind::Meter, ..listed(1) };
        assert_eq!(steps(&[one_meter]), [Step::Create, remove(1, RegistrationState::OtherDevices)]);
        let password = Registration { password: Some(Secret::new("x")), ..listed(1) };
        assert_eq!(steps(&[password]), [Step::Create, remove(1, RegistrationState::OtherCredentials)]);
        let user = Registration { username: Some("x".into()), ..listed(1) };
        assert_eq!(steps(&[user, listed(2)]), [remove(1, RegistrationState::OtherCredentials)]);
    }

    #[test]
    fn a_hidden_password_is_judged_by_the_file_and_the_webhooks_requests() {
        let hidden = Registration { password: None, ..listed(1) };
        let of = |evidence, credentials| state_of(&wanted(), &hidden, evidence, credentials);
        let (quiet, wrong) = (Evidence::default(), Evidence { wrong_password: true, ..Evidence::default() });
        assert_eq!(of(quiet, CredentialsMatch::Unknown), RegistrationState::Correct);
        assert_eq!(of(quiet, CredentialsMatch::Changed), RegistrationState::OtherCredentials);
        assert_eq!(of(wrong, CredentialsMatch::Same), RegistrationState::OtherCredentials);
        let rotating = Evidence { is_rotating: true, ..Evidence::default() };
        assert_eq!(
            of(rotating, CredentialsMatch::Unknown),
            RegistrationState::OtherCredentials,
            "created by hand with the previous credentials"
        );
        assert_eq!(of(rotating, CredentialsMatch::Same), RegistrationState::Correct);
    }

    proptest! {
        #[test]
        fn others_are_never_touched_and_one_right_one_is_left(
            kinds in prop::collection::vec((0_u8..3, any::<bool>(), any::<bool>()), 0..8)
        ) {
            let list: Vec<Registration> = kinds.iter().enumerate().map(|(index, (kind, ours, correct))| Registration {
                kind: [RegistrationKind::Disabled, RegistrationKind::Meter, RegistrationKind::User][usize::from(*kind)],
                url: if *ours { OURS.to_owned() } else { "https://other.example/x".to_owned() },
                password: Some(Secret::new(if *correct { "p" } else { "q" })),
                ..listed(index as u128 + 1)
            }).collect();
            let plan = plan(&wanted(), &list, Evidence::default(), |_| CredentialsMatch::Unknown);
            let mut left = list.clone();
            for step in &plan.steps {
                match step {
                    Step::Create => left.push(listed(99)),
                    Step::Remove(id, _) => {
                        let gone = left.iter().position(|registration| registration.id == *id).unwrap();
                        prop_assert_eq!(&left.remove(gone).url, OURS);
                    }
                }
            }
            let ours: Vec<_> = left.iter().filter(|registration| registration.url == OURS).collect();
            prop_assert_eq!(ours.len(), 1);
            prop_assert_eq!(state_of(&wanted(), ours[0], Evidence::default(), CredentialsMatch::Unknown), RegistrationState::Correct);
            prop_assert_eq!(plan.foreign, list.len() - list.iter().filter(|it| it.url == OURS).count());
        }
    }
}
