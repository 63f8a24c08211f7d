//! The answer of each end point.

use super::device_list;
use super::oauth;
use super::partner;
use super::registrations::CloudRegistration;
use super::request::{Answer, Asked};
use super::state::State;
use hyper::{Method, StatusCode};
use serde_json::Value;
use uuid::Uuid;

/// The answer and its account.
pub(super) fn answer(state: &mut State, asked: &Asked<'_>) -> (String, Answer) {
    let path = asked.path.strip_prefix("/api").unwrap_or(asked.path).trim_end_matches('/');
    if let Some(path) = path.strip_prefix("/oauth/") {
        return oauth::answer(state, asked, path);
    }
    let header = asked.authorization.unwrap_or_default();
    let Some(account) = state.account_of(header, asked.now).cloned() else {
        return (String::new(), (StatusCode::UNAUTHORIZED, Vec::new()));
    };
    let is_read = *asked.method == Method::GET;
    let may = |claims: &[&str]| account.claims.iter().any(|has| claims.contains(&has.as_str()));
    if is_read && let Some(answer) = device_list::answer(&account, path, asked.query, asked.now_ns, &state.switches) {
        return (account.name, answer);
    }
    if is_read && let Some(answer) = partner::answer(&account, path, asked.now_ns, &state.switches) {
        let answer = if may(&["partner.read", "partner.write"]) { answer } else { forbidden() };
        return (account.name, answer);
    }
    let partners = path.strip_prefix("/partner").filter(|_| account.is_partner);
    if let Some(id) = partners.unwrap_or(path).strip_prefix("/ValuesInPastMultiple/") {
        let answer = device_list::past(&account, id, asked.query, &state.switches);
        return (account.name, answer);
    }
    let answer = match path.strip_prefix("/RegisterForRealtimeApi") {
        Some(_) if is_read && !may(&["realtimeapi.read", "realtimeapi.readwrite"]) => forbidden(),
        Some(_) if !is_read && !may(&["realtimeapi.readwrite"]) => forbidden(),
        Some("") if is_read => list(state, &account.name),
        Some("") if *asked.method == Method::POST => register(state, &account.name, asked.body),
        Some(rest) if *asked.method == Method::DELETE => remove(state, &account.name, rest.trim_start_matches('/')),
        _ => (StatusCode::NOT_FOUND, Vec::new()),
    };
    (account.name, answer)
}

fn forbidden() -> Answer {
    (StatusCode::FORBIDDEN, Vec::new())
}

fn list(state: &State, account: &str) -> Answer {
    let own = state.registrations.iter().filter(|it| it.account == account);
    let shown: Vec<Value> = own.map(|it| it.to_json(&state.switches)).collect();
    (StatusCode::OK, Value::Array(shown).to_string().into_bytes())
}

/// 200 without a body, so that the id is not known.
fn register(state: &mut State, account: &str, body: &[u8]) -> Answer {
    let Some(new) = CloudRegistration::read(account, body) else {
        return (StatusCode::BAD_REQUEST, b"\"not a registration\"".to_vec());
    };
    let is_there = state.registrations.iter().any(|it| it.account == account && it.url == new.url);
    if is_there && !state.switches.allows_duplicates {
        // A server that echoes the request: no client may log it.
        return (StatusCode::CONFLICT, body.to_vec());
    }
    state.registrations.push(new);
    (StatusCode::OK, Vec::new())
}

fn remove(state: &mut State, account: &str, id: &str) -> Answer {
    let wanted = id.parse::<Uuid>().ok();
    let before = state.registrations.len();
    state.registrations.retain(|it| it.account != account || Some(it.id) != wanted);
    let is_gone = state.registrations.len() < before;
    (if is_gone { StatusCode::OK } else { StatusCode::NOT_FOUND }, Vec::new())
}
