//! Logins of persons, against a cloud over real sockets.

use super::*;
use hyper::Request;
use meterline_load::cloud::{LoginSwitches, Rotation};
use meterline_load::http::{self, Http};
use std::fs;
use std::path::PathBuf;
use std::thread;
use tempfile::TempDir;

const APPLICATION: &str = "application";
const SECRET: &str = "hunter2-secret";
const ROTATIONS: [Rotation; 3] = [Rotation::Never, Rotation::AtOnce, Rotation::WhenUsed];

/// A cloud with an application, and where its logins are kept.
struct Scene {
    cloud: Cloud,
    account: Account,
    directory: TempDir,
}

impl Scene {
    fn new(secret: Option<&str>, login: LoginSwitches) -> Self {
        let application = CloudLogin::Application(APPLICATION.into(), secret.map(str::to_owned));
        let switches = Switches { login, ..Switches::default() };
        let cloud = Cloud::start(vec![CloudAccount::new("a", vec![application])], switches).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let user = Login::User {
            id: APPLICATION.to_owned(),
            secret: secret.map(Secret::new),
            scopes: ["device.read", "realtimeapi.readwrite"].map(str::to_owned).to_vec(),
            key_file: directory.path().join("key"),
        };
        let account = account(&cloud, user);
        Self { cloud, account, directory }
    }

    /// The same, and a person has logged in.
    fn logged_in(rotation: Rotation) -> Self {
        let scene = Self::new(Some(SECRET), LoginSwitches { rotation, ..quick() });
        scene.log_in().unwrap();
        scene
    }

    fn logging_in(&self) -> LoggingIn {
        LoggingIn::new(&self.account, &self.data(), Clock::system()).unwrap()
    }

