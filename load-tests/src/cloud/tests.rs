//! The cloud over real sockets.

use super::*;
use crate::http::{Http, SendError};
use hyper::http::request::Builder;
use hyper::{Request, Response};
use uuid::Uuid;

const KEY: &str = "ApiKey k";

fn cloud(switches: Switches) -> Cloud {
    let logins = vec![CloudLogin::ApiKey("k".into()), CloudLogin::Client("id".into(), "secret".into())];
    Cloud::start(vec![CloudAccount::new("a", logins)], switches).unwrap()
}

fn send(request: Builder, body: &'static str) -> Result<Response<String>, SendError> {
    Http::new()?.send(request, body)
}

fn get(cloud: &Cloud, path: &str, authorization: &str) -> (u16, String) {
    let request = Request::get(format!("{}{path}", cloud.url())).header("authorization", authorization);
    let answer = send(request, "").unwrap();
    (answer.status().as_u16(), answer.into_body())
}

fn register(cloud: &Cloud) -> (u16, String) {
    let body = r#"{"registrationType":2,"apiUrl":"https://m.example/a","basicAuthPassword":"p"}"#;
    let request = Request::post(format!("{}/RegisterForRealtimeApi", cloud.url())).header("authorization", KEY);
    let answer = send(request, body).unwrap();
    (answer.status().as_u16(), answer.into_body())
}

#[test]
fn a_registration_is_taken_without_a_word_and_listed() {
    let cloud = cloud(Switches::default());
    assert_eq!(register(&cloud), (200, String::new()));
    let (status, listed) = get(&cloud, "/api/RegisterForRealtimeApi", KEY);
    assert_eq!(status, 200);
    assert!(listed.contains("\"ApiUrl\":\"https://m.example/a\"") && !listed.contains("Password"), "{listed}");
    let id = cloud.registrations("a")[0].id;
    let url = format!("{}/RegisterForRealtimeApi/{id}", cloud.url());
    assert_eq!(send(Request::delete(&url).header("authorization", KEY), "").unwrap().status(), 200);
    assert_eq!(send(Request::delete(&url).header("authorization", KEY), "").unwrap().status(), 404);
    assert_eq!(cloud.requests().len(), 4);
}

#[test]
fn what_is_not_published_can_be_switched() {
    let switches = Switches { camel_case: true, nulls: true, lists_passwords: true, ..Switches::default() };
    let cloud = cloud(Switches { allows_duplicates: false, ..switches });
    register(&cloud);
    assert_eq!(register(&cloud).0, 409);
    let (_, listed) = get(&cloud, "/RegisterForRealtimeApi", KEY);
    for shown in ["\"apiUrl\":", "\"meterId\":null", "\"basicAuthPassword\":\"p\""] {
        assert!(listed.contains(shown), "{listed}");
    }
}

#[test]
fn only_valid_logins_with_the_right_are_answered() {
    let cloud = Cloud::start(
        vec![CloudAccount::new("a", vec![CloudLogin::ApiKey("k".into())]).without("realtimeapi.readwrite")],
        Switches::default(),
    )
    .unwrap();
    assert_eq!(get(&cloud, "/RegisterForRealtimeApi", "Bearer k").0, 401);
    assert_eq!(get(&cloud, "/RegisterForRealtimeApi", KEY).0, 403);
}

#[test]
fn tokens_end_and_can_be_revoked() {
    let cloud = cloud(Switches::default());
    let fetch = || {
        let form = "grant_type=client_credentials&client_id=id&client_secret=secret&scope=device.read";
        let request = Request::post(format!("{}/oauth/token", cloud.url()))
            .header("content-type", "application/x-www-form-urlencoded");
        let token: serde_json::Value = serde_json::from_str(send(request, form).unwrap().body()).unwrap();
        format!("Bearer {}", token["access_token"].as_str().unwrap())
    };
    let token = fetch();
    assert_eq!(get(&cloud, "/RegisterForRealtimeApi", &token).0, 200);
    cloud.revoke_tokens();
    assert_eq!(get(&cloud, "/RegisterForRealtimeApi", &token).0, 401);
    cloud.set_token_lifetime(Duration::ZERO);
    assert_eq!(get(&cloud, "/RegisterForRealtimeApi", &fetch()).0, 401);
}

