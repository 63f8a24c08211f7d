//! The wake-ups of a group's tasks, with futures dropped at any point.

use super::*;
use std::sync::atomic::AtomicUsize;
use std::task::Wake;

#[derive(Debug, Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Futures of one group, polled once each, and how often each was woken.
struct Tasks {
    group: Arc<Waiters>,
    futures: Vec<Option<Append>>,
    counts: Vec<Arc<Count>>,
}

impl Tasks {
    fn waiting(number: u32) -> Self {
        let group = Arc::<Waiters>::default();
        let futures = (0..number).map(|index| Some(Append::new(Arc::clone(&group), index))).collect();
        let counts = (0..number).map(|_| Arc::default()).collect();
        let mut tasks = Self { group, futures, counts };
        for index in 0..tasks.futures.len() {
            assert_eq!(tasks.poll(index), Poll::Pending);
        }
        tasks
    }

    fn poll(&mut self, index: usize) -> Poll<Result<Sequence, AppendError>> {
        let waker = Arc::clone(&self.counts[index]).into();
        Pin::new(self.futures[index].as_mut().unwrap()).poll(&mut Context::from_waker(&waker))
    }

    fn woken(&self) -> Vec<usize> {
        self.counts.iter().map(|count| count.0.load(Ordering::Relaxed)).collect()
    }
}

#[test]
fn one_task_is_woken_and_wakes_the_rest_when_it_is_polled() {
    let mut tasks = Tasks::waiting(3);
    tasks.group.resolve(Ok(Sequence(10)));
    assert_eq!(tasks.woken(), [0, 0, 1]);
    assert_eq!(tasks.poll(2), Poll::Ready(Ok(Sequence(12))));
    assert_eq!(tasks.woken(), [1, 1, 1]);
    assert_eq!(tasks.poll(0), Poll::Ready(Ok(Sequence(10))));
    assert_eq!(tasks.woken(), [1, 1, 1], "once is enough");
}

#[test]
fn a_woken_task_that_is_dropped_wakes_the_rest() {
    let mut tasks = Tasks::waiting(3);
    tasks.group.resolve(Err(AppendError::Closed));
    tasks.futures[2] = None;
    assert_eq!(tasks.woken(), [1, 1, 1]);
    assert_eq!(tasks.poll(1), Poll::Ready(Err(AppendError::Closed)));
}

#[test]
fn a_task_that_went_before_the_outcome_is_not_the_one_woken() {
    let mut tasks = Tasks::waiting(4);
    tasks.futures[3] = None;
    tasks.futures[1] = None;
    tasks.group.resolve(Ok(Sequence(1)));
    assert_eq!(tasks.woken(), [0, 0, 1, 0]);
    tasks.futures[2] = None;
    assert_eq!(tasks.woken(), [1, 0, 1, 0]);
}

#[test]
fn a_task_polled_by_another_waker_is_woken_by_the_last_one() {
    let mut tasks = Tasks::waiting(1);
    let other = Arc::<Count>::default();
    let waker = Arc::clone(&other).into();
    let future = tasks.futures[0].as_mut().unwrap();
    assert_eq!(Pin::new(future).poll(&mut Context::from_waker(&waker)), Poll::Pending);
    tasks.group.resolve(Ok(Sequence(1)));
    assert_eq!((tasks.woken(), other.0.load(Ordering::Relaxed)), (vec![0], 1));
}

#[test]
fn the_writer_can_wake_what_a_sleeping_task_left() {
    let tasks = Tasks::waiting(3);
    tasks.group.resolve(Ok(Sequence(1)));
    tasks.group.wake_rest();
    assert_eq!(tasks.woken(), [1, 1, 1]);
}
