//! `[webhook]`, `[webhook.tls]` and `[[webhook.account]]`.

use super::secrets::{PASSWORD, SECOND_PASSWORD, SecretKeys, check_username, secret_and_file};
use super::section::Section;
use super::value::{Bytes, StringList};
use crate::ingest::{OnUndecodable, SourceOptions};
use crate::journal::RECORD_BYTES_MAX;
use crate::reading::Limits;
use crate::secret::Secret;
use crate::source::smart_me::{NotRotatable, PasswordFile};
use crate::source::webhook::{Account, Bounds, Config, ConfigError, Credentials, TlsFiles};
use crate::wire::PayloadFormat;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// The default account: without credentials, on loopback only.
const OPEN_ACCOUNT: &str = "smart-me";
const OPEN_PATH: &str = "/smart-me";

const CONNECTIONS_LIMIT: usize = 1_000_000;

/// The settings of a webhook account that its registration at smart-me needs.
pub(super) struct WebhookAccount {
    pub(super) name: String,
    pub(super) path: String,
    /// The format of its bodies.
    pub(super) format: PayloadFormat,
    /// The user name and password of the first pair.
    pub(super) credentials: Option<(String, Secret)>,
    /// The file of its password, or the reason why it cannot be rotated.
    pub(super) password: Result<PasswordFile, NotRotatable>,
}

/// The webhook accounts of the file.
pub(super) struct WebhookAccounts {
    pub(super) read: Vec<WebhookAccount>,
    /// Whether every table could be read, so that another name is the name of none.
    pub(super) are_all_read: bool,
    /// The path of each table.
    pub(super) paths: Vec<String>,
}

/// A user name, its password and the file of the password.
struct Pair {
    user: String,
    password: Secret,
    file: Option<PathBuf>,
}

/// Reads the webhook. Without an account there is an open one on loopback, if `is_alone`:
/// if no other source is configured. Otherwise the webhook does not listen.
pub(super) fn webhook(mut section: Section<'_>, is_alone: bool) -> (Config, WebhookAccounts) {
    let is_listening = is_alone || section.has("account");
    let listen = section.get_or("listen", SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)));
    let faults_before = section.fault_count();
    let behind_proxy = networks(&mut section, "behind_proxy");
    let has_proxy = !behind_proxy.is_empty() || section.fault_count() > faults_before;
    let tls_section = section.section("tls");
    let has_tls = tls_section.is_present();
    let tls = tls(tls_section);
    if is_listening && !has_tls && !has_proxy && !listen.ip().is_loopback() {
        section.fault(
            "listen",
            format!(
                "{listen} is not a loopback address, and without [webhook.tls] this listener uses plain HTTP: add \
                 [webhook.tls] with a certificate and a key, or use a TLS proxy and list its networks in \
                 behind_proxy, or listen on 127.0.0.1"
            ),
        );
    }
    let faults_before = section.fault_count();
    let bounds = bounds(&mut section);
    let tables = section.sections("account");
    let tables_count = tables.len();
    let paths: Vec<String> = tables.iter().map(Section::path).collect();
    let read = tables.into_iter().filter_map(account);
    let (mut accounts, mut webhook_accounts): (Vec<Account>, Vec<WebhookAccount>) = read.unzip();
    let are_all_read = webhook_accounts.len() == tables_count;
    if is_alone && !section.has("account") {
        accounts.push(open_account());
        let (name, path) = (OPEN_ACCOUNT.to_owned(), OPEN_PATH.to_owned());
        let format = PayloadFormat::SmartMe;
        webhook_accounts.push(WebhookAccount {
            name,
            path,
            format,
            credentials: None,
            password: Err(NotRotatable::Open),
        });
    }
    let config = Config { listen, tls, behind_proxy, accounts, bounds, heads: None };
    if config.bounds.body_bytes_max > RECORD_BYTES_MAX {
        section.fault(
            "body_max",
            format!("must be at most {RECORD_BYTES_MAX} bytes, the maximum size of a record in the journal"),
        );
    }
    let has_fault = section.fault_count() > faults_before;
    for fault in config.faults() {
        if is_listening && !(has_fault && may_follow(&fault)) {
            section.fault("", fault.to_string());
        }
    }
    section.finish();
    (config, WebhookAccounts { read: webhook_accounts, are_all_read, paths })
}

