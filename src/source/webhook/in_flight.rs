//! Limits the bytes of bodies in flight, per account and in total.
//!
//! A body takes permits for its bytes as they come, so a slow sender holds only what it has
//! sent. When a pool has no more, a body that holds some must wait for others that may need
//! more as well. So that they never wait in a circle, each pool sets the worst case of one
//! body aside. The body that takes it is the *finisher* of the pool: it needs nothing more
//! from this pool, so it finishes, and then the next one can.
//!
//! Invariants: a body waits for its account before it waits for the total; only an account's
//! finisher waits for the total's; the finisher of the total waits for nothing.

use super::answer::Answer;
use super::bounds::{Bounds, RETRY_AFTER_IN_FLIGHT};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Permits for bytes in flight: of an account, or of all accounts together.
#[derive(Debug)]
pub(super) struct Pool {
    /// For the bytes of all bodies but the finisher.
    shared: Semaphore,
    /// One permit, for the finisher.
    finisher: Semaphore,
    bytes_max: usize,
    worst_case: usize,
}

impl Pool {
    pub(super) fn new(bytes_max: usize, bounds: &Bounds) -> Self {
        let worst_case = bounds.body_in_flight_bytes_max();
        let shared = Semaphore::new(bytes_max.saturating_sub(worst_case));
        Self { shared, finisher: Semaphore::new(1), bytes_max, worst_case }
    }

    /// The bytes that are reserved now.
    pub(super) fn reserved(&self) -> usize {
        self.bytes_max - self.shared.available_permits() - self.finisher.available_permits() * self.worst_case
    }
}

/// Where the permits of a body come from.
#[derive(Debug, Clone, Copy)]
pub(super) struct InFlightLimits<'a> {
    pub(super) account: &'a Pool,
    pub(super) total: &'a Pool,
    /// The longest wait for permits.
    pub(super) wait: Duration,
}

type Permits<'a> = SemaphorePermit<'a>;

/// The permits of one body.
#[derive(Debug)]
pub(super) struct InFlightPermits<'a> {
    limits: InFlightLimits<'a>,
    shared: Option<(Permits<'a>, Permits<'a>)>,
    finishing: Option<Finishing<'a>>,
}

/// A body that needs no more permits.
#[derive(Debug)]
struct Finishing<'a> {
    _account: Permits<'a>,
    /// The finisher's permit of the total, or the worst case in its shared permits.
    _total: Permits<'a>,
}

impl<'a> InFlightPermits<'a> {
    pub(super) fn new(limits: InFlightLimits<'a>) -> Self {
        Self { limits, shared: None, finishing: None }
    }

    /// Holds permits for at least `bytes`; waits for them within a bounded time.
    pub(super) async fn grow_to(&mut self, bytes: usize) -> Result<(), Answer> {
        let missing = bytes.saturating_sub(self.shared_bytes());
        if missing == 0 || self.finishing.is_some() || self.try_grow(missing) {
            return Ok(());
        }
        let limits = self.limits;
        let either = async {
            tokio::select! {
                biased;
                more = take_shared(&limits, missing) => more.map(Ok),
                finishing = finish(&limits) => finishing.map(Err),
            }
        };
        match tokio::time::timeout(limits.wait, either).await.ok().flatten() {
            Some(Ok(more)) => self.add(more),
            Some(Err(finishing)) => self.finishing = Some(finishing),
            None => {
                let why = "too many bytes are in flight; send again later";
                return Err(Answer::Unavailable(why, RETRY_AFTER_IN_FLIGHT));
            }
        }
        Ok(())
    }

    /// Keeps permits for `bytes`, which are at most the ones that it has.
    pub(super) fn shrink_to(&mut self, bytes: usize) {
        let missing = bytes.saturating_sub(self.shared_bytes());
        // Another body can finish if the shared permits are enough.
        if missing == 0 || self.try_grow(missing) {
            self.finishing = None;
        }
        let excess = self.shared_bytes().saturating_sub(bytes);
        if let Some((account, total)) = &mut self.shared {
            drop((account.split(excess), total.split(excess)));
        }
    }

    fn shared_bytes(&self) -> usize {
        self.shared.as_ref().map_or(0, |(account, _)| account.num_permits())
    }

    fn try_grow(&mut self, bytes: usize) -> bool {
        let (bytes, limits) = (permits(bytes), self.limits);
        let account = limits.account.shared.try_acquire_many(bytes).ok();
        let more = account.and_then(|account| Some((account, limits.total.shared.try_acquire_many(bytes).ok()?)));
        more.map(|more| self.add(more)).is_some()
    }

    fn add(&mut self, more: (Permits<'a>, Permits<'a>)) {
        match &mut self.shared {
            None => self.shared = Some(more),
            Some((account, total)) => {
                account.merge(more.0);
                total.merge(more.1);
            }
        }
    }
}

async fn take_shared<'a>(limits: &InFlightLimits<'a>, bytes: usize) -> Option<(Permits<'a>, Permits<'a>)> {
    let account = limits.account.shared.acquire_many(permits(bytes)).await.ok()?;
    Some((account, limits.total.shared.acquire_many(permits(bytes)).await.ok()?))
}

async fn finish<'a>(limits: &InFlightLimits<'a>) -> Option<Finishing<'a>> {
    let account = limits.account.finisher.acquire().await.ok()?;
    let worst_case = permits(limits.total.worst_case);
    let total = tokio::select! {
        biased;
        total = limits.total.shared.acquire_many(worst_case) => total,
        total = limits.total.finisher.acquire() => total,
    };
    Some(Finishing { _account: account, _total: total.ok()? })
}

fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
