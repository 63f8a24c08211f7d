//! Decisions about requests, without a listener.

use super::*;
use proptest::prelude::*;
use std::task::{Context, Waker};

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 7));

fn access(password: Option<&str>, token: Option<&str>, transport: &AdminTransport) -> Access {
    let login = AdminLogin { password: password.map(Secret::new), token: token.map(Secret::new) };
    Access::new(&login, transport, 8081, Clock::system())
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect()
}

fn networks(list: &[&str]) -> Vec<IpNet> {
    list.iter().map(|network| network.parse().unwrap()).collect()
}

#[tokio::test]
async fn without_a_login_everything_is_open_and_with_one_nothing_is() {
    let open = access(None, None, &AdminTransport::Loopback);
    assert_eq!(open.decide(&HeaderMap::new(), PEER).await, Decision::Allowed);
    let closed = access(Some("hunter22"), None, &AdminTransport::Loopback);
    assert_eq!(closed.decide(&HeaderMap::new(), PEER).await, Decision::LoginNeeded);
    let wrong = headers(&[("cookie", "meterline-session-8081=0123; other=1")]);
    assert_eq!(closed.decide(&wrong, PEER).await, Decision::LoginNeeded);
    let empty = headers(&[("authorization", "Bearer ")]);
    assert_eq!(closed.decide(&empty, PEER).await, Decision::WrongToken, "no token is configured");
}

#[tokio::test]
async fn a_password_gives_a_session_until_the_logout() {
    let access = access(Some("hunter22"), Some("a-token-of-programs"), &AdminTransport::Loopback);
    let none = HeaderMap::new();
    assert_eq!(access.log_in("hunter23", &none, PEER).await.unwrap(), None);
    assert_eq!(access.log_in("a-token-of-programs", &none, PEER).await.unwrap(), None);
    let cookie = access.log_in("hunter22", &none, PEER).await.unwrap().unwrap();
    let cookie = cookie.to_str().unwrap();
    assert!(cookie.ends_with("; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict"), "{cookie}");
    let with_cookie = headers(&[("cookie", &format!("a=b; {}", cookie.split(';').next().unwrap()))]);
    assert_eq!(access.decide(&with_cookie, PEER).await, Decision::Allowed);
    let session = cookie.split(['=', ';']).nth(1).unwrap();
    let other = headers(&[("cookie", &format!("another-program={session}"))]);
    assert_eq!(access.decide(&other, PEER).await, Decision::LoginNeeded, "the cookie of another name");
    assert!(cookie.starts_with("meterline-session-8081="), "another service of this host has another name: {cookie}");
    let removed = access.log_out(&with_cookie).unwrap();
    assert!(removed.to_str().unwrap().contains("=; Path=/; Max-Age=0"), "{removed:?}");
    assert_eq!(access.decide(&with_cookie, PEER).await, Decision::LoginNeeded);
}

#[tokio::test]
async fn a_token_is_for_programs_and_a_password_is_none() {
    let access = access(Some("hunter22"), Some("a-token-of-programs"), &AdminTransport::Loopback);
    for (value, wanted) in [
        ("Bearer a-token-of-programs", Decision::Allowed),
        ("bearer  a-token-of-programs ", Decision::Allowed),
        ("Bearer hunter22", Decision::WrongToken),
        ("Bearer", Decision::LoginNeeded),
        ("Basic YTph", Decision::LoginNeeded),
    ] {
        assert_eq!(access.decide(&headers(&[("authorization", value)]), PEER).await, wanted, "{value}");
    }
}

#[tokio::test]
async fn after_many_passwords_the_right_one_waits_like_a_wrong_one_and_no_other_address_does() {
    let access = access(Some("hunter22"), None, &AdminTransport::Loopback);
    let none = HeaderMap::new();
    let waits = |password: &'static str, peer| {
        let mut login = Box::pin(access.log_in(password, &none, peer));
        login.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
    };
    let answered = (0..1000).find(|_| waits("wrong", PEER)).unwrap();
    assert!(answered > 0, "a mistake is answered at once");
    assert!(waits("wrong", PEER) && waits("hunter22", PEER), "the speed of an answer says nothing");
    assert!(!waits("hunter22", IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 8))));
}