/// Whether the fault can follow from a value that could not be read.
fn may_follow(fault: &ConfigError) -> bool {
    match fault {
        ConfigError::NoAccount | ConfigError::OpenToNetwork(..) | ConfigError::Bound(_) => true,
        ConfigError::NameTwice(_)
        | ConfigError::PathTwice(_)
        | ConfigError::PathForm(_)
        | ConfigError::CredentialsTooMany(_) => false,
    }
}

/// A list of networks or single addresses.
pub(super) fn networks(section: &mut Section<'_>, key: &'static str) -> Vec<IpNet> {
    let StringList(networks) = section.get_or(key, StringList(Vec::new()));
    let parsed = networks.iter().filter_map(|text| {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let wanted = |_| section.fault(key, format!("'{text}' is not a network, like \"10.0.0.0/8\" or \"fd00::/8\""));
        network.map_err(wanted).ok()
    });
    parsed.collect()
}

/// The files of a table `tls`.
pub(super) fn tls(mut section: Section<'_>) -> Option<TlsFiles> {
    if !section.is_present() {
        return None;
    }
    let certificate = section.required("certificate", "\"/etc/meterline/fullchain.pem\"");
    let key = section.required("key", "\"/etc/meterline/privkey.pem\"");
    section.finish();
    Some(TlsFiles { certificate: certificate?, key: key? })
}

fn bounds(section: &mut Section<'_>) -> Bounds {
    let default = Bounds::default();
    let connections_max = section.number_between("connections_max", default.connections_max, 1..=CONNECTIONS_LIMIT);
    // A quarter remains for other accounts.
    let share = connections_max - connections_max / 4;
    Bounds {
        connections_max,
        account_connections_max: section.number_between("account_connections_max", share, 1..=CONNECTIONS_LIMIT),
        header_timeout: section.get_or("header_timeout", default.header_timeout),
        idle_timeout: section.get_or("idle_timeout", default.idle_timeout),
        body_timeout: section.get_or("body_timeout", default.body_timeout),
        stall_timeout: section.get_or("stall_timeout", default.stall_timeout),
        body_bytes_max: bytes(section, "body_max", default.body_bytes_max),
        in_flight_bytes_max: bytes(section, "in_flight_max", default.in_flight_bytes_max),
        account_in_flight_bytes_max: bytes(section, "account_in_flight_max", default.account_in_flight_bytes_max),
        in_flight_wait: default.in_flight_wait,
    }
}

fn bytes(section: &mut Section<'_>, key: &'static str, default: usize) -> usize {
    let Bytes(bytes) = section.get_or(key, Bytes(default as u64));
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

fn open_account() -> Account {
    Account {
        name: OPEN_ACCOUNT.to_owned(),
        path: OPEN_PATH.to_owned(),
        credentials: Vec::new(),
        source: SourceOptions::default(),
        format: PayloadFormat::SmartMe,
    }
}

/// The rule for names of sources.
pub(super) const NAME_RULE: &str = "must have 1 to 64 characters and no control characters";

pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 64 && !name.chars().any(char::is_control)
}

