//! Logins of persons at a simulated cloud over real sockets.

use super::*;
use crate::http::{self, Bounds};
use hyper::StatusCode;
use meterline_load::cloud::{LoginSwitches, Rotation};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::sync::oneshot;

const APPLICATION: &str = "application";
const SECRET: &str = "hunter2-secret";
const ROTATIONS: [Rotation; 3] = [Rotation::Never, Rotation::AtOnce, Rotation::WhenUsed];

/// A cloud with an application, and the storage of its logins.
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

    fn logging_in(&self) -> PersonLogin {
        PersonLogin::new(&self.account, self.access(), &self.data()).unwrap()
    }

    fn log_in(&self) -> Result<(), LoginError> {
        run(self.logging_in().by_device(|prompt| assert!(self.cloud.confirm(&prompt.code))))
    }

    /// Logs in with a browser of this machine.
    fn browse(&self) -> Result<(), LoginError> {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (show, shown) = oneshot::channel();
        let browser = async {
            let address: String = shown.await.unwrap();
            // Other requests are rejected, and the wait continues.
            for other in ["/favicon.ico", "/smart-me-login?code=x&state=x"] {
                assert_eq!(visit(&format!("http://127.0.0.1:{port}{other}")).await.status(), StatusCode::NOT_FOUND);
            }
            let answer = visit(&address).await;
            let back = answer.headers()["location"].to_str().unwrap();
            assert_eq!(visit(back).await.status(), StatusCode::OK);
        };
        let logging_in = self.logging_in();
        let login = logging_in.by_browser(port, |address| show.send(address.to_owned()).unwrap());
        run(async { tokio::join!(login, browser) }).0
    }

    fn access(&self) -> Access {
        Access::new(&self.account, &self.data(), Stop::default(), Clock::system())
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn client(&self, access: &Access) -> Client {
        Client::new(self.account.clone(), access.clone(), Duration::from_mins(1))
    }

    /// A client after a restart.
    fn started(&self) -> Client {
        self.client(&self.access())
    }

    fn token_requests(&self) -> usize {
        self.cloud.requests().iter().filter(|request| request.what.ends_with("/oauth/token")).count()
    }
}

fn quick() -> LoginSwitches {
    LoginSwitches { told_interval: Duration::ZERO, device_interval: Duration::ZERO, ..LoginSwitches::default() }
}

async fn visit(address: &str) -> http::Response {
    let client = http::Client::new(Bounds { timeout: Duration::from_secs(20), answer_bytes_max: 1024 });
    client.send(hyper::Request::get(address).body(Bytes::new().into()).unwrap()).await.unwrap()
}

