//! Named tokio tasks with an owner that joins them.
//!
//! Invariant: no task outlives [`Tasks::join`]. It cancels tasks that run beyond the
//! deadline and returns their names.

use parking_lot::Mutex;
use std::any::Any;
use std::future::Future;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// How long a cancelled task may take to end.
const AFTER_ABORT: Duration = Duration::from_millis(100);

/// The owner of a group of tasks.
#[derive(Debug)]
pub struct Tasks {
    runtime: Handle,
    running: Mutex<Vec<(String, JoinHandle<()>)>>,
}

impl Tasks {
    /// Creates an owner whose tasks run on this runtime.
    pub fn new(runtime: Handle) -> Self {
        Self { runtime, running: Mutex::default() }
    }

    /// Creates another owner on the same runtime.
    pub fn beside(&self) -> Self {
        Self::new(self.runtime.clone())
    }

    /// Starts a task.
    pub fn spawn(&self, name: impl Into<String>, task: impl Future<Output = ()> + Send + 'static) {
        let started = (name.into(), self.runtime.spawn(task));
        self.running.lock().push(started);
    }

    /// Waits for all tasks until `deadline`, then cancels the rest. Returns the names of
    /// the cancelled tasks.
    pub async fn join(&self, deadline: Instant) -> Vec<String> {
        let running = std::mem::take(&mut *self.running.lock());
        let mut cancelled = Vec::new();
        for (name, mut task) in running {
            match tokio::time::timeout_at(deadline.into(), &mut task).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::error!(task = name, %error, "a task panicked; this is a bug, please report it")
                }
                Err(_) => {
                    task.abort();
                    // Its drop may still write, so wait a moment for it.
                    tokio::time::timeout(AFTER_ABORT, task).await.ok();
                    cancelled.push(name);
                }
            }
        }
        cancelled
    }
}

/// The message of a panic.
pub fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    struct SetOnDrop(Arc<AtomicBool>);

    impl Drop for SetOnDrop {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn tasks_that_do_not_end_by_the_deadline_are_cancelled_and_named() {
        let tasks = Tasks::new(Handle::current());
        let is_dropped = Arc::new(AtomicBool::new(false));
        let guard = SetOnDrop(Arc::clone(&is_dropped));
        tasks.spawn("quick", async {});
        tasks.spawn("faulty", async { panic!("on purpose") });
        tasks.spawn("endless", async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        });
        let now = tokio::time::Instant::now().into_std();
        assert_eq!(tasks.join(now + std::time::Duration::from_millis(50)).await, ["endless"]);
        while !is_dropped.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        assert_eq!(tasks.join(now).await, Vec::<String>::new(), "nothing is left");
    }
}