/// A cloud with a public application, with a signed-in person.
fn with_application(login: LoginSwitches) -> Cloud {
    let application = CloudLogin::Application("app".into(), None);
    let cloud =
        Cloud::start(vec![CloudAccount::new("a", vec![application])], Switches { login, ..Switches::default() });
    let cloud = cloud.unwrap();
    cloud.sign_in("a");
    cloud
}

fn token(cloud: &Cloud, form: &str) -> serde_json::Value {
    let request = Request::post(format!("{}/api/oauth/token/", cloud.url()));
    serde_json::from_str(Http::new().unwrap().send(request, form.to_owned()).unwrap().body()).unwrap()
}

/// The code that a browser comes back with, its challenge from RFC 7636, appendix B.
fn code(cloud: &Cloud) -> String {
    let query = "response_type=code&client_id=app&state=s&scope=offline_access&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fb\
                 &code_challenge_method=S256&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let answer = send(Request::get(format!("{}/oauth/authorize?{query}", cloud.url())), "").unwrap();
    let back = answer.headers()["location"].to_str().unwrap().to_owned();
    let code = back.strip_prefix("http://127.0.0.1:1/b?code=").and_then(|rest| rest.strip_suffix("&state=s"));
    code.unwrap_or_else(|| panic!("{back}")).to_owned()
}