fn account(mut section: Section<'_>) -> Option<(Account, WebhookAccount)> {
    let name = section.required::<String>("name", "\"building-a\"");
    if name.as_deref().is_some_and(|name| !is_name(name)) {
        section.fault("name", NAME_RULE);
    }
    let path = section.required::<String>("path", "\"/smart-me/4f1c9a6e5f7d\"");
    let first = pair(&mut section, "username", PASSWORD);
    let second = pair(&mut section, "second_username", SECOND_PASSWORD);
    let limits = limits(&mut section);
    let on_undecodable = section.choice(
        "on_undecodable",
        &[("keep", OnUndecodable::Keep), ("refuse", OnUndecodable::Refuse)],
        OnUndecodable::Keep,
    );
    let Bytes(undecodable_bytes_max) =
        section.get_or("undecodable_max", Bytes(SourceOptions::default().undecodable_bytes_max));
    let formats = [("smart-me", PayloadFormat::SmartMe), ("meterline", PayloadFormat::ReadingBatch)];
    let format = section.choice("format", &formats, PayloadFormat::SmartMe);
    let password = rotatable(first.as_ref(), second.as_ref());
    let previous = previous_pair(&section, first.as_ref(), second.is_some());
    section.finish();
    let (name, path) = (name?, path?);
    let credentials = [&first, &previous, &second]
        .into_iter()
        .flatten()
        .map(|pair| Credentials::new(&pair.user, pair.password.expose()))
        .collect();
    let source = SourceOptions { limits, on_undecodable, undecodable_bytes_max };
    let credentials_at_smart_me = first.map(|pair| (pair.user, pair.password));
    let webhook_account = WebhookAccount {
        name: name.clone(),
        path: path.clone(),
        format,
        credentials: credentials_at_smart_me,
        password,
    };
    Some((Account { name, path, credentials, source, format }, webhook_account))
}

fn rotatable(first: Option<&Pair>, second: Option<&Pair>) -> Result<PasswordFile, NotRotatable> {
    match (first, second) {
        (None, _) => Err(NotRotatable::Open),
        (Some(_), Some(_)) => Err(NotRotatable::SecondPair),
        (Some(first), None) => first.file.clone().map(PasswordFile::new).ok_or(NotRotatable::Variable),
    }
}

/// Returns the pair with the previous password during `meterline smart-me rotate`.
fn previous_pair(section: &Section<'_>, first: Option<&Pair>, has_second: bool) -> Option<Pair> {
    let first = first?;
    let file = PasswordFile::new(first.file.clone()?);
    if !file.is_rotating() {
        return None;
    }
    if has_second {
        let why = "is not allowed during a password rotation; finish it first with `meterline smart-me rotate`";
        section.fault("second_username", why);
        return None;
    }
    match file.read() {
        Ok(passwords) => {
            let before = passwords.before?;
            section.note_content(PASSWORD.file, before.expose().as_bytes());
            Some(Pair { user: first.user.clone(), password: before, file: None })
        }
        Err(error) => {
            section.fault(PASSWORD.file, format!("cannot read the previous password of the rotation: {error}"));
            None
        }
    }
}

fn pair(section: &mut Section<'_>, user_key: &'static str, keys: SecretKeys) -> Option<Pair> {
    let user: Option<String> = section.get(user_key);
    let password = secret_and_file(section, keys);
    match (user, password) {
        (Some(user), Some((password, file))) => {
            check_username(section, user_key, &user);
            Some(Pair { user, password, file })
        }
        (Some(_), None) => {
            if !section.has(keys.file) && !section.has(keys.variable) {
                section.fault(user_key, format!("needs a password: name its file in {}", keys.file));
            }
            None
        }
        (None, Some(_)) => {
            section.fault(keys.file, format!("needs {user_key}"));
            None
        }
        (None, None) => None,
    }
}

fn limits(section: &mut Section<'_>) -> Limits {
    let nanos = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
    let default = Limits::DEFAULT;
    let span = |nanos: i64| Duration::from_nanos(nanos.unsigned_abs());
    let age = section.get_or("accept_age", span(default.age_ns_max));
    let ahead = section.get_or("accept_ahead", span(default.ahead_ns_max));
    Limits { age_ns_max: nanos(age), ahead_ns_max: nanos(ahead), ..default }
}
