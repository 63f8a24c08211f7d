//! The login and logout of a browser: the form, and what is posted.

use super::access::{Access, is_of_this_site};
use super::parameters::Parameters;
use super::response::{Answer, TEXT, html, redirect, response};
use askama::Template;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, SET_COOKIE};
use hyper::{HeaderMap, Request, StatusCode};
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::timeout;

/// A form has a password and an address.
const FORM_BYTES_MAX: usize = 8 * 1024;
const FORM_TIMEOUT: Duration = Duration::from_secs(10);
const FORM: &[u8] = b"application/x-www-form-urlencoded";

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    /// The page that was asked for.
    next: &'a str,
    has_password: bool,
    /// Why the last attempt failed.
    fault: Option<&'static str>,
    is_logged_in: bool,
}

/// The form of the login, which shows `next` afterwards; for a browser that is logged in, the form of the logout.
pub(super) fn page(access: &Access, next: &str, headers: &HeaderMap) -> Answer {
    let (has_password, is_logged_in) = (access.has_password(), access.has_session(headers));
    html(&LoginPage { next: own_page(next), has_password, fault: None, is_logged_in })
}

/// Sends a browser to the form, and tells a program what is missing.
pub(super) fn needed(headers: &HeaderMap, page: &str) -> Answer {
    let wants_html = headers.get("accept").is_some_and(|accept| {
        accept.as_bytes().windows(b"text/html".len()).any(|part| part.eq_ignore_ascii_case(b"text/html"))
    });
    if wants_html {
        return redirect(&Parameters::default().with("next", page).link("/login"));
    }
    unauthorized("A login is needed: open /login in a browser, or send the token as `Authorization: Bearer TOKEN`.\n")
}

/// Tells a program that its token is wrong.
pub(super) fn wrong_token() -> Answer {
    unauthorized("The token is wrong.\n")
}

fn unauthorized(text: &'static str) -> Answer {
    let mut answer = response(StatusCode::UNAUTHORIZED, TEXT, text);
    let challenge = HeaderValue::from_static("Bearer realm=\"meterline\"");
    answer.headers_mut().insert(hyper::header::WWW_AUTHENTICATE, challenge);
    answer
}

/// Answers a posted login or logout.
pub(super) async fn posted(access: &Access, request: Request<Incoming>, peer: IpAddr) -> Answer {
    let (parts, body) = request.into_parts();
    let headers = &parts.headers;
    if !is_of_this_site(headers) {
        return response(StatusCode::FORBIDDEN, TEXT, "This form comes from another site. Open /login yourself.\n");
    }
    if parts.uri.path() == "/logout" {
        return with_cookie(redirect("/login"), access.log_out(headers));
    }
    let is_form = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(FORM));
    let form = timeout(FORM_TIMEOUT, Limited::new(body, FORM_BYTES_MAX).collect()).await;
    let Some(form) = form.ok().and_then(Result::ok).filter(|_| is_form) else {
        return response(StatusCode::BAD_REQUEST, TEXT, "This is not the form of /login.\n");
    };
    let form = form.to_bytes();
    let form = Parameters::of(std::str::from_utf8(&form).ok());
    let next = own_page(form.get("next"));
    match access.log_in(form.get("password"), headers, peer).await {
        Ok(Some(cookie)) => with_cookie(redirect(next), Some(cookie)),
        Ok(None) => {
            let fault = Some("The password is wrong.");
            let mut answer = html(&LoginPage { next, has_password: access.has_password(), fault, is_logged_in: false });
            *answer.status_mut() = StatusCode::UNAUTHORIZED;
            answer
        }
        Err(error) => response(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error}\n")),
    }
}

fn with_cookie(mut answer: Answer, cookie: Option<HeaderValue>) -> Answer {
    if let Some(cookie) = cookie {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    answer
}

/// A page of this listener, or the first one: no form leads to another site.
fn own_page(next: &str) -> &str {
    let is_own = next.starts_with('/') && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_own && !next.starts_with("//") && !next.starts_with("/log") { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::own_page;

    #[test]
    fn no_login_leads_to_another_site() {
        for own in ["/", "/flow", "/meters?search=a%20b"] {
            assert_eq!(own_page(own), own);
        }
        for other in
            ["", "//attacker.example", "/\\attacker.example", "https://a.example", "/a\r\nb", "/logout", "/a b"]
        {
            assert_eq!(own_page(other), "/", "{other}");
        }
    }
}
