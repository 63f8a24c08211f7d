//! OAuth 2.0 as the vendor's document names it: client credentials and refresh tokens
//! (RFC 6749), device codes (RFC 8628), authorization codes with PKCE (RFC 7636).
//!
//! A switch selects whether a refresh token is replaced at its use, since that is not
//! published. The test confirms a login by a call.

use super::accounts::CloudAccount;
use super::logins::{Code, Device};
use super::request::{Answer, Asked};
use super::state::{State, Token};
use super::switches::{LoginSwitches, Rotation};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use uuid::Uuid;

/// The answer of an end point below `/oauth`, and its account.
pub(super) fn answer(state: &mut State, asked: &Asked<'_>, path: &str) -> (String, Answer) {
    if path == "authorize" && *asked.method == Method::GET {
        return authorize(state, asked);
    }
    let form = form(&String::from_utf8_lossy(asked.body));
    let field = |name: &str| form.get(name).cloned();
    let found = state.accounts.iter().find_map(|it| Some((it.clone(), it.client(asked.authorization, &field)?)));
    let Some((account, client)) = found else { return (String::new(), refused("invalid_client")) };
    let name = account.name.clone();
    let answer = match (path, form.get("grant_type").map(String::as_str)) {
        ("device", _) if !client.is_service => device(state, asked, &account, &client.id, &form),
        ("token", Some("client_credentials")) if client.is_service => service(state, asked, &account, &form),
        ("token", Some("refresh_token")) => refresh(state, asked, &client.id, &form),
        ("token", Some("authorization_code")) => code(state, asked, &client.id, &form),
        ("token", Some("urn:ietf:params:oauth:grant-type:device_code")) => confirmed(state, asked, &client.id, &form),
        ("token" | "device", _) => refused("unauthorized_client"),
        _ => (StatusCode::NOT_FOUND, Vec::new()),
    };
    (name, answer)
}

type Form = HashMap<String, String>;

fn service(state: &mut State, asked: &Asked<'_>, account: &CloudAccount, form: &Form) -> Answer {
    if lacks_claim(account, form) {
        return refused("invalid_request");
    }
    tokens(state, asked, &account.name, None)
}

fn device(state: &mut State, asked: &Asked<'_>, account: &CloudAccount, client: &str, form: &Form) -> Answer {
    if lacks_claim(account, form) {
        return refused("invalid_request");
    }
    let LoginSwitches { told_interval, code_lasts, .. } = state.switches.login;
    let (code, random) = (Uuid::new_v4().to_string(), Uuid::new_v4().simple().to_string().to_uppercase());
    let user_code = format!("{}-{}", &random[..4], &random[4..8]);
    let device = Device {
        account: account.name.clone(),
        client: client.to_owned(),
        user_code: user_code.clone(),
        is_offline: asks_for_offline_access(form),
        ends: asked.now + code_lasts,
        asked: None,
        is_confirmed: None,
    };
    state.logins.devices.insert(code.clone(), device);
    let page = "https://portal.example/oauth/verify";
    ok(&json!({
        "device_code": code,
        "user_code": user_code,
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={user_code}"),
        "expires_in": code_lasts.as_secs(),
        "interval": told_interval.as_secs(),
    }))
}

/// RFC 8628, section 3.5.
fn confirmed(state: &mut State, asked: &Asked<'_>, client: &str, form: &Form) -> Answer {
    let interval = state.switches.login.device_interval;
    let code = form.get("device_code").cloned().unwrap_or_default();
    let Some(device) = state.logins.devices.get_mut(&code).filter(|device| device.client == client) else {
        return refused("invalid_grant");
    };
    let before = device.asked.replace(asked.now);
    if asked.now >= device.ends {
        return refused("expired_token");
    }
    if before.is_some_and(|before| asked.now - before < interval) {
        return refused("slow_down");
    }
    match device.is_confirmed {
        None => refused("authorization_pending"),
        Some(false) => refused("access_denied"),
        Some(true) => {
            let (account, is_offline) = (device.account.clone(), device.is_offline);
            state.logins.devices.remove(&code);
            let refresh = is_offline.then(|| state.logins.grant(&account, client, None));
            tokens(state, asked, &account, refresh.as_deref())
        }
    }
}