#[test]
fn a_code_is_good_once_and_only_with_its_proof() {
    let cloud = with_application(LoginSwitches::default());
    let exchange = |code: &str, proof: &str| {
        let form = "grant_type=authorization_code&client_id=app&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fb";
        token(&cloud, &format!("{form}&code={code}&code_verifier={proof}"))
    };
    assert_eq!(exchange(&code(&cloud), "another")["error"], "invalid_grant");
    let (code, proof) = (code(&cloud), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    let granted = exchange(&code, proof);
    assert_eq!(cloud.refresh_tokens(), [granted["refresh_token"].as_str().unwrap()]);
    assert_eq!(exchange(&code, proof)["error"], "invalid_grant");
}

#[test]
fn a_refresh_token_stays_ends_at_once_or_when_the_next_is_used() {
    for (rotation, is_next_given, again) in [
        (Rotation::Never, false, [true, true]),
        (Rotation::AtOnce, true, [false, false]),
        (Rotation::WhenUsed, true, [true, false]),
    ] {
        let cloud =
            with_application(LoginSwitches { rotation, device_interval: Duration::ZERO, ..LoginSwitches::default() });
        let request = Request::post(format!("{}/oauth/device", cloud.url()));
        let device = send(request, "client_id=app&scope=offline_access").unwrap();
        let device: serde_json::Value = serde_json::from_str(device.body()).unwrap();
        let code = device["device_code"].as_str().unwrap();
        let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&client_id=app";
        let ask = || token(&cloud, &format!("{grant}&device_code={code}"));
        assert_eq!(ask()["error"], "authorization_pending");
        assert!(cloud.confirm(device["user_code"].as_str().unwrap()));
        let first = ask()["refresh_token"].as_str().unwrap().to_owned();
        let renew = |token_text: &str| {
            token(&cloud, &format!("grant_type=refresh_token&client_id=app&refresh_token={token_text}"))
        };
        let next = renew(&first);
        assert_eq!(next["refresh_token"].is_string(), is_next_given, "{rotation:?}");
        assert_eq!(renew(&first)["access_token"].is_string(), again[0], "{rotation:?}");
        if let Some(next) = next["refresh_token"].as_str() {
            assert!(renew(next)["access_token"].is_string(), "{rotation:?}");
        }
        assert_eq!(renew(&first)["access_token"].is_string(), again[1], "{rotation:?}");
        cloud.end_logins("a");
        assert_eq!(cloud.refresh_tokens(), [""; 0]);
    }
}

#[test]
fn faults_come_in_their_order_and_then_no_more() {
    let cloud = cloud(Switches::default());
    cloud.fail_next(1, Fault::Status(429, Some(7)));
    cloud.fail_next(1, Fault::Cut);
    let ask = || send(Request::get(format!("{}/x", cloud.url())), "");
    let first = ask().unwrap();
    assert_eq!((first.status().as_u16(), first.headers()["retry-after"].to_str().unwrap()), (429, "7"));
    assert!(ask().is_err());
    assert_eq!(get(&cloud, "/RegisterForRealtimeApi", KEY).0, 200);
}

#[test]
fn devices_are_listed_with_net_counters_and_the_clouds_own_date() {
    let cloud = cloud(Switches { float_noise: false, ..Switches::default() });
    let (water, heat) = (Uuid::from_u128(2), Uuid::from_u128(3));
    let gateway = CloudGateway { state: 0, interval: 4, meters: vec![(water, 0), (heat, 1)] };
    let mut gone = CloudDevice::of(DeviceKind::Heat, heat, 10.0);
    gone.silent_since = Some(0);
    cloud.change_account("a", |account| {
        account.devices = vec![
            CloudDevice::of(DeviceKind::Telstar, Uuid::from_u128(1), 3600.0),
            CloudDevice::of(DeviceKind::ColdWater, water, 10.0),
            gone,
            CloudDevice::of(DeviceKind::MBusGateway(gateway), Uuid::from_u128(4), 0.0),
        ];
    });
    cloud.set_now(Some(8_000_000_000_000));
    let answer = send(Request::get(format!("{}/Devices", cloud.url())).header("authorization", KEY), "").unwrap();
    assert_eq!(answer.headers()["date"].to_str().unwrap(), "Thu, 01 Jan 1970 02:13:20 GMT");
    let devices: serde_json::Value = serde_json::from_str(&get(&cloud, "/Devices", KEY).1).unwrap();
    let number = |name: &str| devices[0][name].as_f64().unwrap();
    assert_eq!((number("CounterReadingImport"), number("CounterReadingExport")), (8.0, 2.0));
    assert_eq!((number("CounterReading"), number("ActivePower")), (6.0, -3.6));
    assert_eq!(
        (&devices[0]["ValueDate"], &devices[2]["ValueDate"]),
        (&"1970-01-01T02:13:20Z".into(), &"1970-01-01T00:00:00Z".into())
    );
    assert_eq!((&devices[1]["CounterReadingUnit"], devices[1].get("Temperature")), (&"m3".into(), None));
    let gateways: serde_json::Value =
        serde_json::from_str(&get(&cloud, "/DevicesByEnergy?meterEnergyType=8", KEY).1).unwrap();
    assert_eq!(gateways.as_array().map(Vec::len), Some(1));
    let (status, text) = get(&cloud, &format!("/gateway/mbus/{}", gateways[0]["Id"].as_str().unwrap()), KEY);
    assert!(status == 200 && text.contains("\"ReadoutInterval\":4"), "{text}");
    assert_eq!(get(&cloud, &format!("/gateway/mbus/{water}"), KEY).0, 404);
    assert!(get(&cloud, &format!("/Values/{water}"), KEY).1.contains("\"Obis\""));
}

#[test]
fn only_a_partner_sees_the_devices_of_its_customers() {
    let cloud = cloud(Switches::default());
    assert_eq!(get(&cloud, "/PartnerAllDevices", KEY).0, 403);
    assert_eq!(get(&cloud, "/partner/ValuesInPastMultiple/x", KEY).0, 404);
    cloud.change_account("a", |account| account.is_partner = true);
    assert_eq!(get(&cloud, "/PartnerAllDevices", KEY), (200, "[]".to_owned()));
}
