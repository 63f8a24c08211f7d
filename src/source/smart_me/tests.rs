//! The client and the registrar against a cloud over real sockets.

use super::*;
use crate::clock::Clock;
use crate::secret::Secret;
use meterline_load::cloud::{Cloud, CloudAccount, CloudLogin, CloudRegistration, Fault, Switches};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

mod logged_in;
mod poll;
mod reconcile;
mod repair;

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

fn wanted() -> Wanted {
    Wanted { url: ADDRESS.to_owned(), meter: None, credentials: Some(("u".to_owned(), Secret::new(PASSWORD))) }
}

fn account(cloud: &Cloud, login: Login) -> Account {
    Account {
        name: "a".to_owned(),
        api: ApiUrl::parse(&cloud.url()).unwrap(),
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
    let account = account(cloud, login);
    // Nothing of these logins is kept on disk.
    let access = Access::new(&account, Path::new(""));
    Client::new(account, access, Duration::from_mins(1), Arc::default(), Clock::system())
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
        assert_eq!(client(&cloud, login).get(LIST).unwrap(), b"[]");
    }
}

#[test]
fn a_wrong_key_secret_or_claim_is_named_and_not_repeated() {
    let cloud = cloud(Switches::default());
    for login in [Login::ApiKey(Secret::new("hunter2-wrong")), oauth("hunter2-wrong")] {
        let error = client(&cloud, login).get(LIST).unwrap_err();
        assert!(matches!(error, ApiError::Login(_)), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let error = client(&cloud, Login::ApiKey(Secret::new("reader"))).get(LIST).unwrap_err();
    assert!(matches!(&error, ApiError::Forbidden(_)) && error.to_string().contains("realtimeapi"), "{error}");
    assert_eq!(cloud.requests().len(), 3, "each was asked once");
}

#[test]
fn a_token_is_used_until_shortly_before_its_end_and_renewed_when_it_is_refused() {
    let cloud = cloud(Switches::default());
    let mut client = client(&cloud, oauth("hunter2-secret"));
    let tokens = || cloud.requests().iter().filter(|request| request.what.ends_with("/oauth/token")).count();
    client.get(LIST).unwrap();
    client.get(LIST).unwrap();
    assert_eq!(tokens(), 1);
    cloud.revoke_tokens();
    client.get(LIST).unwrap();
    assert_eq!(tokens(), 2, "in the middle of a page of work");
    // One that ends within the minute is never used twice.
    cloud.set_token_lifetime(Duration::from_secs(59));
    cloud.revoke_tokens();
    client.get(LIST).unwrap();
    client.get(LIST).unwrap();
    assert_eq!(tokens(), 4);
}

#[test]
fn what_is_asked_is_repeated_after_trouble_and_waits_as_long_as_it_is_told() {
    let cloud = cloud(Switches::default());
    for fault in [Fault::Status(429, Some(2)), Fault::Status(524, None), Fault::Cut] {
        cloud.fail_next(1, fault);
        assert_eq!(client(&cloud, key()).get(LIST).unwrap(), b"[]", "{fault:?}");
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
    let error = client(&cloud, key()).get(LIST).unwrap_err();
    assert!(matches!(error, ApiError::Busy(_)), "{error}");
    assert_eq!(cloud.requests().len(), 1, "two minutes are beyond a patience of one");
}

#[test]
fn a_stop_ends_the_wait() {
    let cloud = cloud(Switches::default());
    cloud.fail_next(1000, Fault::Status(503, Some(30)));
    let pause = Arc::new(Pause::default());
    let mut client = {
        let account = account(&cloud, key());
        let access = Access::new(&account, Path::new(""));
        Client::new(account, access, Duration::from_mins(10), Arc::clone(&pause), Clock::system())
    };
    let waiting = std::thread::spawn(move || client.get(LIST));
    while cloud.requests().is_empty() {
        std::thread::yield_now();
    }
    pause.end();
    assert_eq!(waiting.join().unwrap(), Err(ApiError::Stopped));
}

#[test]
fn what_is_made_is_not_made_twice() {
    let cloud = cloud(Switches::default());
    let body = wanted();
    for (fault, error) in [(Fault::DoneAndCut, "not known"), (Fault::Status(524, None), "not known")] {
        cloud.fail_next(1, fault);
        let said = client(&cloud, key()).post(LIST, &body.as_new().to_json()).unwrap_err().to_string();
        assert!(said.contains(error) && !said.contains("hunter2") && !said.contains("secret-path"), "{said}");
    }
    assert_eq!(cloud.registrations("a").len(), 1, "the one that was done before the cut");
}

#[test]
fn a_server_that_repeats_what_it_was_sent_puts_no_secret_into_an_error() {
    let cloud = cloud(Switches { allows_duplicates: false, ..Switches::default() });
    let mut client = client(&cloud, key());
    client.post(LIST, &wanted().as_new().to_json()).unwrap();
    let error = client.post(LIST, &wanted().as_new().to_json()).unwrap_err();
    assert!(matches!(error, ApiError::Refused(_)), "{error}");
    assert!(!error.to_string().contains("hunter2") && !error.to_string().contains("secret-path"), "{error}");
    let shown = format!("{client:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("secret-path"), "{shown}");
}
