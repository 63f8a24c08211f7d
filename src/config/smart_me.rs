//! `[[smart_me]]`: the accounts at smart-me's REST API.

use super::ca_file::ca_file;
use super::secrets::{API_KEY, CLIENT_SECRET, PASSWORD, secret};
use super::section::Section;
use super::value::StringList;
use super::webhook::{NAME_RULE, WebhookAccount, WebhookAccounts, is_name};
use crate::source::smart_me::{
    Account, ApiUrl, Login, NotRotatable, PollMode, Polling, Reach, ValuesOf, WantedRegistration,
};
use crate::wire::PayloadFormat;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;
use uuid::Uuid;

const REQUESTS_PER_MINUTE: usize = 30;
const RECONCILE_EVERY: Duration = Duration::from_mins(15);
/// A shorter interval would use up the request budget.
const RECONCILE_EVERY_MIN: Duration = Duration::from_secs(1);
/// The minimum scopes that the service needs.
const SCOPES: [&str; 2] = ["device.read", "realtimeapi.readwrite"];
/// One more for a partner's account.
const PARTNER_SCOPE: &str = "partner.read";

/// The default if the webhook brings the readings: often enough to detect silent meters.
const WATCH_EVERY: Duration = Duration::from_mins(5);
/// The default if polling brings the readings.
const STORE_EVERY: Duration = Duration::from_mins(1);
/// A shorter interval would use up the request budget.
const EVERY_MIN: Duration = Duration::from_secs(1);
/// The vendor shows a device as offline after this time.
const STALE_AFTER: Duration = Duration::from_mins(15);
/// Microwatt-hours are the smallest unit in use.
const FACTOR_MAX: usize = 1_000_000;
/// Selects all devices instead of a list of ids.
const ALL: &str = "all";

pub(super) fn smart_me(sections: Vec<Section<'_>>, webhook_accounts: &WebhookAccounts) -> Vec<Account> {
    let mut accounts: Vec<Account> = Vec::new();
    for section in sections {
        accounts.extend(account(section, webhook_accounts, &accounts));
    }
    accounts
}

fn account(mut section: Section<'_>, webhook_accounts: &WebhookAccounts, others: &[Account]) -> Option<Account> {
    let name = section.required::<String>("account", "\"building-a\"");
    let webhook_account = name.as_ref().and_then(|name| webhook_accounts.read.iter().find(|it| it.name == *name));
    if name.as_ref().is_some_and(|name| others.iter().any(|other| other.name == *name)) {
        section.fault("account", "already has a [[smart_me]] table; remove one of them");
    }
    let url = section.get_or("url", ApiUrl::STANDARD.to_owned());
    let api = ApiUrl::parse(&url).map_err(|why| section.fault("url", format!("'{url}' {why}"))).ok();
    let reach = if section.get_or("partner", false) { Reach::Partner } else { Reach::Own };
    let login = login(&mut section, reach);
    let requests_per_minute = section.number_between("requests_per_minute", REQUESTS_PER_MINUTE, 1..=6000);
    let meter = meter(&mut section);
    let wanted = wanted(&mut section, webhook_account, meter);
    let mut polling = polling(&mut section, webhook_account.is_some(), meter);
    limit_partner(&mut section, reach, polling.as_mut());
    if let (Some(name), None, true) = (&name, webhook_account, webhook_accounts.are_all_read) {
        without_webhook(&section, name, polling.as_ref());
    }
    let reconcile_every = reconcile(&mut section);
    let repair = section.get_or("repair", true);
    let ca_file = ca_file(&mut section);
    section.finish();
    Some(Account {
        name: name?,
        api: api?,
        ca_file,
        login: login?,
        requests_per_minute: NonZeroUsize::new(requests_per_minute)?,
        wanted,
        reach,
        polling,
        password: webhook_account.map_or(Err(NotRotatable::NoWebhook), |it| it.password.clone()),
        repair,
        reconcile_every,
    })
}

fn login(section: &mut Section<'_>, reach: Reach) -> Option<Login> {
    let faults_before = section.fault_count();
    let key = secret(section, API_KEY);
    let user: Option<String> = section.get("username");
    let password = secret(section, PASSWORD);
    let client = client(section, reach);
    match (key, user.zip(password), client) {
        (Some(key), None, None) => Some(Login::ApiKey(key)),
        (None, Some((user, password)), None) => Some(Login::Basic { user, password }),
        (None, None, Some(client)) => Some(client),
        // A login that was named cannot be used, and the fault says why.
        _ if section.fault_count() > faults_before => None,
        (None, None, None) if section.has("username") => {
            section.fault("username", "needs password_file");
            None
        }
        (None, None, None) => {
            section.fault("api_key_file", "is required, or client_id and client_secret_file");
            None
        }
        _ => {
            section.fault("api_key_file", "only one login is allowed: an API key, a client, or a username");
            None
        }
    }
}

