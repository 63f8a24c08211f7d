//! The timing of runs, failures and the stop.

use super::*;
use crate::base::Stopped;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// An instruction to a run.
#[derive(Debug)]
enum Move {
    /// The connection delivers.
    Delivers,
    Ends(Result<(), SourceError>),
    Panics,
}

/// A source that waits within its run for the test's instructions.
struct Played {
    moves: UnboundedReceiver<Move>,
    begun: Arc<AtomicUsize>,
    is_running: Arc<AtomicUsize>,
}

/// The test's side of it.
struct Player<'a> {
    sources: &'a Sources,
    name: &'static str,
    moves: UnboundedSender<Move>,
    begun: Arc<AtomicUsize>,
    is_running: Arc<AtomicUsize>,
}

/// Counts the run as ended, also after a panic.
struct RunGuard(Arc<AtomicUsize>);

impl Drop for RunGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Played {
    async fn run(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.is_running.fetch_add(1, Ordering::SeqCst);
        let _guard = RunGuard(Arc::clone(&self.is_running));
        loop {
            match self.moves.recv().await {
                Some(Move::Delivers) => reporter.report(SourceState::Running, None),
                Some(Move::Ends(outcome)) => return outcome,
                Some(Move::Panics) => panic!("on purpose"),
                // The test has ended.
                None => return Err(Stopped.into()),
            }
        }
    }
}

impl Polled for Played {
    async fn poll(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        self.run(reporter).await
    }
}

impl Connected for Played {
    async fn connect(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        self.run(reporter).await
    }
}

impl<'a> Player<'a> {
    fn new(sources: &'a Sources, name: &'static str) -> (Self, Played) {
        let (moves, told) = unbounded_channel();
        let (begun, is_running) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let played = Played { moves: told, begun: Arc::clone(&begun), is_running: Arc::clone(&is_running) };
        (Self { sources, name, moves, begun, is_running }, played)
    }

    fn polled(sources: &'a Sources, name: &'static str, schedule: Schedule) -> Self {
        let (player, played) = Self::new(sources, name);
        sources.start_polled(name, "played", schedule, played);
        player
    }

    fn connected(sources: &'a Sources, name: &'static str, schedule: Schedule) -> Self {
        let (player, played) = Self::new(sources, name);
        sources.start_connected(name, "played", schedule, played);
        player
    }

    fn tell(&self, next: Move) {
        self.moves.send(next).unwrap();
    }

    fn end(&self) {
        self.tell(Move::Ends(Ok(())));
    }

    fn fail(&self, why: &str) {
        self.tell(Move::Ends(Err(SourceError::Failing(why.to_owned()))));
    }

