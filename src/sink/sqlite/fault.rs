//! SQLite's errors as sentences, and what it takes to go on after each.

use crate::deliver::SinkError;
use rusqlite::{Error, ErrorCode};
use std::path::Path;

/// What an error means for the sink.
pub(super) fn trouble(file: &Path, error: &Error) -> SinkError {
    let file = file.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => SinkError::blocked(format!(
            "the volume of {file} has no room for the store; free some space, it goes on by itself"
        )),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => SinkError::waiting(format!(
            "another program holds the store {file} ({error}); it goes on when that one lets go of it"
        )),
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::AuthorizationForStatementDenied,
        ) => SinkError::blocked(format!(
            "the store {file} cannot be written ({error}); give the file and its directory to the service's user"
        )),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => SinkError::blocked(format!(
            "the store {file} is damaged ({error}); put back a copy, or move the file away: a new one is filled with what \
             the journal still holds"
        )),
        Some(ErrorCode::SystemIoFailure) => SinkError::waiting(format!(
            "the store {file} cannot be read or written ({error}); look at the disk and the system's log"
        )),
        Some(code) if !is_about_the_schema(code) => SinkError::waiting(format!("the store {file} failed: {error}")),
        // No such table, no such column: somebody has changed the file.
        _ => SinkError::blocked(format!(
            "the store {file} is not what meterline made ({error}); move it away, or put back a copy"
        )),
    }
}

fn is_about_the_schema(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::Unknown | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch)
}