    fn log_in(&self) -> Result<(), LoginError> {
        self.logging_in().by_device(|prompt| assert!(self.cloud.confirm(&prompt.code)))
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn client(&self, access: &Access) -> Client {
        let patience = Duration::from_mins(1);
        Client::new(self.account.clone(), access.clone(), patience, Arc::default(), Clock::system())
    }

    /// A client as it is after a start.
    fn started(&self) -> Client {
        self.client(&Access::new(&self.account, &self.data()))
    }

    fn token_requests(&self) -> usize {
        self.cloud.requests().iter().filter(|request| request.what.ends_with("/oauth/token")).count()
    }
}

type Way<'a> = &'a dyn Fn(&Scene) -> Result<(), LoginError>;

fn quick() -> LoginSwitches {
    LoginSwitches { told_interval: Duration::ZERO, device_interval: Duration::ZERO, ..LoginSwitches::default() }
}

/// A browser that follows the address to where it is sent back to.
fn browse(address: &str) -> String {
    let answer = Http::new().unwrap().send(Request::get(address), "").unwrap();
    answer.headers()["location"].to_str().unwrap().to_owned()
}

#[test]
fn every_way_a_person_logs_in_gives_a_login_that_is_used_and_no_token_is_on_disk() {
    for secret in [Some(SECRET), None] {
        let scene = Scene::new(secret, quick());
        scene.cloud.sign_in("a");
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let device = |scene: &Scene| scene.log_in();
        let pasted = |scene: &Scene| {
            let address = std::cell::RefCell::new(String::new());
            let read = || Ok(browse(&address.borrow()));
            scene.logging_in().by_pasting(port, |shown| shown.clone_into(&mut address.borrow_mut()), read)
        };
        let browser = |scene: &Scene| {
            scene.logging_in().by_browser(port, |shown| {
                let shown = shown.to_owned();
                thread::spawn(move || {
                    // Whoever else knocks there is waited past.
                    for path in ["favicon.ico", "smart-me-login?code=x&state=x"] {
                        assert_ne!(http::get(&format!("http://127.0.0.1:{port}/{path}")).unwrap().0, 200);
                    }
                    assert_eq!(http::get(&browse(&shown)).unwrap().0, 200);
                });
            })
        };
        let ways: [Way<'_>; 3] = [&device, &pasted, &browser];
        for way in ways {
            way(&scene).unwrap();
            assert_eq!(scene.started().get(LIST).unwrap(), b"[]");
            let tokens = scene.cloud.refresh_tokens();
            assert!(!tokens.is_empty());
            for entry in fs::read_dir(scene.data()).unwrap() {
                let text = fs::read_to_string(entry.unwrap().path()).unwrap();
                assert!(tokens.iter().all(|token| !text.contains(token)) && !text.contains("hunter2"), "{text}");
            }
        }
    }
}

#[test]
fn a_code_is_asked_for_at_the_servers_pace_and_slower_when_it_says_so() {
    let pace = Duration::from_secs(1);
    let switches = LoginSwitches { told_interval: Duration::ZERO, device_interval: pace, ..LoginSwitches::default() };
    let scene = Scene::new(Some(SECRET), switches);
    thread::scope(|scope| {
        let logging_in = scene.logging_in();
        let (shown, code) = std::sync::mpsc::sync_channel(1);
        let login = scope.spawn(move || logging_in.by_device(|prompt| shown.send(prompt.code.clone()).unwrap()));
        let code = code.recv().unwrap();
        // The first is too early, the second too soon after it.
        while scene.token_requests() < 2 {
            thread::yield_now();
        }
        assert!(scene.cloud.confirm(&code));
        login.join().unwrap().unwrap();
    });
    let asked: Vec<_> = scene.cloud.requests().into_iter().filter(|it| it.what.ends_with("/oauth/token")).collect();
    assert_eq!(asked.len(), 3);
    assert!(asked[2].at - asked[1].at >= pace, "it was told to slow down");
}

#[test]
fn a_login_that_is_refused_late_or_unknown_is_one_sentence_that_says_what_to_do() {
    let scene = Scene::new(Some(SECRET), quick());
    let refused = scene.logging_in().by_device(|prompt| assert!(scene.cloud.deny(&prompt.code)));
    assert!(refused.unwrap_err().to_string().contains("refused at smart-me"));
    let late = Scene::new(Some(SECRET), LoginSwitches { code_lasts: Duration::ZERO, ..quick() });
    assert!(late.log_in().unwrap_err().to_string().contains("run the command again"));
    let change = |change: &dyn Fn(&mut Login)| {
        let mut scene = Scene::new(Some(SECRET), quick());
        change(&mut scene.account.login);
        scene.log_in().unwrap_err().to_string()
    };
    let unknown = change(&|login| {
        if let Login::User { secret, .. } = login {
            *secret = Some(Secret::new("hunter2-wrong"));
        }
    });
    assert!(unknown.contains("client_id") && !unknown.contains("hunter2"), "{unknown}");
    let claims = change(&|login| {
        if let Login::User { scopes, .. } = login {
            scopes.push("partner.write".to_owned());
        }
    });
    assert!(claims.contains("partner.write"), "{claims}");
    let other = Scene { account: account(&scene.cloud, key()), ..Scene::new(None, quick()) };
    let error = LoggingIn::new(&other.account, &other.data(), Clock::system()).unwrap_err().to_string();
    assert!(error.contains("token_key_file"), "{error}");
}

#[test]
fn a_token_that_ends_in_the_middle_is_renewed_once_for_all_clients_of_the_account() {
    for rotation in ROTATIONS {
        let scene = Scene::logged_in(rotation);
        let access = Access::new(&scene.account, &scene.data());
        let work = |pages: usize| {
            let before = scene.token_requests();
            thread::scope(|scope| {
                for _ in 0..4 {
                    let mut client = scene.client(&access);
                    scope.spawn(move || (0..pages).for_each(|_| drop(client.get(LIST).unwrap())));
                }
            });
            scene.token_requests() - before
        };
        assert_eq!(work(3), 1, "{rotation:?}");
        assert_eq!(work(3), 0, "{rotation:?}");
        scene.cloud.revoke_tokens();
        assert_eq!(work(5), 1, "{rotation:?}");
    }
}

#[test]
fn a_login_outlasts_kills_whether_or_not_its_token_is_replaced() {
    for rotation in ROTATIONS {
        let scene = Scene::logged_in(rotation);
        for _ in 0..4 {
            // Nothing is left of it but what is on disk.
            scene.started().get(LIST).unwrap();
        }
        let (mut one, mut other) = (scene.started(), scene.started());
        for _ in 0..3 {
            scene.cloud.revoke_tokens();
            one.get(LIST).unwrap();
            other.get(LIST).unwrap();
        }
        assert_eq!(
            scene.token_requests(),
            1 + 4 + 6,
            "{rotation:?}: a command beside the service has tokens of its own"
        );
    }
}

#[test]
fn an_answer_that_got_lost_on_the_way_ends_a_login_only_where_its_token_is_good_once() {
    for rotation in ROTATIONS {
        let scene = Scene::logged_in(rotation);
        scene.cloud.fail_next_token(Fault::DoneAndCut);
        let outcome = scene.started().get(LIST);
        if rotation == Rotation::AtOnce {
            let error = outcome.unwrap_err();
            assert!(matches!(error, ApiError::LoggedOut(_)), "{error}");
        } else {
            assert_eq!(outcome.unwrap(), b"[]", "{rotation:?}");
        }
    }
}

#[test]
fn a_revoked_login_names_the_command_and_the_next_one_is_used_without_a_restart() {
    let scene = Scene::logged_in(Rotation::AtOnce);
    let access = Access::new(&scene.account, &scene.data());
    let (mut client, mut second) = (scene.client(&access), scene.client(&access));
    client.get(LIST).unwrap();
    scene.cloud.end_logins("a");
    let before = scene.token_requests();
    for is_second in [false, true, false] {
        let error = if is_second { &mut second } else { &mut client }.get(LIST).unwrap_err().to_string();
        assert!(error.contains("revoked") && error.contains("`meterline smart-me login --account a`"), "{error}");
    }
    assert_eq!(scene.token_requests() - before, 1, "what is refused is not asked for again");
    scene.log_in().unwrap();
    assert_eq!(client.get(LIST).unwrap(), b"[]");
    assert_eq!(second.get(LIST).unwrap(), b"[]");
}

#[test]
fn before_anybody_has_logged_in_nothing_is_asked_and_the_command_is_named() {
    let scene = Scene::new(Some(SECRET), quick());
    let error = scene.started().get(LIST).unwrap_err().to_string();
    assert!(error.contains("nobody has logged in") && error.contains("smart-me login --account a"), "{error}");
    assert_eq!(scene.cloud.requests().len(), 0);
}

#[test]
fn what_is_given_in_a_tokens_place_is_stored_before_it_is_used_also_when_that_fails_at_first() {
    let scene = Scene::logged_in(Rotation::AtOnce);
    let obstacle = scene.data().join("smart-me-tokens.json.new");
    fs::create_dir(&obstacle).unwrap();
    let mut client = scene.started();
    let before = scene.cloud.requests().len();
    let error = client.get(LIST).unwrap_err();
    assert!(matches!(error, ApiError::Storage(_)), "{error}");
    assert_eq!(scene.cloud.requests().len() - before, 1, "the access token is not used");
    fs::remove_dir(&obstacle).unwrap();
    assert_eq!(client.get(LIST).unwrap(), b"[]");
    assert_eq!(scene.token_requests(), 2, "and is not lost");
    assert_eq!(scene.started().get(LIST).unwrap(), b"[]");
}

#[test]
fn a_login_shows_no_secret_in_its_debug_text() {
    let scene = Scene::logged_in(Rotation::AtOnce);
    let mut client = scene.started();
    client.get(LIST).unwrap();
    let shown = format!("{client:?} {:?} {:?}", scene.logging_in(), scene.account);
    for secret in ["hunter2", "refresh-", "access-"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
