//! The id of a sink: random, made once, and kept beside its cursor.
//!
//! A sink that must be the only one of its name at a store (a transactional Kafka producer)
//! takes the name from here. No two directories share an id; a copy of a directory has the id of
//! the original, so that the store can tell that there are two. A damaged file is refused:
//! another id would hide that.

use super::CursorError;
use super::disk::{self, SharedDisk};
use crate::base::checked::{checked_line, with_checksum};
use std::io;
use uuid::Uuid;

pub(super) const FILE_PREFIX: &str = "id-";
const FILE_BYTES_MAX: u64 = 1024;

/// Reads the id of a sink; a new one is durable on return.
pub(super) fn read_or_make(disk: &SharedDisk, sink: &str) -> Result<Uuid, CursorError> {
    let file = format!("{FILE_PREFIX}{sink}");
    let failed = |detail: String| CursorError::Io { directory: disk.path().to_owned(), file: file.clone(), detail };
    let bytes = disk::read_whole(&**disk, &file, FILE_BYTES_MAX).map_err(|error| failed(error.to_string()))?;
    if let Some(bytes) = bytes {
        return parse(&bytes).ok_or_else(|| {
            failed("it is damaged; put it back from a backup, or delete it: the sink then has a new id".to_owned())
        });
    }
    let id = Uuid::new_v4();
    let made: io::Result<()> = disk::replace(&**disk, &file, with_checksum(&id.to_string()).as_bytes(), FILE_BYTES_MAX);
    made.map_err(|error| failed(error.to_string()))?;
    Ok(id)
}

fn parse(bytes: &[u8]) -> Option<Uuid> {
    let text = std::str::from_utf8(bytes).ok()?;
    checked_line(text.strip_suffix('\n')?)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::disk::RealDisk;
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    #[test]
    fn an_id_stays_and_differs_from_sink_to_sink_and_from_directory_to_directory() {
        let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let disks = directories
            .each_ref()
            .map(|directory| -> SharedDisk { Arc::new(RealDisk::create(directory.path()).unwrap()) });
        let id = |disk, sink| read_or_make(disk, sink).unwrap();
        let first = id(&disks[0], "kafka");
        assert_eq!(id(&disks[0], "kafka"), first);
        assert_ne!(id(&disks[0], "other"), first);
        assert_ne!(id(&disks[1], "kafka"), first);
    }

    #[test]
    fn a_damaged_file_is_refused_and_stays() {
        let directory = tempfile::tempdir().unwrap();
        let disk: SharedDisk = Arc::new(RealDisk::create(directory.path()).unwrap());
        read_or_make(&disk, "kafka").unwrap();
        let file = directory.path().join("id-kafka");
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[12] ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        let refused = read_or_make(&disk, "kafka").unwrap_err().to_string();
        assert!(refused.contains("id-kafka") && refused.contains("delete it"), "{refused}");
        assert_eq!(std::fs::read(&file).unwrap(), bytes);
    }

    proptest! {
        #[test]
        fn only_the_text_that_was_written_is_an_id(bytes: Vec<u8>, id: u128) {
            let id = Uuid::from_u128(id);
            prop_assert_eq!(parse(with_checksum(&id.to_string()).as_bytes()), Some(id));
            prop_assert_eq!(parse(&bytes), None);
        }
    }
}
