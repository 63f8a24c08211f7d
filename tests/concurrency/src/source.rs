//! The running sources.

#[path = "../../../src/source/groups.rs"]
pub mod groups;

pub mod description {
    #[derive(Debug, PartialEq, Eq)]
    pub struct Description {
        pub name: String,
    }
}

/// A set of sources that counts how many run.
pub mod sources {
    use super::description::Description;
    use crate::clock::Clock;
    use crate::parking_lot::Mutex;
    use serde_json::Value;
    use std::sync::Arc;
    use std::time::Instant;
    use tokio::runtime::Handle;

    #[derive(Debug, Default)]
    pub struct Sources {
        state: Mutex<State>,
    }

    #[derive(Debug, Default)]
    struct State {
        running: Vec<String>,
        is_stopped: bool,
    }

    impl Sources {
        pub fn new(_: Handle, _: Clock) -> Self {
            Self::default()
        }

        pub fn beside(&self) -> Self {
            Self::default()
        }

        /// Starts a source; not after a stop.
        pub fn start(&self, name: &str) {
            let mut state = self.state.lock();
            if !state.is_stopped {
                state.running.push(name.to_owned());
            }
        }

        pub fn stop(&self, _: Instant) {
            self.state.lock().is_stopped = true;
        }

        pub async fn join(&self, _: Instant) {
            shuttle::future::yield_now().await;
            let mut state = self.state.lock();
            assert!(state.is_stopped, "joined before it was stopped");
            state.running.clear();
        }

        pub fn offers(&self, name: &str, _: &str) -> bool {
            self.state.lock().running.iter().any(|running| running == name)
        }

        pub fn act(&self, name: &str, _: &str) -> Result<Value, String> {
            if self.offers(name, "") { Ok(name.into()) } else { Err("no such source".to_owned()) }
        }

        pub fn descriptions(&self) -> Vec<Arc<Description>> {
            let running = self.state.lock().running.clone();
            running.into_iter().map(|name| Arc::new(Description { name })).collect()
        }
    }
}
