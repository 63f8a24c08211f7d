//! The cloud as its documents state it.

use super::*;
use crate::http::Http;
use hyper::Request;

/// 2026-03-15T12:00:00Z.
const NOON: i64 = 1_773_576_000;

fn cloud() -> SmappeeCloud {
    SmappeeCloud::start(Clock::new(|| NOON)).unwrap()
}

fn grant(cloud: &SmappeeCloud, grant: &str) -> (u16, String) {
    let body = format!("{grant}&client_id=an-application&client_secret=hunter2-client");
    let url = format!("{}dev/v3/oauth2/token", cloud.url());
    let answer = Http::new().unwrap().send(Request::post(url), body).unwrap();
    (answer.status().as_u16(), answer.into_body())
}

fn get(cloud: &SmappeeCloud, token: &str, path: &str) -> (u16, String) {
    let request = Request::get(format!("{}dev/v3/servicelocation{path}", cloud.url()));
    let request = request.header("Authorization", format!("Bearer {token}"));
    let answer = Http::new().unwrap().send(request, "").unwrap();
    (answer.status().as_u16(), answer.into_body())
}

const BY_PASSWORD: &str = "grant_type=password&username=a+user&password=hunter2%26password";

#[test]
fn a_refresh_token_is_valid_once_and_a_range_excludes_its_end() {
    let cloud = cloud();
    assert_eq!(grant(&cloud, BY_PASSWORD).0, 200);
    let [access, refresh] = [cloud.issued()[0].clone(), cloud.issued()[1].clone()];
    let refresh = format!("grant_type=refresh_token&refresh_token={refresh}");
    assert_eq!((grant(&cloud, &refresh).0, grant(&cloud, &refresh).0), (200, 400));
    assert_eq!(grant(&cloud, "grant_type=password&username=a+user&password=no").0, 400);
    let (from, to) = ((NOON - 900) * 1000, (NOON - 300) * 1000);
    let path = |from, to| format!("/4711/consumption?aggregation=1&from={from}&to={to}");
    let rows = get(&cloud, &access, &path(from, to)).1;
    assert_eq!((rows.matches("timestamp").count(), rows.contains(&from.to_string())), (2, true), "{rows}");
    cloud.lose(from, from + 1);
    assert_eq!(get(&cloud, &access, &path(from, to)).1.matches("timestamp").count(), 1);
    cloud.expire();
    assert_eq!(get(&cloud, &access, "").0, 401);
    cloud.trouble([Trouble::Status(429, Some(7))]);
    assert_eq!(get(&cloud, &access, "").0, 429);
}
