//! The client and the registrar against a cloud over real sockets.

use super::*;
use crate::base::Stop;
use crate::clock::Clock;
use crate::secret::Secret;
use bytes::Bytes;
use meterline_load::cloud::{Cloud, CloudAccount, CloudLogin, CloudRegistration, Fault, Switches};
use std::future::Future;
use std::io::{Read as _, Write as _};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

mod fixture;
mod logged_in;
mod poll;
mod reconcile;
mod repair;

/// One for all tests: a client's connections live on the runtime that they were made on.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().enable_all().worker_threads(2).build().unwrap());

const ADDRESS: &str = "https://meter.example/secret-path";
const KEY: &str = "hunter2-key";
const PASSWORD: &str = "hunter2-password";

fn cloud(switches: Switches) -> Cloud {
    let logins = vec![
        CloudLogin::ApiKey(KEY.into()),
        CloudLogin::Basic("portal".into(), PASSWORD.into()),
        CloudLogin::Client("client".into(), "hunter2-secret".into()),
    ];
    let reader = CloudAccount::new("reader", vec![CloudLogin::ApiKey("reader".into())]);
    Cloud::start(vec![CloudAccount::new("a", logins), reader.without("realtimeapi.readwrite")], switches).unwrap()
}

fn wanted() -> WantedRegistration {
    WantedRegistration {
        url: ADDRESS.to_owned(),
        meter: None,
        credentials: Some(("u".to_owned(), Secret::new(PASSWORD))),
    }
}

fn account(cloud: &Cloud, login: Login) -> Account {
    Account {
        name: "a".to_owned(),
        api: ApiUrl::parse(&cloud.url()).unwrap(),
        ca_file: None,
        login,
        requests_per_minute: NonZeroUsize::new(1000).unwrap(),
        wanted: Some(wanted()),
        reach: Reach::Own,
        polling: None,
        password: Err(NotRotatable::Variable),
        repair: true,
        reconcile_every: None,
    }
}

fn client(cloud: &Cloud, login: Login) -> Client {
    client_of(account(cloud, login), Stop::default())
}

fn client_of(account: Account, stop: Stop) -> Client {
    // Nothing of these logins is kept on disk.
    let access = Access::new(&account, Path::new(""), stop, Clock::system());
    Client::new(account, access, Duration::from_mins(1))
}

fn run<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.block_on(work)
}

/// Asks for the list of registrations.
fn get(client: &Client) -> Result<Bytes, ApiError> {
    run(client.get(LIST)).map(|answer| answer.body)
}

/// Waits until something holds.
fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("not within 20 s: {what}");
}

fn key() -> Login {
    Login::ApiKey(Secret::new(KEY))
}

fn oauth(secret: &str) -> Login {
    let scopes = ["device.read", "realtimeapi.readwrite"].map(str::to_owned).to_vec();
    Login::Client { id: "client".to_owned(), secret: Secret::new(secret), scopes }
}

const LIST: &str = "/RegisterForRealtimeApi";

#[test]
fn every_way_to_log_in_is_accepted() {
    let cloud = cloud(Switches::default());
    let basic = Login::Basic { user: "portal".to_owned(), password: Secret::new(PASSWORD) };
    for login in [key(), basic, oauth("hunter2-secret")] {
        assert_eq!(get(&client(&cloud, login)).unwrap(), "[]");
    }
}

