//! The webhook password replaced here and at smart-me, on the built program.

use crate::support::load::now_ns;
use crate::support::service::{ACCOUNT, PASSWORD, PATH, Service, Setup, USER};
use crate::support::wait;
use meterline_load::cloud::{Cloud, CloudAccount, CloudLogin, CloudRegistration, Fault, Switches};
use meterline_load::{Body, Connection, Reading, Target};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const KEY: &str = "an-api-key-that-must-stay-secret";
const LIMIT: Duration = Duration::from_secs(60);
const ROTATE: [&str; 4] = ["smart-me", "rotate", "--account", ACCOUNT];

struct RotatingService {
    cloud: Cloud,
    service: Service,
}

impl RotatingService {
    /// A service that is registered with its first password.
    fn new(reconcile: bool) -> Self {
        let account = CloudAccount::new(ACCOUNT, vec![CloudLogin::ApiKey(KEY.to_owned())]);
        let cloud = Cloud::start(vec![account], Switches::default()).unwrap();
        let mut service = Setup { tables: "[log]\nlevel = \"trace\"", ..Setup::default() }.start();
        assert!(service.stop().success());
        let key = service.secret_file("api-key", KEY);
        service.append_configuration(&format!(
            "[[smart_me]]\naccount = \"{ACCOUNT}\"\napi_key_file = {key:?}\nurl = \"{}\"\npublic_url = \"http://{}\"\n\
             reconcile = {reconcile}\nreconcile_every = \"1s\"\nrequests_per_minute = 1000",
            cloud.url(),
            service.webhook_address()
        ));
        service.start_again();
        // By hand, so that the password is recorded nowhere.
        let mut made = CloudRegistration::for_all(ACCOUNT, &service.webhook_url());
        (made.username, made.password) = (Some(USER.to_owned()), Some(PASSWORD.to_owned()));
        cloud.change_registrations(|all| all.push(made));
        Self { cloud, service }
    }

    fn registered(&self) -> Vec<CloudRegistration> {
        self.cloud.registrations(ACCOUNT)
    }

    fn file(&self) -> PathBuf {
        self.service.data_directory().with_file_name("password")
    }

    fn present(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    fn is_rotating(&self) -> bool {
        self.file().with_file_name("password.before").exists()
    }

    /// The answer to a post with this password.
    fn status_of(&self, password: &str) -> u16 {
        post(&self.service.webhook_url(), password)
    }

    /// Posts with the registered password, each post with a delay of `on_the_way`, until
    /// `stop` is set; returns the number of posts.
    fn post_as_registered(&self, on_the_way: Duration, stop: &AtomicBool) -> usize {
        let mut posted = 0;
        while !stop.load(Ordering::Relaxed) {
            let registered = self.registered();
            thread::sleep(on_the_way);
            for registration in registered {
                let status = post(&registration.url, &registration.password.unwrap());
                assert_eq!(status, 200, "post {posted} with a password that was registered");
                posted += 1;
            }
        }
        posted
    }

    /// Exactly one is registered, with the present password and no other.
    fn assert_rotated(&self) {
        assert!(!self.is_rotating());
        let registered = self.registered();
        assert_eq!(registered.len(), 1, "{registered:?}");
        assert_eq!(registered[0].password, Some(self.present()));
        assert_ne!(self.present(), PASSWORD);
        assert_eq!((self.status_of(&self.present()), self.status_of(PASSWORD)), (200, 401));
    }
}

fn post(url: &str, password: &str) -> u16 {
    let reading = Reading { meter: [3; 16], time_ns: now_ns(), values: vec![([1, 0, 1, 8, 0, 255], 5.0)] };
    let target = Target::with_credentials(url.to_owned(), USER, password);
    Connection::new(&target).post(&Body::new(0, vec![reading]).bytes).unwrap().status
}

#[test]
fn a_rotation_under_load_refuses_no_reading_and_then_the_old_password_is_none() {
    let scene = RotatingService::new(true);
    let stop = AtomicBool::new(false);
    let output = thread::scope(|scope| {
        let senders = [0, 3].map(|seconds| {
            let (scene, stop) = (&scene, &stop);
            scope.spawn(move || scene.post_as_registered(Duration::from_secs(seconds), stop))
        });
        let output = scene.service.command(&ROTATE);
        stop.store(true, Ordering::Relaxed);
        let posted = senders.map(|sender| sender.join().unwrap());
        assert!(posted.iter().all(|posted| *posted > 0), "{posted:?}");
        output
    });
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("the old password is retired"), "{said}");
    scene.assert_rotated();
    wait::until("the service keeps the new one", LIMIT, || {
        scene.service.source("acme", "smart-me registration")["state"] == "running"
    });
    scene.assert_rotated();
    for text in [said, scene.service.log(), scene.service.page("/").unwrap().1, scene.service.page("/flow").unwrap().1]
    {
        assert!(![KEY, PASSWORD, &scene.present(), PATH].iter().any(|secret| text.contains(*secret)), "{text}");
    }
}

#[cfg(feature = "test-faults")]
#[test]
fn a_rotation_killed_at_any_step_goes_on_and_both_passwords_are_valid_until_it_is_finished() {
    let mut scene = RotatingService::new(false);
    for dies_at in ["rotation-dies-at=1", "rotation-dies-at=2", "rotation-dies-at=3", "rotation-dies-at=4"] {
        scene.service.set_faults(dies_at);
        assert!(!scene.service.command(&ROTATE).status.success(), "{dies_at}");
        scene.service.kill();
        scene.service.start_again();
        assert!(scene.is_rotating(), "{dies_at}");
        assert_eq!((scene.status_of(&scene.present()), scene.status_of(PASSWORD)), (200, 200), "{dies_at}");
        for registration in scene.registered() {
            assert_eq!(scene.status_of(&registration.password.unwrap()), 200, "{dies_at}");
        }
    }
    assert!(scene.service.text_of(&["check"]).contains("smart-me rotate --account acme"));
    scene.service.set_faults("rotation-dies-at=5");
    assert!(!scene.service.command(&ROTATE).status.success());
    scene.service.kill();
    scene.service.start_again();
    scene.assert_rotated();
}

#[test]
fn a_rotation_that_smart_me_refuses_leaves_the_old_password_valid_and_goes_on_without_the_service_too() {
    let mut scene = RotatingService::new(false);
    scene.cloud.fail_next(1000, Fault::Status(403, None));
    let refused = scene.service.command(&ROTATE);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("the old password stays valid") && said.contains("run the command again"), "{said}");
    let made = scene.present();
    assert_eq!((scene.status_of(&made), scene.status_of(PASSWORD)), (200, 200));
    assert_eq!(scene.registered()[0].password.as_deref(), Some(PASSWORD));
    scene.cloud.heal();
    assert!(scene.service.stop().success());
    assert!(scene.service.text_of(&ROTATE).contains("continuing an unfinished rotation"));
    assert_eq!(scene.present(), made, "no further one is made");
    scene.service.start_again();
    scene.assert_rotated();
}

#[test]
fn a_password_that_no_file_holds_is_not_rotated() {
    let scene = RotatingService::new(false);
    scene.service.reconfigure(&format!("password_file = {:?}", scene.file()), "password_env = \"PATH\"");
    let refused = scene.service.command(&ROTATE);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("environment variable") && said.contains("password_file"), "{said}");
    assert_eq!((scene.present().as_str(), scene.is_rotating()), (PASSWORD, false));
}