#[test]
fn every_way_a_person_logs_in_gives_a_login_that_is_used_and_no_token_is_on_disk() {
    for secret in [Some(SECRET), None] {
        let scene = Scene::new(secret, quick());
        scene.cloud.sign_in("a");
        for way in [Scene::log_in, Scene::browse] {
            way(&scene).unwrap();
            assert_eq!(get(&scene.started()).unwrap(), "[]");
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
    let logging_in = scene.logging_in();
    let (show, shown) = oneshot::channel();
    let login =
        RUNTIME.spawn(async move { logging_in.by_device(|prompt| show.send(prompt.code.clone()).unwrap()).await });
    let code = run(shown).unwrap();
    // The first is too early, the second too soon after it.
    until("it is asked twice", || scene.token_requests() == 2);
    assert!(scene.cloud.confirm(&code));
    run(login).unwrap().unwrap();
    let asked: Vec<_> = scene.cloud.requests().into_iter().filter(|it| it.what.ends_with("/oauth/token")).collect();
    assert_eq!(asked.len(), 3);
    assert!(asked[2].at - asked[1].at >= pace, "the server asked to slow down");
}

#[test]
fn a_login_that_is_refused_late_or_unknown_is_one_sentence_with_the_remedy() {
    let scene = Scene::new(Some(SECRET), quick());
    let refused = run(scene.logging_in().by_device(|prompt| assert!(scene.cloud.deny(&prompt.code))));
    assert!(refused.unwrap_err().to_string().contains("the login was refused at smart-me"));
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
    let error = PersonLogin::new(&other.account, other.access(), &other.data()).unwrap_err().to_string();
    assert!(error.contains("token_key_file"), "{error}");
}

#[test]
fn a_token_that_ends_in_the_middle_is_renewed_once_for_all_clients_of_the_account() {
    for rotation in ROTATIONS {
        let scene = Scene::logged_in(rotation);
        let access = scene.access();
        let work = |pages: usize| {
            let before = scene.token_requests();
            let work = |client: Client| async move {
                for _ in 0..pages {
                    client.get(LIST).await.unwrap();
                }
            };
            let clients = [(); 4].map(|()| RUNTIME.spawn(work(scene.client(&access))));
            clients.into_iter().for_each(|client| run(client).unwrap());
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
            // Only the state on disk is left.
            get(&scene.started()).unwrap();
        }
        let (one, other) = (scene.started(), scene.started());
        for _ in 0..3 {
            scene.cloud.revoke_tokens();
            get(&one).unwrap();
            get(&other).unwrap();
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
        let outcome = get(&scene.started());
        if rotation == Rotation::AtOnce {
            let error = outcome.unwrap_err();
            assert!(matches!(error, ApiError::LoggedOut(_)), "{error}");
        } else {
            assert_eq!(outcome.unwrap(), "[]", "{rotation:?}");
        }
    }
}

#[test]
fn a_revoked_login_names_the_command_and_the_next_one_is_used_without_a_restart() {
    let scene = Scene::logged_in(Rotation::AtOnce);
    let access = scene.access();
    let (client, second) = (scene.client(&access), scene.client(&access));
    get(&client).unwrap();
    scene.cloud.end_logins("a");
    let before = scene.token_requests();
    for is_second in [false, true, false] {
        let error = get(if is_second { &second } else { &client }).unwrap_err().to_string();
        assert!(error.contains("revoked") && error.contains("`meterline smart-me login --account a`"), "{error}");
    }
    assert_eq!(scene.token_requests() - before, 1, "a refused token is not sent again");
    scene.log_in().unwrap();
    assert_eq!(get(&client).unwrap(), "[]");
    assert_eq!(get(&second).unwrap(), "[]");
}

#[test]
fn without_a_login_nothing_is_requested_and_the_command_is_named() {
    let scene = Scene::new(Some(SECRET), quick());
    let error = get(&scene.started()).unwrap_err().to_string();
    assert!(error.contains("is not logged in") && error.contains("smart-me login --account a"), "{error}");
    assert_eq!(scene.cloud.requests().len(), 0);
}

#[test]
fn a_new_refresh_token_is_stored_before_it_is_used_also_after_a_failed_write() {
    let scene = Scene::logged_in(Rotation::AtOnce);
    let obstacle = scene.data().join("smart-me-tokens.json.new");
    fs::create_dir(&obstacle).unwrap();
    let client = scene.started();
    let before = scene.cloud.requests().len();
    let error = get(&client).unwrap_err();
    assert!(matches!(error, ApiError::Storage(_)), "{error}");
    assert_eq!(scene.cloud.requests().len() - before, 1, "the access token is not used");
    fs::remove_dir(&obstacle).unwrap();
    assert_eq!(get(&client).unwrap(), "[]");
    assert_eq!(scene.token_requests(), 2, "and is not lost");
    assert_eq!(get(&scene.started()).unwrap(), "[]");
}

#[test]
fn a_login_shows_no_secret_in_its_debug_text() {
    let scene = Scene::logged_in(Rotation::AtOnce);
    let client = scene.started();
    get(&client).unwrap();
    let shown = format!("{client:?} {:?} {:?}", scene.logging_in(), scene.account);
    for secret in ["hunter2", "refresh-", "access-"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