#[tokio::test]
async fn after_many_wrong_tokens_a_wrong_one_waits_and_the_right_one_does_not() {
    let access = access(None, Some("a-token-of-programs"), &AdminTransport::Loopback);
    let waits = |token: &str| {
        let sent = headers(&[("authorization", &format!("Bearer {token}"))]);
        let mut decision = Box::pin(access.decide(&sent, PEER));
        decision.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
    };
    assert!((0..1000).any(|_| waits("wrong")), "a guesser is slowed down");
    assert!(!waits("a-token-of-programs"));
}

#[tokio::test]
async fn behind_a_proxy_a_client_that_guesses_does_not_slow_down_another() {
    let proxy = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 2, 3));
    let access = access(Some("hunter22"), None, &AdminTransport::BehindProxy(networks(&["10.1.2.3/32"])));
    let waits = |client: &str| {
        let forwarded = headers(&[("x-forwarded-for", client)]);
        let mut login = Box::pin(access.log_in("wrong", &forwarded, proxy));
        login.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
    };
    assert!((0..1000).any(|_| waits("203.0.113.7")));
    assert!(!waits("203.0.113.8"), "another client of the same proxy");
}

#[test]
fn cookies_are_secure_where_browsers_use_https() {
    for (transport, is_secure) in [
        (AdminTransport::Loopback, false),
        (AdminTransport::PlainHttp(networks(&["10.0.0.0/8"])), false),
        (AdminTransport::BehindProxy(networks(&["10.0.0.1/32"])), true),
    ] {
        let cookie = access(Some("hunter22"), None, &transport).set_cookie("s", 1);
        assert_eq!(cookie.ends_with("; Secure"), is_secure, "{cookie}");
    }
}

#[test]
fn only_peers_of_the_named_networks_are_served() {
    let serves = |transport: &AdminTransport| {
        let access = access(Some("hunter22"), None, transport);
        ["127.0.0.1", "192.168.1.7", "10.1.2.3", "::ffff:10.1.2.3"].map(|peer| access.serves(peer.parse().unwrap()))
    };
    assert_eq!(serves(&AdminTransport::Loopback), [true; 4]);
    assert_eq!(serves(&AdminTransport::PlainHttp(networks(&["10.0.0.0/8"]))), [true, false, true, true]);
    assert_eq!(serves(&AdminTransport::BehindProxy(networks(&["10.1.2.3/32"]))), [false, false, true, true]);
}

#[test]
fn forms_of_other_sites_are_not_of_this_one() {
    for (pairs, wanted) in [
        (&[("host", "meter.example")][..], true),
        (&[("host", "meter.example:8081"), ("origin", "http://meter.example:8081")], true),
        (&[("host", "meter.example:8081"), ("origin", "http://meter.example:9000")], false),
        (&[("host", "meter.example"), ("origin", "https://attacker.example")], false),
        (&[("host", "meter.example"), ("origin", "null")], false),
        (&[("host", "meter.example"), ("origin", "https://proxy.example"), ("sec-fetch-site", "same-origin")], true),
        (&[("host", "meter.example"), ("sec-fetch-site", "cross-site")], false),
        (&[("host", "meter.example"), ("sec-fetch-site", "same-site")], false),
    ] {
        assert_eq!(is_of_this_site(&headers(pairs)), wanted, "{pairs:?}");
    }
}

proptest! {
    #[test]
    fn no_header_gives_a_session_or_panics(cookie in "[ -~]{0,80}", authorization in "[ -~]{0,80}") {
        let access = access(Some("hunter22"), None, &AdminTransport::Loopback);
        let headers = headers(&[("cookie", &cookie), ("authorization", &authorization)]);
        prop_assert!(!access.has_session(&headers));
        is_of_this_site(&headers);
        headers.get("authorization").and_then(bearer);
    }
}