/// Reads an OAuth 2.0 client. With a token key file, a user logs in with it; without one, the
/// client logs in itself.
fn client(section: &mut Section<'_>, reach: Reach) -> Option<Login> {
    let id: Option<String> = section.get("client_id");
    let secret = secret(section, CLIENT_SECRET);
    let key_file: Option<PathBuf> = section.get("token_key_file");
    let for_partner = (reach == Reach::Partner).then_some(PARTNER_SCOPE);
    let scopes = SCOPES.into_iter().chain(for_partner).map(str::to_owned).collect();
    let StringList(scopes) = section.get_or("scopes", StringList(scopes));
    let is_secret_named = ["client_secret_file", "client_secret_env"].iter().any(|key| section.has(key));
    match (id, secret, key_file) {
        // The fault of the secret is already reported.
        (_, None, _) if is_secret_named => None,
        (Some(id), secret, Some(key_file)) => Some(Login::User { id, secret, scopes, key_file }),
        (Some(id), Some(secret), None) => Some(Login::Client { id, secret, scopes }),
        (Some(_), None, None) => {
            let why = "needs client_secret_file, or token_key_file for the login of a user";
            section.fault("client_id", why);
            None
        }
        (None, _, Some(_)) => {
            section.fault("token_key_file", "needs client_id");
            None
        }
        (None, _, None) => None,
    }
}

/// Checks an account without a webhook: it must poll readings and have no public_url. The
/// name may also be a misspelled webhook account.
fn without_webhook(section: &Section<'_>, name: &str, polling: Option<&Polling>) {
    if !is_name(name) {
        section.fault("account", NAME_RULE);
    }
    let is_stored = polling.is_some_and(|polling| polling.mode == PollMode::Store);
    if !is_stored || section.has("public_url") {
        section.fault(
            "account",
            format!(
                "there is no [[webhook.account]] called '{name}'; correct the name, or for an account without a webhook \
                 set poll = \"store\" and remove public_url"
            ),
        );
    }
}

fn meter(section: &mut Section<'_>) -> Option<Uuid> {
    let text: String = section.get("meter")?;
    let read = text.parse::<Uuid>();
    read.map_err(|_| section.fault("meter", format!("'{text}' is not the id of a device at smart-me (a UUID)"))).ok()
}

fn wanted(
    section: &mut Section<'_>,
    webhook_account: Option<&WebhookAccount>,
    meter: Option<Uuid>,
) -> Option<WantedRegistration> {
    let public: Option<String> = section.get("public_url");
    let public = public?;
    if let Err(why) = ApiUrl::parse(&public) {
        section
            .fault("public_url", format!("'{public}' {why}; give the address at which smart-me reaches the webhook"));
    }
    let webhook_account = webhook_account?;
    if webhook_account.format != PayloadFormat::SmartMe {
        section.fault("public_url", "needs a webhook account with format = \"smart-me\"");
    }
    Some(WantedRegistration {
        url: format!("{}{}", public.trim_end_matches('/'), webhook_account.path),
        meter,
        credentials: webhook_account.credentials.clone(),
    })
}

fn reconcile(section: &mut Section<'_>) -> Option<Duration> {
    let is_wanted = section.get_or("reconcile", false);
    let every = section.get_or("reconcile_every", RECONCILE_EVERY);
    if every < RECONCILE_EVERY_MIN {
        section.fault("reconcile_every", "must be at least 1s");
    }
    if is_wanted && !section.has("public_url") {
        section.fault("reconcile", "needs public_url: the address at which smart-me reaches the webhook");
    }
    is_wanted.then_some(every)
}

/// Reads the polling of an account. By default it only watches the devices if a webhook brings
/// the readings, and otherwise stores their readings.
fn polling(section: &mut Section<'_>, has_webhook: bool, only: Option<Uuid>) -> Option<Polling> {
    let default = if has_webhook { PollMode::Watch } else { PollMode::Store };
    let modes = [("off", None), ("watch", Some(PollMode::Watch)), ("store", Some(PollMode::Store))];
    let mode = section.choice("poll", &modes, Some(default));
    let every = section.get_or("poll_every", if mode == Some(PollMode::Store) { STORE_EVERY } else { WATCH_EVERY });
    if every < EVERY_MIN {
        section.fault("poll_every", "must be at least 1s");
    }
    let values = values(section);
    if values != ValuesOf::None && mode != Some(PollMode::Store) {
        section.fault("poll_values", "needs poll = \"store\"");
    }
    let stale_after = section.get_or("stale_after", STALE_AFTER);
    let gateways = section.get_or("mbus_gateways", true);
    let factor = section.number_between("unit_factor_expected", 1, 1..=FACTOR_MAX);
    let unit_factor_expected = u32::try_from(factor).map_or(1.0, f64::from);
    let only = only.map(Into::into);
    Some(Polling { mode: mode?, every, only, values, stale_after, gateways, unit_factor_expected })
}

fn values(section: &mut Section<'_>) -> ValuesOf {
    let StringList(ids) = section.get_or("poll_values", StringList(Vec::new()));
    if ids.is_empty() {
        return ValuesOf::None;
    }
    if ids == [ALL] {
        return ValuesOf::All;
    }
    let read = |id: &String| {
        let read = id.parse::<Uuid>();
        read.map_err(|_| section.fault("poll_values", format!("'{id}' is not the id of a device at smart-me (a UUID)")))
            .ok()
    };
    ValuesOf::Some(ids.iter().filter_map(read).map(Into::into).collect())
}

/// Limits the polling of a partner's account: smart-me's API has few calls for partners.
fn limit_partner(section: &mut Section<'_>, reach: Reach, polling: Option<&mut Polling>) {
    let Some(polling) = polling.filter(|_| reach == Reach::Partner) else { return };
    if polling.values != ValuesOf::None {
        section.fault("poll_values", "is not possible for a partner's account: smart-me's API has no such call");
    }
    polling.gateways = false;
}
