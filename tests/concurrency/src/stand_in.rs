//! parking_lot's locks on shuttle's. shuttle's own stand-in for parking_lot has no `Condvar`.

use std::cell::Cell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

thread_local! {
    /// One wait of this many ends by its time; 0 for none. shuttle runs a model in one thread.
    static ONE_TIME_OUT_OF: Cell<u32> = const { Cell::new(0) };
}

/// Of `one_of` waits with a time one ends by it; none if that is 0: then a wake-up that is lost is a
/// deadlock, which shuttle reports.
pub fn time_outs(one_of: u32) {
    ONE_TIME_OUT_OF.set(one_of);
}

/// A lock that a panic does not poison.
#[derive(Default)]
pub struct Mutex<T>(shuttle::sync::Mutex<T>);

/// Holds the lock; empty only while it waits.
pub struct MutexGuard<'a, T>(Option<shuttle::sync::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    pub fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(unpoisoned(self.0.lock())))
    }
}

fn unpoisoned<T>(result: Result<T, std::sync::PoisonError<T>>) -> T {
    result.unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mutex")
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().unwrap_or_else(|| unreachable!("it waits"))
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().unwrap_or_else(|| unreachable!("it waits"))
    }
}

/// A condition variable.
#[derive(Default)]
pub struct Condvar(shuttle::sync::Condvar);

impl Condvar {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    pub fn notify_all(&self) {
        self.0.notify_all();
    }

    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        if let Some(held) = guard.0.take() {
            guard.0 = Some(unpoisoned(self.0.wait(held)));
        }
    }

    /// A wait whose time may end at once: others run before it goes on, or do not.
    pub fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, _: Duration) {
        match ONE_TIME_OUT_OF.get() {
            one_of if one_of > 0 && shuttle::rand::Rng::gen_ratio(&mut shuttle::rand::thread_rng(), 1, one_of) => {
                shuttle::thread::yield_now();
            }
            _ => self.wait(guard),
        }
    }

    pub fn wait_while_for<T>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        mut condition: impl FnMut(&mut T) -> bool,
        time: Duration,
    ) {
        // Also a wait that ends by its time may be woken before.
        let rounds = if ONE_TIME_OUT_OF.get() > 0 { 2 } else { usize::MAX };
        for _ in 0..rounds {
            if !condition(guard) {
                return;
            }
            self.wait_for(guard, time);
        }
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Condvar")
    }
}
