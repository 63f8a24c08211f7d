//! The file of the versions: JSON with a checksum, replaced as a whole and synced.
//!
//! A missing file is a first start. An unreadable file is copied to
//! `meters.json.damaged` and replaced. Unlike after a first start, the versions that the
//! stores already hold stay, and every meter gets a version from now on.

use super::history::{Meter, VersionHistory};
use crate::base::checked::{from_json, to_json};
use crate::base::file::{Rights, read_at_most, replace};
use crate::reading::{MeterId, UnixNanos};
use crate::wire::meters::{Description, Version};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use uuid::Uuid;

/// The file's name in the data directory.
pub(super) const FILE: &str = "meters.json";
/// The largest file accepted: room for all meters with some versions each.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Times are nanoseconds since 1970 UTC.
#[derive(Serialize, Deserialize)]
struct Stored {
    unknown_from: i64,
    /// Each meter's versions, oldest first.
    meters: BTreeMap<Uuid, Vec<StoredVersion>>,
}

#[derive(Serialize, Deserialize)]
struct StoredVersion {
    metering_point: String,
    #[serde(flatten)]
    description: Description,
    source: String,
    valid_from: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_to: Option<i64>,
}

impl StoredVersion {
    fn of(version: &Version) -> Self {
        Self {
            metering_point: version.metering_point.clone(),
            description: version.description.clone(),
            source: version.source.clone(),
            valid_from: version.valid_from.0,
            valid_to: version.valid_to.map(|at| at.0),
        }
    }

    fn version(self, meter: Uuid) -> Version {
        Version {
            meter: MeterId::from(meter),
            metering_point: self.metering_point,
            description: self.description,
            source: self.source,
            valid_from: UnixNanos(self.valid_from),
            valid_to: self.valid_to.map(UnixNanos),
        }
    }
}

/// The file's content.
pub(super) fn to_bytes(history: &VersionHistory) -> Vec<u8> {
    let versions = |meter: &Meter| meter.versions.iter().map(StoredVersion::of).collect();
    let meters = history.meters.iter().map(|(id, meter)| (id.uuid(), versions(meter))).collect();
    // Only maps with non-text keys could fail, and there are none.
    to_json(&Stored { unknown_from: history.unknown_from.0, meters }).unwrap_or_default()
}

fn from_bytes(bytes: &[u8], now: UnixNanos) -> io::Result<VersionHistory> {
    let stored: Stored = from_json(bytes)?;
    let mut history = VersionHistory::new(UnixNanos(stored.unknown_from));
    for (id, versions) in stored.meters {
        if versions.is_empty() {
            return Err(io::Error::other("it has a meter without a version"));
        }
        let versions = versions.into_iter().map(|version| version.version(id)).collect();
        history.meters.insert(MeterId::from(id), Meter { named: now, versions });
    }
    Ok(history)
}

/// The stored history: empty on a first start; starting at `now` if the file cannot be read.
pub(super) fn read_or_start_empty(file: &Path, now: UnixNanos) -> VersionHistory {
    let error = match load(file, now) {
        Ok(history) => return history.unwrap_or_else(|| VersionHistory::new(UnixNanos(0))),
        Err(error) => error,
    };
    tracing::warn!(
        file = %file.display(), %error,
        "the meters' descriptions cannot be read; the file is kept as meters.json.damaged, and new versions start now"
    );
    let history = VersionHistory::new(now);
    // Copy, not rename: a kill in between must not leave a missing file, which is a first start.
    let begun = fs::copy(file, file.with_extension("json.damaged")).and_then(|_| write(file, &to_bytes(&history)));
    if let Err(error) = begun {
        tracing::warn!(file = %file.display(), %error, "the new file cannot be written yet; it is tried again");
    }
    history
}

fn load(file: &Path, now: UnixNanos) -> io::Result<Option<VersionHistory>> {
    let bytes = read_at_most(file, FILE_BYTES_MAX)?;
    bytes.map(|bytes| from_bytes(&bytes, now)).transpose()
}

/// Removes a meter from the file of a data directory that no service uses. Returns whether it was there.
///
/// # Errors
/// A file that cannot be read or written.
pub fn forget(data_directory: &Path, meter: MeterId) -> io::Result<bool> {
    let file = data_directory.join(FILE);
    let Some(mut history) = load(&file, UnixNanos(0))? else { return Ok(false) };
    let is_known = history.meters.remove(&meter).is_some();
    if is_known {
        write(&file, &to_bytes(&history))?;
    }
    Ok(is_known)
}

/// Replaces the file; synced on return.
pub(super) fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(file, bytes, FILE_BYTES_MAX, Rights::PRIVATE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::checked::every_flip;

    #[test]
    fn a_changed_bit_of_the_file_is_an_error() {
        let mut history = VersionHistory::new(UnixNanos(5));
        let meter = MeterId::from(Uuid::from_u128(7));
        let version = Version {
            meter,
            metering_point: "flat 1".to_owned(),
            description: Description { name: "Heat pump".to_owned(), ..Description::default() },
            source: "acme".to_owned(),
            valid_from: UnixNanos(1),
            valid_to: None,
        };
        history.meters.insert(meter, Meter { named: UnixNanos(1), versions: vec![version] });
        let stored = to_bytes(&history);
        assert_eq!(from_bytes(&stored, UnixNanos(9)).unwrap().meters.len(), 1);
        for damaged in every_flip(&stored) {
            let error = from_bytes(&damaged, UnixNanos(9)).map(|_| ()).unwrap_err();
            assert!(error.to_string().contains("it is damaged"), "{error}: {}", String::from_utf8_lossy(&damaged));
        }
    }
}
