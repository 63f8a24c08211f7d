//! Why a store gives no answer, each with its remedy.

use super::model::INTERVALS_MAX;
use std::path::PathBuf;

/// A query without an answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// There is no such file.
    #[error("the store {} does not exist: start the service, which creates it, or correct the path", file.display())]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// Another program keeps everyone out.
    #[error("another program holds the store {} locked: end it, or try again", file.display())]
    Locked {
        /// The file.
        file: PathBuf,
    },
    /// It was written by another version of this program.
    #[error(
        "the store {} has schema version {found}, this program reads {wanted}: use the version of the program that writes it",
        file.display()
    )]
    OtherVersion {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: i64,
        /// The version that can be read.
        wanted: i64,
    },
    /// The file cannot be read, or is no store.
    #[error("the store {} cannot be read ({why}): run the command as the service's user, and `meterline check --store`", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The reason.
        why: String,
    },
    /// The files do not belong together, or the server gives no answer: a sentence with the remedy.
    #[error("{0}")]
    Refused(String),
    /// It took longer than its client waits.
    #[error("the store did not answer within {seconds} s: ask for a shorter span, or see whether the store hangs")]
    TooSlow {
        /// The time for the answer.
        seconds: u64,
    },
    /// The client has gone.
    #[error("the query was ended before its answer")]
    Left,
    /// More intervals than an answer has.
    #[error("the span has more than {INTERVALS_MAX} intervals: ask for a shorter span or for longer intervals")]
    TooManyIntervals,
}
