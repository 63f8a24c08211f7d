//! Repair of a registration after every kind of fault.

use super::fixture::Fixture;
use super::*;
use crate::source::SourceState;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// A cloud, and a registrar with its own data directory.
struct Scene {
    cloud: Cloud,
    registrar: Registrar,
    _directory: tempfile::TempDir,
}

impl Scene {
    fn new(switches: Switches) -> Self {
        let cloud = cloud(switches);
        let directory = tempfile::tempdir().unwrap();
        let registrar = Registrar::new(
            client(&cloud, key()),
            Target::new(wanted()),
            RegistrationFile::in_directory(directory.path()),
        );
        Self { cloud, registrar, _directory: directory }
    }

    fn reconcile(&self) -> RegistrationReport {
        run(self.registrar.reconcile(Evidence::default(), false)).unwrap()
    }

    fn ours(&self) -> Vec<CloudRegistration> {
        self.cloud.registrations("a").into_iter().filter(|it| it.url == ADDRESS).collect()
    }

    /// Asserts that exactly one is ours and correct.
    fn assert_right(&self, after: &str) {
        let ours = self.ours();
        assert_eq!(ours.len(), 1, "{after}: {ours:?}");
        let [one] = &ours[..] else { return };
        assert_eq!((one.kind, one.meter), (2, None), "{after}");
        assert_eq!((one.username.as_deref(), one.password.as_deref()), (Some("u"), Some(PASSWORD)), "{after}");
    }
}

/// Every combination of undocumented behaviour of the vendor.
fn every_switch() -> impl Iterator<Item = Switches> {
    (0..16_u8).map(|bits| Switches {
        camel_case: bits & 1 != 0,
        nulls: bits & 2 != 0,
        lists_passwords: bits & 4 != 0,
        allows_duplicates: bits & 8 != 0,
        ..Switches::default()
    })
}

#[test]
fn a_registration_is_created_once_and_left_alone_while_correct() {
    for switches in every_switch() {
        let scene = Scene::new(switches);
        assert!(scene.reconcile().steps[0].starts_with("register our URL"));
        scene.assert_right("made");
        let before = scene.cloud.requests().len();
        assert!(scene.reconcile().is_unchanged());
        assert_eq!(scene.cloud.requests().len(), before + 1, "a look is one request");
    }
}

#[test]
fn a_removed_disabled_duplicated_or_redirected_registration_is_repaired_in_one_run() {
    type Change = fn(&mut Vec<CloudRegistration>);
    let changes: [(&str, Change); 6] = [
        ("removed", |all| all.retain(|it| it.url != ADDRESS)),
        ("disabled", |all| all.iter_mut().filter(|it| it.url == ADDRESS).for_each(|it| it.kind = 0)),
        ("duplicated", |all| {
            let mut more = all.iter().find(|it| it.url == ADDRESS).unwrap().clone();
            more.id = Uuid::new_v4();
            all.push(more);
        }),
        ("pointed elsewhere", |all| {
            all.iter_mut().filter(|it| it.url == ADDRESS).for_each(|it| it.url = "https://else.example/x".into());
        }),
        ("for one meter", |all| all.iter_mut().filter(|it| it.url == ADDRESS).for_each(|it| it.kind = 1)),
        ("another user", |all| {
            all.iter_mut().filter(|it| it.url == ADDRESS).for_each(|it| it.username = Some("x".into()));
        }),
    ];
    for switches in every_switch() {
        for (name, change) in changes {
            let scene = Scene::new(switches);
            let foreign = CloudRegistration::for_all("a", "https://other.example/hook");
            let kept = foreign.clone();
            scene.cloud.change_registrations(|all| all.push(foreign));
            scene.reconcile();
            scene.cloud.change_registrations(change);
            let report = scene.reconcile();
            assert!(!report.is_unchanged(), "{name}");
            scene.assert_right(name);
            assert!(scene.cloud.registrations("a").contains(&kept), "{name}: another program's is untouched");
            assert!(scene.reconcile().is_unchanged(), "{name}: and then it is quiet");
        }
    }
}

#[test]
fn a_password_changed_at_the_vendors_side_is_found_out_also_where_it_is_not_shown() {
    for switches in every_switch() {
        let scene = Scene::new(switches);
        scene.reconcile();
        scene.cloud.change_registrations(|all| all[0].password = Some("another".into()));
        // The webhook sees wrong passwords that the list may not show.
        let seen = Evidence { wrong_password: true, ..Evidence::default() };
        let report = run(scene.registrar.reconcile(seen, false)).unwrap();
        assert!(report.steps.iter().any(|step| step.contains("other credentials")), "{report:?}");
        scene.assert_right("password changed");
    }
}

#[test]
fn a_password_changed_in_our_configuration_is_brought_to_the_vendor() {
    for switches in every_switch() {
        let cloud = cloud(switches);
        let directory = tempfile::tempdir().unwrap();
        let with = |password: &str| {
            let credentials = Some(("u".to_owned(), Secret::new(password)));
            let memory = RegistrationFile::in_directory(directory.path());
            Registrar::new(client(&cloud, key()), Target::new(WantedRegistration { credentials, ..wanted() }), memory)
        };
        run(with("first").reconcile(Evidence::default(), false)).unwrap();
        assert!(run(with("first").reconcile(Evidence::default(), false)).unwrap().is_unchanged(), "after a restart");
        run(with("second").reconcile(Evidence::default(), false)).unwrap();
        let passwords: Vec<_> = cloud.registrations("a").into_iter().map(|it| it.password).collect();
        assert_eq!(passwords, [Some("second".to_owned())]);
    }
}