/// RFC 6749, section 4.1.1: sends the browser back to where it came from.
fn authorize(state: &mut State, asked: &Asked<'_>) -> (String, Answer) {
    let query = form(asked.query);
    let field = |name: &str| query.get(name).cloned().unwrap_or_default();
    let signed_in = state.logins.signed_in.clone();
    let Some(account) = state.accounts.iter().find(|account| Some(&account.name) == signed_in.as_ref()) else {
        return (String::new(), (StatusCode::UNAUTHORIZED, b"sign in first".to_vec()));
    };
    let (name, client, redirect) = (account.name.clone(), field("client_id"), field("redirect_uri"));
    let is_good = account.has_application(&client)
        && field("response_type") == "code"
        && field("code_challenge_method") == "S256"
        && redirect.starts_with("http://127.0.0.1:");
    if !is_good {
        return (name, (StatusCode::BAD_REQUEST, b"not a login".to_vec()));
    }
    let back = |what: &str| (StatusCode::FOUND, format!("{redirect}?{what}&state={}", field("state")).into_bytes());
    if lacks_claim(account, &query) {
        return (name, back("error=invalid_scope"));
    }
    let code = Uuid::new_v4().to_string();
    let answer = back(&format!("code={code}"));
    let (challenge, is_offline) = (field("code_challenge"), asks_for_offline_access(&query));
    let code_of = Code { account: name.clone(), client, challenge, redirect, is_offline };
    state.logins.codes.insert(code, code_of);
    (name, answer)
}

/// RFC 6749, section 4.1.3, with the proof of RFC 7636. A code is valid once.
fn code(state: &mut State, asked: &Asked<'_>, client: &str, form: &Form) -> Answer {
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let Some(code) = state.logins.codes.remove(&field("code")) else { return refused("invalid_grant") };
    let proof = URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier").as_bytes()));
    if code.client != client || code.challenge != proof || code.redirect != field("redirect_uri") {
        return refused("invalid_grant");
    }
    let refresh = code.is_offline.then(|| state.logins.grant(&code.account, client, None));
    tokens(state, asked, &code.account, refresh.as_deref())
}

/// RFC 6749, section 6.
fn refresh(state: &mut State, asked: &Asked<'_>, client: &str, form: &Form) -> Answer {
    let presented = form.get("refresh_token").cloned().unwrap_or_default();
    let known = state.logins.refresh.get(&presented).filter(|refresh| refresh.client == client).cloned();
    let Some(known) = known else { return refused("invalid_grant") };
    if let Some(before) = &known.before {
        state.logins.refresh.remove(before);
    }
    let next = match state.switches.login.rotation {
        Rotation::Never => None,
        Rotation::AtOnce => {
            state.logins.refresh.remove(&presented);
            Some(state.logins.grant(&known.account, client, None))
        }
        Rotation::WhenUsed => Some(state.logins.grant(&known.account, client, Some(presented))),
    };
    tokens(state, asked, &known.account, next.as_deref())
}

fn tokens(state: &mut State, asked: &Asked<'_>, account: &str, refresh: Option<&str>) -> Answer {
    let (access, lasts) = (format!("access-{}", Uuid::new_v4()), state.switches.token_lifetime);
    state.tokens.insert(access.clone(), Token { account: account.to_owned(), ends: asked.now + lasts });
    let mut fields = Map::from_iter([
        ("access_token".to_owned(), json!(access)),
        ("token_type".to_owned(), json!("Bearer")),
        ("expires_in".to_owned(), json!(lasts.as_secs())),
    ]);
    fields.extend(refresh.map(|token| ("refresh_token".to_owned(), json!(token))));
    ok(&Value::Object(fields))
}

fn lacks_claim(account: &CloudAccount, form: &Form) -> bool {
    let scopes = form.get("scope").cloned().unwrap_or_default();
    let mut asked = scopes.split(' ').filter(|scope| !scope.is_empty() && *scope != "offline_access");
    asked.any(|scope| !account.claims.iter().any(|has| has == scope))
}

/// Without it there is no refresh token.
fn asks_for_offline_access(form: &Form) -> bool {
    form.get("scope").is_some_and(|scopes| scopes.split(' ').any(|scope| scope == "offline_access"))
}

fn ok(value: &Value) -> Answer {
    (StatusCode::OK, value.to_string().into_bytes())
}

fn refused(error: &str) -> Answer {
    (StatusCode::BAD_REQUEST, json!({ "error": error }).to_string().into_bytes())
}

/// The fields of a form or a query.
fn form(text: &str) -> Form {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                let digits = String::from_utf8_lossy(&digits).into_owned();
                u8::from_str_radix(&digits, 16).unwrap_or(b'?')
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
