//! The sessions of browsers: at most [`SESSIONS_MAX`], each for [`LIFETIME`]. Only their digests are kept, in memory:
//! after a start, browsers log in again.

use crate::secret::random;
use sha2::{Digest as _, Sha256};
use std::io;
use std::time::{Duration, Instant};

/// Further sessions displace the oldest one.
const SESSIONS_MAX: usize = 64;
/// How long a session is valid after its login.
pub(crate) const LIFETIME: Duration = Duration::from_hours(7 * 24);

/// The sessions, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Sessions(Vec<Session>);

#[derive(Debug)]
struct Session {
    digest: [u8; 32],
    ends: Instant,
}

impl Sessions {
    /// Begins a session and returns its name, which only the browser keeps.
    pub(super) fn begin(&mut self, now: Instant) -> io::Result<String> {
        let name = hex::encode(random::<32>()?);
        self.0.retain(|session| session.ends > now);
        if self.0.len() >= SESSIONS_MAX {
            self.0.remove(0);
        }
        self.0.push(Session { digest: digest(&name), ends: now + LIFETIME });
        Ok(name)
    }

    /// Whether a session with this name is valid. A name cannot be guessed, so its digest needs no constant time.
    pub(super) fn has(&self, name: &str, now: Instant) -> bool {
        let digest = digest(name);
        self.0.iter().any(|session| session.digest == digest && session.ends > now)
    }

    /// Ends a session.
    pub(super) fn end(&mut self, name: &str) {
        let digest = digest(name);
        self.0.retain(|session| session.digest != digest);
    }
}

fn digest(name: &str) -> [u8; 32] {
    Sha256::digest(name).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn a_session_ends_by_time_by_logout_and_by_newer_ones() {
        let (mut sessions, start) = (Sessions::default(), Clock::system().monotonic());
        let [first, second] = [(); 2].map(|()| sessions.begin(start).unwrap());
        assert!(first != second && first.len() == 64);
        assert!(sessions.has(&first, start) && sessions.has(&second, start) && !sessions.has("", start));
        assert!(!sessions.has(&first, start + LIFETIME));
        sessions.end(&first);
        assert!(!sessions.has(&first, start) && sessions.has(&second, start));
        for _ in 0..SESSIONS_MAX {
            sessions.begin(start).unwrap();
        }
        assert!(!sessions.has(&second, start));
        assert_eq!(sessions.0.len(), SESSIONS_MAX);
        sessions.begin(start + LIFETIME).unwrap();
        assert_eq!(sessions.0.len(), 1, "those that ended make room");
    }
}