#[test]
fn a_wrong_key_secret_or_claim_is_named_and_not_repeated() {
    let cloud = cloud(Switches::default());
    for login in [Login::ApiKey(Secret::new("hunter2-wrong")), oauth("hunter2-wrong")] {
        let error = get(&client(&cloud, login)).unwrap_err();
        assert!(matches!(error, ApiError::Login(_)), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let error = get(&client(&cloud, Login::ApiKey(Secret::new("reader")))).unwrap_err();
    assert!(matches!(&error, ApiError::Forbidden(_)) && error.to_string().contains("realtimeapi"), "{error}");
    assert_eq!(cloud.requests().len(), 3, "each was asked once");
}

#[test]
fn a_token_is_used_until_shortly_before_its_end_and_renewed_when_it_is_refused() {
    let cloud = cloud(Switches::default());
    let client = client(&cloud, oauth("hunter2-secret"));
    let tokens = || cloud.requests().iter().filter(|request| request.what.ends_with("/oauth/token")).count();
    get(&client).unwrap();
    get(&client).unwrap();
    assert_eq!(tokens(), 1);
    cloud.revoke_tokens();
    get(&client).unwrap();
    assert_eq!(tokens(), 2, "in the middle of a page of work");
    // One that ends within the minute is never used twice.
    cloud.set_token_lifetime(Duration::from_secs(59));
    cloud.revoke_tokens();
    get(&client).unwrap();
    get(&client).unwrap();
    assert_eq!(tokens(), 4);
}

#[test]
fn a_get_is_retried_after_a_failure_and_waits_as_long_as_the_server_asks() {
    let cloud = cloud(Switches::default());
    for fault in [Fault::Status(429, Some(2)), Fault::Status(524, None), Fault::Cut] {
        cloud.fail_next(1, fault);
        assert_eq!(get(&client(&cloud, key())).unwrap(), "[]", "{fault:?}");
    }
    let requests = cloud.requests();
    let told = requests.windows(2).find(|pair| pair[0].status == 429).unwrap();
    assert!(told[1].at - told[0].at >= Duration::from_secs(2));
    assert_eq!(requests.len(), 6);
}

#[test]
fn trouble_that_lasts_longer_than_the_patience_is_an_error_and_not_a_storm() {
    let cloud = cloud(Switches::default());
    cloud.fail_next(1000, Fault::Status(429, Some(120)));
    let error = get(&client(&cloud, key())).unwrap_err();
    assert!(matches!(error, ApiError::Away(_)), "{error}");
    assert_eq!(cloud.requests().len(), 1, "two minutes are beyond a patience of one");
}

#[test]
fn a_stop_ends_the_wait() {
    let cloud = cloud(Switches::default());
    cloud.fail_next(1000, Fault::Status(503, Some(30)));
    let stop = Stop::default();
    let account = account(&cloud, key());
    let access = Access::new(&account, Path::new(""), stop.clone(), Clock::system());
    let client = Client::new(account, access, Duration::from_mins(10));
    let waiting = RUNTIME.spawn(async move { client.get(LIST).await });
    until("it is asked", || !cloud.requests().is_empty());
    stop.by(Clock::system().monotonic());
    assert_eq!(run(waiting).unwrap(), Err(ApiError::Stopped));
}

#[test]
fn a_post_is_not_executed_twice() {
    let cloud = cloud(Switches::default());
    let body = wanted();
    for (fault, error) in [(Fault::DoneAndCut, "not known"), (Fault::Status(524, None), "not known")] {
        cloud.fail_next(1, fault);
        let said = run(client(&cloud, key()).post(LIST, body.as_new().to_json())).unwrap_err().to_string();
        assert!(said.contains(error) && !said.contains("hunter2") && !said.contains("secret-path"), "{said}");
    }
    assert_eq!(cloud.registrations("a").len(), 1, "the one that was done before the cut");
}

#[test]
fn a_server_that_echoes_the_request_puts_no_secret_into_an_error() {
    let cloud = cloud(Switches { allows_duplicates: false, ..Switches::default() });
    let client = client(&cloud, key());
    run(client.post(LIST, wanted().as_new().to_json())).unwrap();
    let error = run(client.post(LIST, wanted().as_new().to_json())).unwrap_err();
    assert!(matches!(error, ApiError::Refused(_)), "{error}");
    assert!(!error.to_string().contains("hunter2") && !error.to_string().contains("secret-path"), "{error}");
    let shown = format!("{client:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("secret-path"), "{shown}");
}

#[test]
fn no_part_of_a_secret_is_repeated_where_the_server_echoes_it_cut() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let api = ApiUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 2048]).unwrap() > 0);
        // The error text is cut in the middle of the key.
        let body = format!("{}{KEY}", "x".repeat(190));
        let answer = format!("HTTP/1.1 400 No\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let cloud = cloud(Switches::default());
    let client = client_of(Account { api, ..account(&cloud, key()) }, Stop::default());
    let error = get(&client).unwrap_err().to_string();
    assert!(error.contains("400") && !error.contains("hunter2"), "{error}");
}

#[test]
fn a_request_waits_for_the_budget_no_longer_than_its_patience() {
    let cloud = cloud(Switches::default());
    let account = Account { requests_per_minute: NonZeroUsize::MIN, ..account(&cloud, key()) };
    let access = Access::new(&account, Path::new(""), Stop::default(), Clock::system());
    let client = Client::new(account, access, Duration::from_millis(50));
    get(&client).unwrap();
    let error = get(&client).unwrap_err();
    assert!(matches!(&error, ApiError::Away(why) if why.contains("budget")), "{error}");
    assert_eq!(cloud.requests().len(), 1);
}
