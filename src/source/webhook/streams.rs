//! The tasks of a connection's HTTP/2 requests, so that each has an owner.

use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinSet;

/// Spawns hyper's tasks; they end with the connection's task at the latest.
#[derive(Debug, Clone, Default)]
pub(super) struct Streams(Arc<Mutex<JoinSet<()>>>);

impl Streams {
    /// Waits for all of them.
    pub(super) async fn join(&self) {
        let mut tasks = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        while tasks.join_next().await.is_some() {}
    }
}

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that ended are let go here, so that the set stays as small as the
        // number of open requests.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}