#[test]
fn an_answer_that_got_lost_makes_no_second_registration() {
    for fault in [Fault::DoneAndCut, Fault::Cut] {
        let scene = Scene::new(Switches::default());
        run(scene.registrar.list()).unwrap();
        // Two lists precede the POST: the plan's and the one before the change.
        let mut tries = 0;
        while scene.ours().is_empty() {
            scene.cloud.heal();
            for _ in 0..2 {
                scene.cloud.fail_next(1, Fault::None);
            }
            scene.cloud.fail_next(u32::from(tries == 0), fault);
            run(scene.registrar.reconcile(Evidence::default(), false)).ok();
            tries += 1;
            assert!(tries < 4, "{fault:?}");
        }
        scene.cloud.heal();
        scene.reconcile();
        scene.assert_right("answer lost");
    }
}

#[test]
fn a_dry_run_reports_its_steps_and_does_nothing() {
    let scene = Scene::new(Switches::default());
    let report = run(scene.registrar.reconcile(Evidence::default(), true)).unwrap();
    assert_eq!(report.steps, ["would register our URL"]);
    assert_eq!(scene.cloud.registrations("a"), []);
    scene.reconcile();
    let report = run(scene.registrar.remove_all(true)).unwrap();
    assert!(report.steps[0].starts_with("would remove registration"));
    scene.assert_right("dry run");
}

#[test]
fn removing_takes_ours_alone() {
    let scene = Scene::new(Switches::default());
    let foreign = CloudRegistration::for_all("a", "https://other.example/hook");
    let other_account = CloudRegistration::for_all("b", ADDRESS);
    let kept = [foreign.clone(), other_account.clone()];
    scene.cloud.change_registrations(|all| all.extend([foreign, other_account]));
    scene.reconcile();
    let report = run(scene.registrar.remove_all(false)).unwrap();
    assert_eq!((report.steps.len(), report.foreign), (1, 1));
    assert_eq!(scene.cloud.registrations("a"), kept[..1]);
    assert_eq!(scene.cloud.registrations("b"), kept[1..]);
}

#[test]
fn the_list_says_how_ours_is_and_shows_no_path() {
    let scene = Scene::new(Switches::default());
    scene.reconcile();
    let foreign = CloudRegistration::for_all("a", "https://other.example/secret-hook");
    scene.cloud.change_registrations(|all| all.push(foreign));
    let listed = run(scene.registrar.list()).unwrap();
    assert_eq!(listed.iter().filter(|it| it.is_correct()).count(), 1);
    assert_eq!(listed[1].state, None);
    let shown = format!("{listed:?} {}", serde_json::to_string(&listed).unwrap());
    assert!(!shown.contains("secret") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_list_that_cannot_be_read_changes_nothing() {
    let scene = Scene::new(Switches::default());
    scene.reconcile();
    scene.cloud.change_registrations(|all| all[0].kind = 0);
    scene.cloud.fail_next(1, Fault::Garbled);
    let error = run(scene.registrar.reconcile(Evidence::default(), false)).unwrap_err();
    assert!(matches!(error, ApiError::Unreadable(_)), "{error}");
    assert_eq!(scene.ours().len(), 1);
}

#[test]
fn the_registration_source_repairs_it_and_reports_its_changes() {
    let (scene, fixture) = (Scene::new(Switches::default()), Fixture::new());
    let foreign = CloudRegistration::for_all("a", "https://other.example/hook");
    scene.cloud.change_registrations(|all| all.push(foreign));
    let registration = Registration::new(scene.registrar.clone(), WebhookLogins::default, fixture.clock.clone());
    fixture.sources.start_polled("a", REGISTRATION, registration_schedule(Duration::from_millis(20)), registration);
    until("it is made", || fixture.number("changes") == Some(1.0));
    assert_eq!((fixture.state(), fixture.number("registrations_of_others")), (SourceState::Running, Some(1.0)));
    scene.cloud.change_registrations(|all| all.retain(|it| it.url != ADDRESS));
    until("it is made again", || fixture.number("changes") == Some(2.0));
    scene.assert_right("removed");
    assert!(fixture.text("last_change").unwrap().contains("register our URL"));
    let right_at = fixture.text("right_at");
    until("it is looked at again", || fixture.text("right_at") != right_at);
    scene.cloud.change_account("a", |account| account.logins.clear());
    until("it is refused", || fixture.state() == SourceState::Misconfigured);
    assert!(fixture.description().why.as_ref().unwrap().contains("credentials"));
}

#[test]
fn the_registration_source_replaces_it_after_two_checks_with_wrong_passwords_alone() {
    let switches = Switches { lists_passwords: false, ..Switches::default() };
    let (scene, fixture) = (Scene::new(switches), Fixture::new());
    scene.reconcile();
    scene.cloud.change_registrations(|all| all[0].password = Some("another".into()));
    let wrong = Arc::new(AtomicU64::new(0));
    let posts = Arc::clone(&wrong);
    let logins = move || WebhookLogins { accepted: 0, wrong: posts.load(Ordering::Relaxed) };
    let registration = Registration::new(scene.registrar.clone(), logins, fixture.clock.clone());
    fixture.sources.start_polled("a", REGISTRATION, registration_schedule(Duration::from_millis(20)), registration);
    for _ in 0..3 {
        let right_at = fixture.text("right_at");
        until("it is looked at again", || fixture.text("right_at") != right_at);
    }
    assert_eq!(fixture.number("changes"), Some(0.0), "without wrong passwords it stays");
    until("it is replaced", || {
        wrong.fetch_add(3, Ordering::Relaxed);
        fixture.number("changes") > Some(0.0)
    });
    scene.assert_right("replaced");
}
