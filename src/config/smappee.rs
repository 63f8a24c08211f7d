//! `[[smappee]]`: accounts at Smappee's cloud.

use super::ca_file::ca_file;
use super::device::{base_url, name};
use super::secrets::{CLIENT_SECRET, PASSWORD, SecretKeys, secret};
use super::section::Section;
use super::value::StringList;
use crate::secret::Secret;
use crate::source::smappee::{Account, Credentials};
use hyper::Uri;
use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::time::Duration;

/// The vendor's cloud.
const URL: &str = "https://app1pub.smappee.net";
/// Rows are of five minutes, so a shorter interval brings nothing.
const EVERY: Duration = Duration::from_mins(5);
/// The vendor keeps fine rows for a month.
const BACKFILL: Duration = Duration::from_hours(31 * 24);
/// Older samples are not plausible.
const BACKFILL_MAX: Duration = Duration::from_hours(399 * 24);
const REQUESTS_PER_MINUTE: usize = 20;

/// Reads an account; `taken` are the names of other sources.
pub(super) fn account(mut section: Section<'_>, taken: &mut HashSet<String>) -> Option<Account> {
    let name = name(&mut section, taken);
    let url = if section.has("url") { base_url(&mut section, "\"https://app1pub.smappee.net\"") } else { None };
    let url = url.or_else(|| section.get_or("url", String::from(URL)).parse::<Uri>().ok());
    let client_id = section.required::<String>("client_id", "\"an-application\"");
    let client_secret = required(&mut section, CLIENT_SECRET, "the application's secret");
    let user = section.required::<String>("username", "\"a-user\"");
    let password = required(&mut section, PASSWORD, "the user's password");
    let key_file = section.required("token_key_file", "\"/etc/meterline/smappee-token.key\"");
    let StringList(locations) = section.get_or("locations", StringList(Vec::new()));
    if locations.iter().any(|id| id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit())) {
        section.fault("locations", "must be numbers of service locations, such as [\"4711\"]");
    }
    let every = section.get_or("every", EVERY);
    if every < EVERY {
        section.fault("every", "must be at least 5m: the cloud has rows of five minutes");
    }
    let backfill = section.get_or("backfill", BACKFILL);
    if backfill > BACKFILL_MAX {
        section.fault("backfill", "must be at most 399d: older samples would be set aside");
    }
    let requests_per_minute = section.number_between("requests_per_minute", REQUESTS_PER_MINUTE, 1..=6000);
    let ca_file = ca_file(&mut section);
    section.finish();
    Some(Account {
        name: name?,
        url: url?,
        ca_file,
        credentials: Credentials {
            client_id: client_id?,
            client_secret: client_secret?,
            user: user?,
            password: password?,
        },
        key_file: key_file?,
        locations: (!locations.is_empty()).then_some(locations),
        every,
        backfill,
        requests_per_minute: NonZeroUsize::new(requests_per_minute)?,
    })
}

fn required(section: &mut Section<'_>, keys: SecretKeys, what: &str) -> Option<Secret> {
    let faults_before = section.fault_count();
    let secret = secret(section, keys);
    if secret.is_none() && section.fault_count() == faults_before {
        section.fault(keys.file, format!("is missing; name the file that holds {what}"));
    }
    secret
}
