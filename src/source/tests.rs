//! The code that all sources share, with scripted sources.

use super::*;
use crate::clock::Clock;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::time::Duration;
use tokio::runtime::Handle;

mod description;
pub(super) mod fixture;
mod inlet;
mod redecode;
mod runner;

/// Longer than any test.
const LONG: Duration = Duration::from_hours(10_000);
/// The time limit of a wait in a test.
const SOON: Duration = Duration::from_secs(20);

fn sources() -> Sources {
    Sources::new(Handle::current(), Clock::system())
}

/// Runs `make` with a recorder of its own, and returns its metrics.
fn measured<T>(make: impl FnOnce() -> T) -> (T, PrometheusHandle) {
    let recorder = PrometheusBuilder::new().build_recorder();
    (::metrics::with_local_recorder(&recorder, make), recorder.handle())
}

fn assert_has_line(metrics: &PrometheusHandle, line: &str) {
    let rendered = metrics.render();
    assert!(rendered.lines().any(|found| found == line), "{line} in\n{rendered}");
}

/// Waits until something holds.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let held = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(SOON, held).await.unwrap_or_else(|_| panic!("not within {SOON:?}: {what}"));
}

#[tokio::test]
async fn an_action_that_is_not_offered_is_an_error_that_names_it() {
    let sources = sources();
    sources.offer("a", "reload", std::sync::Arc::new(|| Ok(7.into())));
    sources.offer("b", "reload", std::sync::Arc::new(|| Err("the disk is full".to_owned())));
    assert_eq!(sources.act("a", "reload"), Ok(7.into()));
    assert_eq!(sources.act("b", "reload"), Err("the disk is full".to_owned()));
    for (source, action) in [("a", "rotate"), ("c", "reload")] {
        let error = sources.act(source, action).unwrap_err();
        assert!(error.contains(&format!("'{source}'")) && error.contains(&format!("'{action}'")), "{error}");
    }
}
