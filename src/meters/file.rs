//! The file all of it is kept in: JSON, replaced as a whole and synced.
//!
//! A missing file is a first start. One that cannot be read is kept beside as
//! `meters.json.damaged` and begun anew, but not as on a first start: what the stores
//! have of the time before stands, and every meter gets a version from now on.

use super::known::{Known, Meter};
use crate::reading::{MeterId, UnixNanos};
use crate::wire::meters::{Description, Version};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use uuid::Uuid;

/// The file's name in the data directory.
pub(super) const FILE: &str = "meters.json";
/// A longer file is not ours: room for all meters with some versions each.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Times are nanoseconds since 1970 UTC.
#[derive(Serialize, Deserialize)]
struct Stored {
    unknown_from: i64,
    meters: BTreeMap<Uuid, StoredMeter>,
    /// What waits to be recorded: meter and beginning of each version.
    waiting: Vec<(Uuid, StoredVersion)>,
}

#[derive(Serialize, Deserialize)]
struct StoredMeter {
    named: i64,
    versions: Vec<StoredVersion>,
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
    last_seen: i64,
}

impl StoredVersion {
    fn of(version: &Version) -> Self {
        Self {
            metering_point: version.metering_point.clone(),
            description: version.description.clone(),
            source: version.source.clone(),
            valid_from: version.valid_from.0,
            valid_to: version.valid_to.map(|at| at.0),
            last_seen: version.last_seen.0,
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
            last_seen: UnixNanos(self.last_seen),
        }
    }
}

fn to_bytes(known: &Known) -> Vec<u8> {
    let meters = known.meters.iter().map(|(id, meter)| {
        let versions = meter.versions.iter().map(StoredVersion::of).collect();
        (id.uuid(), StoredMeter { named: meter.named.0, versions })
    });
    let waiting = known.waiting.values().map(|version| (version.meter.uuid(), StoredVersion::of(version)));
    let stored = Stored { unknown_from: known.unknown_from, meters: meters.collect(), waiting: waiting.collect() };
    // Only maps with keys that are no text could fail, and there are none.
    serde_json::to_vec(&stored).unwrap_or_default()
}

fn from_bytes(bytes: &[u8]) -> io::Result<Known> {
    let stored: Stored = serde_json::from_slice(bytes)?;
    let mut known = Known { unknown_from: stored.unknown_from, ..Known::default() };
    for (id, meter) in stored.meters {
        let versions: Vec<Version> = meter.versions.into_iter().map(|version| version.version(id)).collect();
        if versions.is_empty() {
            return Err(io::Error::other("a meter in it has no version"));
        }
        known.meters.insert(MeterId::from(id), Meter { named: UnixNanos(meter.named), versions });
    }
    for (id, version) in stored.waiting {
        let version = version.version(id);
        known.waiting.insert((version.meter, version.valid_from.0), version);
    }
    Ok(known)
}

/// What is stored; nothing on a first start, and what follows from its loss where it
/// cannot be read.
pub(super) fn read_or_begin_anew(file: &Path, now: UnixNanos) -> Known {
    let error = match load(file) {
        Ok(known) => return known.unwrap_or_default(),
        Err(error) => error,
    };
    tracing::warn!(
        file = %file.display(), %error,
        "what was described of the meters cannot be read; it is kept beside, and they are described anew from now on"
    );
    let known = Known::lost(now);
    // The copy first: at no moment is the file missing, which would be a first start.
    let begun = fs::copy(file, file.with_extension("json.damaged")).and_then(|_| write(file, &known));
    if let Err(error) = begun {
        tracing::warn!(file = %file.display(), %error, "that cannot be stored yet; it is tried again");
    }
    known
}

fn load(file: &Path) -> io::Result<Option<Known>> {
    let metadata = match fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata?,
    };
    if metadata.len() > FILE_BYTES_MAX {
        return Err(io::Error::other("it is larger than any that was written here"));
    }
    from_bytes(&fs::read(file)?).map(Some)
}

/// Replaces the file. When this returns it is on disk.
pub(super) fn write(file: &Path, known: &Known) -> io::Result<()> {
    let new = file.with_extension("json.new");
    let mut writing = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    writing.write_all(&to_bytes(known))?;
    writing.sync_all()?;
    fs::rename(&new, file)?;
    let directory = file.parent().unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}