    fn misconfigured(&self, why: &str, retry_in: Duration) {
        self.tell(Move::Ends(Err(SourceError::Misconfigured { why: why.to_owned(), retry_in: Some(retry_in) })));
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    fn has_run(&self) -> bool {
        self.is_running.load(Ordering::SeqCst) == 1
    }

    fn state(&self) -> (SourceState, Option<String>) {
        let all = self.sources.descriptions();
        let own = all.iter().find(|description| description.name == self.name).unwrap();
        (own.state, own.why.clone())
    }

    async fn until_run(&self, number: usize) {
        until(&format!("run {number} of {}", self.name), || self.begun() == number && self.has_run()).await;
    }

    async fn until_state(&self, state: SourceState, why: &str) {
        let wanted = (state, (!why.is_empty()).then(|| why.to_owned()));
        until(&format!("{wanted:?}"), || self.state() == wanted).await;
    }
}

/// Runs follow each other at once; the back-off is longer than the test.
const STEADY: Schedule =
    Schedule { every: Duration::from_millis(1), first_within: Duration::ZERO, backoff: (LONG, LONG) };
/// One run, unless it fails.
const RARE: Schedule = Schedule {
    every: LONG,
    first_within: Duration::ZERO,
    backoff: (Duration::from_millis(1), Duration::from_millis(2)),
};

fn far_away() -> Instant {
    Clock::system().monotonic() + LONG
}

/// Stops the sources; all end long before the deadline.
async fn stopped(sources: &Sources) {
    let deadline = far_away();
    sources.stop(deadline);
    tokio::time::timeout(SOON, sources.join(deadline)).await.expect("all waits ended");
}

/// Stops the sources, also in the middle of a run.
async fn stopped_in_run<const N: usize>(sources: &Sources, players: [&Player<'_>; N]) {
    let now = Clock::system().monotonic();
    sources.stop(now);
    sources.join(now).await;
    until("no run goes on", || !players.iter().any(|player| player.has_run())).await;
}

/// Waits while another source has several runs.
async fn meanwhile(sources: &Sources) {
    let other = Player::polled(sources, "meanwhile", STEADY);
    for number in 1..20 {
        other.until_run(number).await;
        other.end();
    }
}

#[tokio::test]
async fn a_source_is_waiting_until_its_first_run_is_done() {
    let sources = sources();
    let later = Player::polled(&sources, "later", Schedule { first_within: LONG, ..STEADY });
    let source = Player::polled(&sources, "a", STEADY);
    assert_eq!(source.state(), (SourceState::Waiting, None));
    source.until_run(1).await;
    assert_eq!(source.state(), (SourceState::Waiting, None));
    source.end();
    source.until_run(2).await;
    assert_eq!(source.state(), (SourceState::Running, None));
    assert_eq!((later.state(), later.begun()), ((SourceState::Waiting, None), 0));
    stopped_in_run(&sources, [&source]).await;
}

#[tokio::test]
async fn a_failed_run_is_repeated_after_the_back_off_and_its_reason_is_reported() {
    let sources = sources();
    let source = Player::polled(&sources, "a", RARE);
    for number in 1..4 {
        source.until_run(number).await;
        source.fail(&format!("no answer {number}"));
        source.until_state(SourceState::Failing, &format!("no answer {number}")).await;
    }
    source.until_run(4).await;
    source.end();
    source.until_state(SourceState::Running, "").await;
    // The next run is far away, also the run of a source with a long back-off.
    let slow = Player::polled(&sources, "slow", STEADY);
    slow.fail("no answer");
    slow.until_state(SourceState::Failing, "no answer").await;
    meanwhile(&sources).await;
    assert_eq!((source.begun(), slow.begun()), (4, 1));
    stopped(&sources).await;
}

#[tokio::test]
async fn a_misconfigured_source_is_retried_after_the_wait_in_its_error() {
    let sources = sources();
    let source = Player::polled(&sources, "a", Schedule { every: LONG, ..STEADY });
    source.misconfigured("log in", Duration::from_millis(1));
    source.until_state(SourceState::Misconfigured, "log in").await;
    source.until_run(2).await;
    source.misconfigured("log in", LONG);
    let connected = Player::connected(&sources, "b", RARE);
    connected.misconfigured("no such address", LONG);
    connected.until_state(SourceState::Misconfigured, "no such address").await;
    meanwhile(&sources).await;
    assert_eq!((source.begun(), connected.begun()), (2, 1));
    assert_eq!(source.state(), (SourceState::Misconfigured, Some("log in".to_owned())));
    stopped(&sources).await;
}

#[tokio::test]
async fn a_source_that_a_device_limits_is_failing_and_retried_after_the_wait_in_its_error() {
    let sources = sources();
    let source = Player::polled(&sources, "a", Schedule { every: LONG, ..STEADY });
    source.until_run(1).await;
    for (number, retry_in) in [(2, Duration::from_millis(1)), (3, LONG)] {
        let why = "too early".to_owned();
        source.tell(Move::Ends(Err(SourceError::Limited { why, retry_in })));
        source.until_state(SourceState::Failing, "too early").await;
        if retry_in < LONG {
            source.until_run(number).await;
        }
    }
    meanwhile(&sources).await;
    assert_eq!(source.begun(), 2);
    stopped(&sources).await;
}

/// A source with an interval of its own.
struct WithInterval(Played, Duration);

impl Polled for WithInterval {
    async fn poll(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        self.0.run(reporter).await
    }

    fn interval(&self) -> Option<Duration> {
        Some(self.1)
    }
}

#[tokio::test]
async fn the_wait_after_a_failure_is_not_shorter_than_the_interval_of_the_source() {
    let sources = sources();
    let start = |name, interval| {
        let (player, played) = Player::new(&sources, name);
        sources.start_polled(name, "played", RARE, WithInterval(played, interval));
        player
    };
    let (often, seldom) = (start("often", Duration::from_millis(1)), start("seldom", LONG));
    let (refused, panics) = (start("refused", LONG), start("panics", LONG));
    for source in [&often, &seldom] {
        source.fail("no answer");
        source.until_state(SourceState::Failing, "no answer").await;
    }
    refused.tell(Move::Ends(Err(SourceError::Misconfigured { why: "the PIN".to_owned(), retry_in: None })));
    refused.until_state(SourceState::Misconfigured, "the PIN").await;
    panics.tell(Move::Panics);
    until("the panic is reported", || panics.state().0 == SourceState::Failing).await;
    often.until_run(2).await;
    meanwhile(&sources).await;
    assert_eq!([&seldom, &refused, &panics].map(Player::begun), [1, 1, 1]);
    stopped_in_run(&sources, [&often]).await;
}

#[tokio::test]
async fn a_panic_is_reported_and_harms_neither_its_source_nor_another() {
    let sources = sources();
    let (polled, connected) = (Player::polled(&sources, "a", RARE), Player::connected(&sources, "b", RARE));
    let other = Player::polled(&sources, "other", STEADY);
    other.until_run(1).await;
    for faulty in [&polled, &connected] {
        faulty.until_run(1).await;
        faulty.tell(Move::Panics);
        until("it is reported", || faulty.state().0 == SourceState::Failing).await;
        let why = faulty.state().1.unwrap();
        assert!(why.contains("on purpose") && why.contains("this is a bug"), "{why}");
        faulty.until_run(2).await;
        faulty.tell(Move::Delivers);
        faulty.until_state(SourceState::Running, "").await;
    }
    other.end();
    other.until_run(2).await;
    other.until_state(SourceState::Running, "").await;
    polled.end();
    stopped_in_run(&sources, [&polled, &connected, &other]).await;
}

#[tokio::test]
async fn a_closed_connection_is_made_again_after_the_back_off_which_a_delivery_resets() {
    let sources = sources();
    let source = Player::connected(&sources, "a", RARE);
    source.until_run(1).await;
    source.tell(Move::Delivers);
    source.until_state(SourceState::Running, "").await;
    source.end();
    source.until_state(SourceState::Failing, "the connection was closed").await;
    source.until_run(2).await;
    source.fail("refused");
    source.until_state(SourceState::Failing, "refused").await;
    source.until_run(3).await;
    source.tell(Move::Delivers);
    source.until_state(SourceState::Running, "").await;
    // Every failure without a delivery before it would double the wait, up to hours.
    let schedule = Schedule { backoff: (Duration::from_millis(1), LONG), ..RARE };
    let short = Player::connected(&sources, "short", schedule);
    for number in 1..=40 {
        short.until_run(number).await;
        short.tell(Move::Delivers);
        short.end();
    }
    // With a long back-off, a server that closes every connection is not called in a loop.
    let slow = Player::connected(&sources, "slow", STEADY);
    slow.end();
    slow.until_state(SourceState::Failing, "the connection was closed").await;
    meanwhile(&sources).await;
    assert_eq!(slow.begun(), 1);
    stopped(&sources).await;
}

#[tokio::test]
async fn a_stop_ends_waits_and_connections_at_once() {
    let sources = sources();
    let first = Player::polled(&sources, "first", Schedule { first_within: LONG, ..RARE });
    let done = Player::polled(&sources, "done", RARE);
    let failed = Player::polled(&sources, "failed", STEADY);
    let misconfigured = Player::polled(&sources, "misconfigured", STEADY);
    let connected = Player::connected(&sources, "connected", RARE);
    done.end();
    done.until_state(SourceState::Running, "").await;
    failed.fail("no answer");
    failed.until_state(SourceState::Failing, "no answer").await;
    misconfigured.misconfigured("log in", LONG);
    misconfigured.until_state(SourceState::Misconfigured, "log in").await;
    connected.until_run(1).await;
    stopped(&sources).await;
    assert_eq!([&first, &done, &failed, &misconfigured].map(Player::begun), [0, 1, 1, 1]);
    assert!(!connected.has_run());
}

#[tokio::test]
async fn a_run_may_continue_until_the_deadline_and_is_cancelled_then() {
    let sources = sources();
    let source = Player::polled(&sources, "a", STEADY);
    source.until_run(1).await;
    sources.stop(far_away());
    source.end();
    stopped(&sources).await;
    assert_eq!((source.state().0, source.begun()), (SourceState::Running, 1));

    let sources = self::sources();
    let endless = Player::polled(&sources, "endless", STEADY);
    endless.until_run(1).await;
    stopped_in_run(&sources, [&endless]).await;
    assert_eq!((endless.state().0, endless.begun()), (SourceState::Waiting, 1));
}
