//! A person logs in at smart-me while the service runs.

use crate::support::ports;
use crate::support::service::{ACCOUNT, PASSWORD, PATH, Service, Setup};
use crate::support::wait;
use hyper::Request;
use meterline_load::cloud::{Cloud, CloudAccount, CloudLogin, LoginSwitches, Switches};
use meterline_load::http::{self, Http};
use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::time::Duration;

const APPLICATION: &str = "an-application";
const SECRET: &str = "a-client-secret-that-must-stay-secret";
const LIMIT: Duration = Duration::from_secs(60);

fn cloud() -> Cloud {
    let application = CloudLogin::Application(APPLICATION.to_owned(), Some(SECRET.to_owned()));
    let login = LoginSwitches {
        told_interval: Duration::from_secs(1),
        device_interval: Duration::ZERO,
        ..LoginSwitches::default()
    };
    let switches = Switches { login, ..Switches::default() };
    Cloud::start(vec![CloudAccount::new(ACCOUNT, vec![application])], switches).unwrap()
}

/// A service that reconciles its registration once a person has logged in.
fn service(cloud: &Cloud) -> Service {
    let mut service = Setup { tables: "[log]\nlevel = \"trace\"", ..Setup::default() }.start();
    assert!(service.stop().success());
    let secret = service.secret_file("client-secret", SECRET);
    let key = secret.with_file_name("token-key");
    service.append_configuration(&format!(
        "[[smart_me]]\naccount = \"{ACCOUNT}\"\nclient_id = \"{APPLICATION}\"\nclient_secret_file = {secret:?}\n\
         token_key_file = {key:?}\nurl = \"{}\"\npublic_url = \"http://{}\"\nreconcile = true\nreconcile_every = \"1s\"\n\
         requests_per_minute = 1000",
        cloud.url(),
        service.webhook_address()
    ));
    service.start_again();
    service
}

/// A login in progress.
struct LoggingIn {
    command: Child,
    prompts: BufReader<std::process::ChildStderr>,
    /// Its whole output.
    said: String,
}

impl LoggingIn {
    fn start(service: &Service, options: &[&str]) -> Self {
        let mut command = service.spawn(&[&["smart-me", "login", "--account", ACCOUNT], options].concat());
        let prompts = BufReader::new(command.stderr.take().unwrap());
        Self { command, prompts, said: String::new() }
    }

    /// The rest of the next line after this text.
    fn line_with(&mut self, mark: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.prompts.read_line(&mut line).unwrap() > 0, "no {mark:?} in {}", self.said);
            self.said.push_str(&line);
            if let Some(at) = line.find(mark) {
                return line[at..].trim().to_owned();
            }
        }
    }

    /// Waits for its successful end; returns its whole output.
    fn end(mut self) -> String {
        self.prompts.read_to_string(&mut self.said).unwrap();
        let output = self.command.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", self.said);
        let result = String::from_utf8(output.stdout).unwrap();
        assert!(result.contains("acme: logged in"), "{result}");
        self.said + &result
    }
}

/// The address that a browser which opens this address is redirected to.
fn browse(address: &str) -> String {
    let answer = Http::new().unwrap().send(Request::get(address), "").unwrap();
    answer.headers()["location"].to_str().unwrap().to_owned()
}

fn wait_for_state(service: &Service, state: &str) {
    wait::until(&format!("the registration is {state}"), LIMIT, || {
        service.source("acme", "smart-me registration")["state"] == state
    });
}

fn times(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[test]
fn a_login_made_beside_the_service_is_used_and_a_revoked_one_is_logged_once_and_made_again() {
    let cloud = cloud();
    let mut service = service(&cloud);
    let mut shown = Vec::new();
    let mut tokens = Vec::new();
    wait_for_state(&service, "misconfigured");
    assert!(service.page("/flow").unwrap().1.contains("smart-me login --account acme"));
    shown.push(service.text_of(&["check"]));
    assert!(shown[0].contains("is not logged in"), "{}", shown[0]);

    let mut login = LoggingIn::start(&service, &[]);
    let code = login.line_with("code: ");
    assert!(cloud.confirm(code.strip_prefix("code: ").unwrap()));
    shown.push(login.end());
    wait_for_state(&service, "running");
    tokens.extend(cloud.refresh_tokens());
    shown.push(service.text_of(&["check"]));
    assert!(shown[2].contains("account 'acme' is logged in"), "{}", shown[2]);
    shown.push(service.text_of(&["smart-me", "list"]));

    cloud.end_logins(ACCOUNT);
    wait_for_state(&service, "misconfigured");
    cloud.sign_in(ACCOUNT);
    let port = ports::free().to_string();
    let mut login = LoggingIn::start(&service, &["--browser", "--port", &port]);
    let back = browse(&login.line_with("http://"));
    assert_eq!(http::get(&back).unwrap().0, 200);
    shown.push(login.end());
    wait_for_state(&service, "running");
    tokens.extend(cloud.refresh_tokens());

    service.kill();
    service.start_again();
    wait_for_state(&service, "running");
    tokens.extend(cloud.refresh_tokens());

    let log = service.log();
    assert_eq!(times(&log, "account 'acme' is not logged in at smart-me"), 1, "{log}");
    assert_eq!(times(&log, "was revoked or has expired: run `meterline smart-me login --account acme`"), 1, "{log}");
    shown.push(log);
    shown.extend(["/", "/flow", "/trouble", "/status.json", "/metrics"].map(|page| service.page(page).unwrap().1));
    shown.extend(every_file(&service));
    assert!(tokens.len() >= 3);
    for text in shown {
        let mut secrets = tokens.iter().map(String::as_str).chain([SECRET, PASSWORD, "access-"]);
        assert_eq!(secrets.find(|secret| text.contains(secret)), None);
        assert!(!text.contains("refresh-") && !text.contains(PATH));
    }
}

/// All files of the data directory except bodies and samples, as text.
fn every_file(service: &Service) -> Vec<String> {
    let files = std::fs::read_dir(service.data_directory()).unwrap().map(|entry| entry.unwrap().path());
    let read = |path| std::fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let texts: Vec<String> = files.filter_map(read).collect();
    assert!(texts.len() >= 4, "tokens, lock, registrations, the store");
    texts
}
