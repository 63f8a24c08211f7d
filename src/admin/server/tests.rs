//! The admin listener at its socket, with pages that a test holds up.

use super::{Admin, CONNECTIONS_MAX};
use crate::admin::Views;
use crate::admin::tests::views;
use crate::base::Listen;
use crate::clock::Clock;
use crate::config::{self, AdminLogin, AdminTransport};
use crate::secret::Secret;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// The time limit of every wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// A listener whose only page of content is `/metrics`.
fn started(metrics: impl Fn() -> String + Send + Sync + 'static) -> Admin {
    let views = Views { metrics: Arc::new(metrics), ..views(|| panic!("no test asks for the status")).0 };
    let config = config(AdminLogin::default(), AdminTransport::Loopback);
    Admin::start(Listen::Bind(config.listen), &config, None, views, Clock::system()).unwrap()
}

fn config(login: AdminLogin, transport: AdminTransport) -> config::Admin {
    let (listen, hosts) = (SocketAddr::from(([127, 0, 0, 1], 0)), vec!["meter.example".to_owned()]);
    config::Admin { listen, hosts, login, transport }
}

fn send(admin: &Admin, path: &str, host: &str) -> TcpStream {
    let mut stream = TcpStream::connect(admin.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\n{host}Connection: close\r\n\r\n").unwrap();
    stream
}

/// The status of the answer.
fn status(mut stream: TcpStream) -> u16 {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

fn get(admin: &Admin, path: &str) -> u16 {
    status(send(admin, path, "Host: localhost\r\n"))
}

#[test]
fn clients_that_never_read_hold_up_no_probe() {
    let admin = started(|| "x".repeat(16 << 20));
    let stalled: Vec<_> = (0..2 * CONNECTIONS_MAX).map(|_| send(&admin, "/metrics", "Host: localhost\r\n")).collect();
    assert_eq!(get(&admin, "/livez"), 200);
    assert_eq!(get(&admin, "/readyz"), 200);
    drop(stalled);
    admin.stop();
}

#[test]
fn a_page_that_takes_long_holds_up_no_probe() {
    let (release, released) = sync_channel::<()>(0);
    let released = parking_lot::Mutex::new(released);
    let (begun, has_begun) = sync_channel(16);
    let admin = started(move || {
        begun.send(()).unwrap();
        released.lock().recv().ok();
        "metrics".to_owned()
    });
    let waiting: Vec<_> = (0..8).map(|_| send(&admin, "/metrics", "Host: localhost\r\n")).collect();
    has_begun.recv_timeout(PATIENCE).unwrap();
    assert_eq!(get(&admin, "/livez"), 200);
    assert_eq!(get(&admin, "/readyz"), 200);
    drop(release);
    for page in waiting {
        assert_eq!(status(page), 200);
    }
    admin.stop();
}

#[test]
fn pages_that_wait_for_the_store_hold_up_no_metrics() {
    let (release, released) = sync_channel::<()>(0);
    let released = parking_lot::Mutex::new(released);
    let (begun, has_begun) = sync_channel(16);
    let held_up = move || {
        begun.send(()).unwrap();
        released.lock().recv().ok();
        crate::admin::tests::status()
    };
    let views = Views { metrics: Arc::new(|| "metrics".to_owned()), ..views(held_up).0 };
    let config = config(AdminLogin::default(), AdminTransport::Loopback);
    let admin = Admin::start(Listen::Bind(config.listen), &config, None, views, Clock::system()).unwrap();
    let paths = ["/", "/meters", "/meter/00000000-0000-0000-0000-000000000007"];
    let waiting: Vec<_> = (0..9).map(|number| send(&admin, paths[number % 3], "Host: localhost\r\n")).collect();
    has_begun.recv_timeout(PATIENCE).unwrap();
    has_begun.recv_timeout(PATIENCE).unwrap();
    assert_eq!(get(&admin, "/metrics"), 200);
    drop(release);
    for page in waiting {
        assert!([200, 404].contains(&status(page)));
    }
    admin.stop();
}

#[test]
fn pages_are_for_known_hosts_and_probes_for_any() {
    let admin = started(|| "metrics".to_owned());
    let cases = [
        ("Host: localhost\r\n", 200),
        ("Host: LOCALHOST:8081\r\n", 200),
        ("Host: 127.0.0.1:8081\r\n", 200),
        ("Host: 10.1.2.3\r\n", 200),
        ("Host: [::1]:8081\r\n", 200),
        ("Host: meter.example:8081\r\n", 200),
        ("Host: METER.example.\r\n", 200),
        ("Host: rebound.attacker.example\r\n", 421),
        ("Host: meter.example.attacker.example\r\n", 421),
        ("Host: localhost.attacker.example\r\n", 421),
        ("Host: 127.0.0.1.attacker.example\r\n", 421),
        ("Host: localhost\r\nHost: attacker.example\r\n", 421),
        ("Host: \r\n", 421),
        ("", 421),
    ];
    for (host, wanted) in cases {
        assert_eq!(status(send(&admin, "/metrics", host)), wanted, "{host:?}");
        for probe in ["/livez", "/readyz"] {
            assert_eq!(status(send(&admin, probe, host)), 200, "{host:?}");
        }
    }
    admin.stop();
}

const PASSWORD: &str = "correct horse";
const TOKEN: &str = "token-of-prometheus";

/// A listener with a login.
fn with_login(transport: AdminTransport) -> Admin {
    let views = Views { metrics: Arc::new(|| "metrics".to_owned()), ..views(crate::admin::tests::status).0 };
    let login = AdminLogin { password: Some(Secret::new(PASSWORD)), token: Some(Secret::new(TOKEN)) };
    let config = config(login, transport);
    Admin::start(Listen::Bind(config.listen), &config, None, views, Clock::system()).unwrap()
}

/// The whole answer to a request of these lines and this body.
fn exchange(admin: &Admin, first_line: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(admin.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    write!(
        stream,
        "{first_line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let lines = answer.split("\r\n\r\n").next()?.lines();
    lines.filter_map(|line| line.split_once(": ")).find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|it| it.1)
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

#[test]
fn a_browser_is_sent_to_the_form_logs_in_and_logs_out() {
    let admin = with_login(AdminTransport::Loopback);
    let html = "Accept: text/html,*/*;q=0.8\r\n";
    let sent = exchange(&admin, "GET /flow?a=b", html, "");
    assert!(sent.starts_with("HTTP/1.1 303 "), "{sent}");
    let to = header(&sent, "location").unwrap();
    assert!(to.starts_with("/login?next="), "{to}");
    let form = exchange(&admin, &format!("GET {to}"), html, "");
    assert!(form.starts_with("HTTP/1.1 200 ") && form.contains("value=\"/flow?a=b\""), "{form}");
    let wrong = exchange(&admin, "POST /login", FORM, "next=%2Fflow&password=wrong+horse");
    assert!(wrong.starts_with("HTTP/1.1 401 ") && wrong.contains("The password is wrong."), "{wrong}");
    assert_eq!(header(&wrong, "set-cookie"), None);
    let right = exchange(&admin, "POST /login", FORM, "next=%2Fflow&password=correct+horse");
    assert!(right.starts_with("HTTP/1.1 303 "), "{right}");
    assert_eq!(header(&right, "location"), Some("/flow"));
    let cookie = header(&right, "set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    let cookie = format!("{html}Cookie: {}\r\n", cookie.split(';').next().unwrap());
    for page in ["/flow", "/trouble", "/status.json", "/metrics"] {
        let shown = exchange(&admin, &format!("GET {page}"), &cookie, "");
        assert!(shown.starts_with("HTTP/1.1 200 "), "{page}: {shown}");
    }
    for page in ["/", "/meters", "/flow", "/trouble"] {
        let offers =
            |headers: &str| exchange(&admin, &format!("GET {page}"), headers, "").contains("action=\"/logout\"");
        let token = format!("Authorization: Bearer {TOKEN}\r\n");
        assert!(offers(&cookie) && !offers(&token), "{page}");
    }
    let logout = exchange(&admin, "GET /login", &cookie, "");
    assert!(logout.contains("action=\"/logout\"") && !form.contains("action=\"/logout\""), "{logout}");
    let other_site = format!("{cookie}{FORM}Origin: https://attacker.example\r\n");
    assert!(exchange(&admin, "POST /logout", &other_site, "").starts_with("HTTP/1.1 403 "));
    assert!(exchange(&admin, "POST /flow", &cookie, "").starts_with("HTTP/1.1 405 "));
    assert!(exchange(&admin, "POST /logout", &cookie, "").starts_with("HTTP/1.1 303 "));
    assert!(exchange(&admin, "GET /flow", &cookie, "").starts_with("HTTP/1.1 303 "), "the session has ended");
    admin.stop();
}

#[test]
fn connections_without_a_login_displace_none_that_has_it() {
    let admin = with_login(AdminTransport::Loopback);
    let asked = |stream: &mut TcpStream, path: &str, headers: &str| {
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").ok();
        let mut head = [0; 12];
        stream.read_exact(&mut head).map(|()| String::from_utf8_lossy(&head).into_owned()).unwrap_or_default()
    };
    let opened = || {
        let stream = TcpStream::connect(admin.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    let mut known = opened();
    assert_eq!(asked(&mut known, "/metrics", &token), "HTTP/1.1 200");
    let mut rest = vec![0; 4096];
    // Headers and the body.
    let mut read = 0;
    while !rest[..read].ends_with(b"metrics") {
        read += known.read(&mut rest[read..]).unwrap();
    }
    let mut others: Vec<TcpStream> = Vec::new();
    for _ in 0..2 * CONNECTIONS_MAX {
        let mut other = opened();
        assert_eq!(asked(&mut other, "/metrics", ""), "HTTP/1.1 401");
        others.push(other);
    }
    assert_eq!(asked(&mut known, "/metrics", &token), "HTTP/1.1 200");
    admin.stop();
}

#[test]
fn a_program_has_a_token_and_probes_need_none() {
    let admin = with_login(AdminTransport::Loopback);
    let without = exchange(&admin, "GET /metrics", "", "");
    assert!(without.starts_with("HTTP/1.1 401 "), "{without}");
    assert!(header(&without, "www-authenticate").unwrap().starts_with("Bearer"), "{without}");
    let with = |token: &str| exchange(&admin, "GET /metrics", &format!("Authorization: Bearer {token}\r\n"), "");
    assert!(with(TOKEN).starts_with("HTTP/1.1 200 "));
    for wrong in [PASSWORD, "", "x"] {
        assert!(with(wrong).starts_with("HTTP/1.1 401 "), "{wrong}");
    }
    for open in ["/livez", "/readyz", "/login", "/style.css", "/icon.svg"] {
        assert!(exchange(&admin, &format!("GET {open}"), "", "").starts_with("HTTP/1.1 200 "), "{open}");
    }
    admin.stop();
}

#[test]
fn no_answer_shows_a_secret_and_every_answer_has_the_security_headers() {
    let admin = with_login(AdminTransport::Loopback);
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    let requests = ["/", "/flow", "/trouble", "/login?next=/flow", "/status.json", "/metrics", "/livez", "/nothing"];
    let mut answers: Vec<String> = requests.map(|page| exchange(&admin, &format!("GET {page}"), &token, "")).into();
    answers.push(exchange(&admin, "POST /login", FORM, "password=correct+horse"));
    answers.push(exchange(&admin, "POST /login", FORM, "password=correct+horses"));
    answers.push(exchange(&admin, "POST /login", "", "password=correct+horse"));
    answers.push(exchange(&admin, "POST /login", FORM, &"x".repeat(100_000)));
    for answer in answers {
        assert!(!answer.contains(PASSWORD) && !answer.contains(TOKEN), "{answer}");
        let policy = header(&answer, "content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"));
        assert_eq!(header(&answer, "referrer-policy"), Some("same-origin"));
    }
    admin.stop();
}

#[test]
fn peers_of_other_networks_get_the_probes_alone() {
    let admin = with_login(AdminTransport::BehindProxy(vec!["192.0.2.1/32".parse().unwrap()]));
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    for page in ["/metrics", "/login", "/flow"] {
        assert!(exchange(&admin, &format!("GET {page}"), &token, "").starts_with("HTTP/1.1 403 "), "{page}");
    }
    assert!(exchange(&admin, "GET /livez", "", "").starts_with("HTTP/1.1 200 "));
    admin.stop();
}
