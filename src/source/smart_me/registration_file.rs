//! Remembers over restarts which credentials each registration was created with: smart-me's
//! list may not show the password.
//!
//! One small file for all accounts, read and written as a whole; it holds a salted digest
//! of the credentials. It is a hint: without it a registration is trusted until the
//! webhook sees wrong credentials.

use super::account::WantedRegistration;
use super::plan::CredentialsMatch;
use crate::base::checked::{from_json, to_json};
use crate::base::file::{Rights, read_at_most, replace};
use crate::vendor::smart_me::RegistrationId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Mutex;
use uuid::Uuid;

/// The file's name in the data directory.
const FILE: &str = "smart-me-registrations.json";
/// A longer file is not valid.
const FILE_BYTES_MAX: u64 = if cfg!(test) { 4 << 10 } else { 1 << 20 };

/// The file of created registrations. Clones share its lock.
#[derive(Debug, Clone)]
pub struct RegistrationFile {
    path: PathBuf,
    /// Held while the file is read, changed and written.
    changing: Arc<Mutex<()>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    registration: Uuid,
    salt: Uuid,
    credentials_sha256: String,
}

type Accounts = BTreeMap<String, Entry>;

impl RegistrationFile {
    /// The file in this data directory.
    pub fn in_directory(data_directory: &std::path::Path) -> Self {
        Self { path: data_directory.join(FILE), changing: Arc::default() }
    }

    pub(super) fn credentials(
        &self,
        account: &str,
        wanted: &WantedRegistration,
    ) -> impl Fn(RegistrationId) -> CredentialsMatch {
        let entry = self.read().remove(account);
        let is_same = entry.as_ref().map(|it| it.credentials_sha256 == digest(it.salt, wanted));
        move |id| match (&entry, is_same) {
            (Some(it), Some(true)) if it.registration == id.0 => CredentialsMatch::Same,
            (Some(it), Some(false)) if it.registration == id.0 => CredentialsMatch::Changed,
            _ => CredentialsMatch::Unknown,
        }
    }

    /// Records that this registration was created with the wanted credentials.
    pub(super) async fn remember(
        &self,
        account: &str,
        id: RegistrationId,
        wanted: &WantedRegistration,
    ) -> io::Result<()> {
        let salt = Uuid::new_v4();
        let entry = Entry { registration: id.0, salt, credentials_sha256: digest(salt, wanted) };
        let _changing = self.changing.lock().await;
        let mut accounts = self.read();
        accounts.insert(account.to_owned(), entry);
        self.write(accounts).await
    }

    pub(super) async fn forget(&self, account: &str) -> io::Result<()> {
        let _changing = self.changing.lock().await;
        let mut accounts = self.read();
        if accounts.remove(account).is_some() { self.write(accounts).await } else { Ok(()) }
    }

    /// The file is a hint, so an unreadable file counts as empty.
    fn read(&self) -> Accounts {
        let read = read_at_most(&self.path, FILE_BYTES_MAX);
        let accounts = read.and_then(|text| text.map_or(Ok(Accounts::new()), |text| from_json(&text)));
        accounts.unwrap_or_else(|error| {
            tracing::warn!(
                file = %self.path.display(), %error,
                "the list of registrations cannot be read and counts as empty: a registration is trusted until its webhook \
                 sees wrong credentials; the next one that is made replaces the file"
            );
            Accounts::new()
        })
    }

    async fn write(&self, accounts: Accounts) -> io::Result<()> {
        let (file, text) = (self.path.clone(), to_json(&accounts)?);
        // A sync may take long, so it runs on a blocking thread.
        tokio::task::spawn_blocking(move || replace(&file, &text, FILE_BYTES_MAX, Rights::PRIVATE)).await?
    }
}

fn digest(salt: Uuid, wanted: &WantedRegistration) -> String {
    let mut hash = Sha256::new();
    hash.update(salt.as_bytes());
    if let Some((user, password)) = &wanted.credentials {
        hash.update(user.as_bytes());
        hash.update([0]);
        hash.update(password.expose().as_bytes());
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::checked::every_flip;
    use crate::secret::Secret;
    use std::fs;

    fn wanted(password: &str) -> WantedRegistration {
        let credentials = Some(("u".to_owned(), Secret::new(password)));
        WantedRegistration { url: "https://m.example/a".to_owned(), meter: None, credentials }
    }

    #[tokio::test]
    async fn a_registration_is_remembered_and_the_password_is_not_in_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = RegistrationFile::in_directory(directory.path());
        let id = RegistrationId(Uuid::from_u128(1));
        assert_eq!(file.credentials("a", &wanted("hunter2"))(id), CredentialsMatch::Unknown);
        file.remember("a", id, &wanted("hunter2")).await.unwrap();
        assert_eq!(file.credentials("a", &wanted("hunter2"))(id), CredentialsMatch::Same);
        assert_eq!(file.credentials("a", &wanted("other"))(id), CredentialsMatch::Changed);
        assert_eq!(file.credentials("b", &wanted("hunter2"))(id), CredentialsMatch::Unknown);
        assert_eq!(
            file.credentials("a", &wanted("hunter2"))(RegistrationId(Uuid::from_u128(2))),
            CredentialsMatch::Unknown
        );
        assert!(!fs::read_to_string(directory.path().join(FILE)).unwrap().contains("hunter2"));
        file.forget("a").await.unwrap();
        assert_eq!(file.credentials("a", &wanted("hunter2"))(id), CredentialsMatch::Unknown);
    }

    #[tokio::test]
    async fn beyond_its_bound_the_file_keeps_the_registrations_that_it_has() {
        let directory = tempfile::tempdir().unwrap();
        let file = RegistrationFile::in_directory(directory.path());
        let id = RegistrationId(Uuid::from_u128(1));
        let mut accounts = (0..).map(|number| format!("account-{number}"));
        let refused = loop {
            let account = accounts.next().unwrap();
            if file.remember(&account, id, &wanted("p")).await.is_err() {
                break account;
            }
        };
        assert_eq!(file.credentials("account-0", &wanted("p"))(id), CredentialsMatch::Same);
        assert_eq!(file.credentials(&refused, &wanted("p"))(id), CredentialsMatch::Unknown);
    }

    #[tokio::test]
    async fn a_damaged_file_counts_as_empty() {
        let directory = tempfile::tempdir().unwrap();
        let file = RegistrationFile::in_directory(directory.path());
        let id = RegistrationId(Uuid::from_u128(1));
        file.remember("a", id, &wanted("p")).await.unwrap();
        let stored = fs::read(directory.path().join(FILE)).unwrap();
        for damaged in every_flip(&stored).chain([b"{".to_vec()]) {
            fs::write(directory.path().join(FILE), &damaged).unwrap();
            let found = file.credentials("a", &wanted("p"))(id);
            assert_eq!(found, CredentialsMatch::Unknown, "{}", String::from_utf8_lossy(&damaged));
        }
        file.remember("a", id, &wanted("p")).await.unwrap();
        assert_eq!(file.credentials("a", &wanted("p"))(id), CredentialsMatch::Same);
    }
}
