//! Troubles of the machine: refusal, clock, certificates, disk.

use super::list::{Found, Text};
use crate::admin::status::{CertificateStatus, Kind, ReloadStatus, Status};
use crate::base::human;
use std::time::Duration;

/// A certificate that ends sooner needs attention, as in the alert `MeterlineCertificateExpiring`.
const CERTIFICATE_SECONDS_MIN: i64 = 14 * 86_400;
/// Less free room than for two segments of the journal and SQLite's log.
pub(super) const FREE_BYTES_MIN: u64 = 512 << 20;

pub(super) fn add(found: &mut Found, status: &Status) {
    if !status.clock.ok {
        let sentence = "The clock of this machine is before the build date of this program.";
        let effect = "Posts are answered 503, because times of measurement cannot be checked. Data is taken again as \
                      soon as the clock is set.";
        found.add(Kind::ClockUnset, "", Text::new(sentence, effect));
    } else if let Some(why) = &status.not_ready {
        let effect = "Senders get 503 and may give up. Answered data is safe.";
        found.add(Kind::DataRefused, "", Text::new(format!("No data is taken in: {why}."), effect));
    }
    if status.clock.jumps > 0 {
        let sentence = format!("The clock of this machine jumped {} since the start.", times(status.clock.jumps));
        let effect = "Receive times may be wrong. Times of measurement come from the meters and are right. This entry ends a day after the last jump.";
        found.add(Kind::ClockJumped, "", Text::new(sentence, effect).times(status.clock.jumps));
    }
    for each in &status.certificates {
        certificate(found, each);
    }
    if let Some(last) = &status.reload {
        reload(found, last);
    }
    if let Some(volume) = status.volume.as_ref().filter(|volume| volume.free_bytes < FREE_BYTES_MIN) {
        let free = human::bytes(volume.free_bytes);
        let sentence = format!("The volume of the data directory has {free} free.");
        let effect = "When it is full, posts are answered 503 and the embedded store stops. Answered data is safe.";
        found.add(Kind::DiskFull, "", Text::new(sentence, effect).command(format!("df -h {}", volume.directory)));
    }
}

fn reload(found: &mut Found, last: &ReloadStatus) {
    let since = last.at.clone();
    if let Some(first) = last.faults.first() {
        let sentence = format!("The configuration has errors ({}), the first: {first}.", last.faults.len());
        let effect = "The earlier configuration stays in use. A restart would fail.";
        found.add(Kind::ConfigurationRefused, "", Text::new(sentence, effect).since(since.clone()));
    }
    if !last.restart.is_empty() {
        let sentence = format!("Changed settings need a restart: {}.", last.restart.join(", "));
        let effect = "The earlier settings stay in use until then.";
        found.add(Kind::RestartNeeded, "", Text::new(sentence, effect).since(since));
    }
}

fn certificate(found: &mut Found, certificate: &CertificateStatus) {
    let listener = certificate.listener;
    if let Some(fault) = &certificate.fault {
        let sentence = format!("The files of the {listener}'s certificate cannot be used: {fault}.");
        let effect = format!("The earlier certificate stays in use until {}.", certificate.expires);
        found.add(Kind::CertificateInvalid, listener, Text::new(sentence, effect));
    }
    let expires = certificate.expires.clone();
    if certificate.seconds_left <= 0 {
        let effect = "Clients refuse the connection, and smart-me does not repeat lost posts.";
        let sentence = format!("The {listener}'s certificate has expired.");
        found.add(Kind::CertificateInvalid, listener, Text::new(sentence, effect).since(expires));
    } else if certificate.seconds_left < CERTIFICATE_SECONDS_MIN {
        let left = human::duration(Duration::from_secs(certificate.seconds_left.unsigned_abs()));
        let sentence = format!("The {listener}'s certificate expires in {left}.");
        let effect = "Nothing is lost until then. New files are used without a restart.";
        found.add(Kind::CertificateExpiring, listener, Text::new(sentence, effect));
    }
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}
