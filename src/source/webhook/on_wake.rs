//! A future that is polled only after it was woken itself.
//!
//! The task of a connection runs for each request, nearly always because of its socket. Its timers
//! and notices almost never have news, but a poll of each takes a lock, several times a request. So
//! they have a waker of their own that notes that it was used, and the task looks at that note.

use parking_lot::Mutex;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// The future.
pub(super) struct OnWake<F> {
    future: Pin<Box<F>>,
    note: Arc<Note>,
    /// Wakes the note.
    waker: Waker,
    /// The waker of the task, as the note has it.
    task: Option<Waker>,
}

#[derive(Debug, Default)]
struct Note {
    is_woken: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        let task = self.task.lock().clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl<F: Future> OnWake<F> {
    pub(super) fn new(future: F) -> Self {
        let note = Arc::<Note>::default();
        Self { future: Box::pin(future), waker: Waker::from(Arc::clone(&note)), note, task: None }
    }
}

impl<F: Future> Future for OnWake<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        if !this.task.as_ref().is_some_and(|task| task.will_wake(context.waker())) {
            // The first poll, or another task: what happened before is unknown.
            this.task = Some(context.waker().clone());
            this.note.task.lock().clone_from(&this.task);
            this.note.is_woken.store(true, Ordering::Release);
        }
        if !this.note.is_woken.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        // Before the poll, so that a wake during it counts.
        this.note.is_woken.store(false, Ordering::Release);
        this.future.as_mut().poll(&mut Context::from_waker(&this.waker))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;
    use tokio::sync::Notify;

    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The future of a notice that counts its polls.
    fn counted<'a>(notice: &'a Notify, polls: &'a AtomicUsize) -> OnWake<impl Future<Output = ()> + 'a> {
        let mut notified = Box::pin(notice.notified());
        OnWake::new(poll_fn(move |context| {
            polls.fetch_add(1, Ordering::Relaxed);
            notified.as_mut().poll(context)
        }))
    }

    #[test]
    fn it_is_polled_first_and_when_it_was_woken_and_not_otherwise() {
        let (notice, polls, task) = (Notify::new(), AtomicUsize::new(0), Arc::new(Task::default()));
        let waker = Waker::from(Arc::clone(&task));
        let mut context = Context::from_waker(&waker);
        let mut future = counted(&notice, &polls);
        for _ in 0..10 {
            assert!(Pin::new(&mut future).poll(&mut context).is_pending());
        }
        assert_eq!((polls.load(Ordering::Relaxed), task.0.load(Ordering::Relaxed)), (1, 0));
        notice.notify_one();
        assert_eq!(task.0.load(Ordering::Relaxed), 1, "the task is woken");
        assert!(Pin::new(&mut future).poll(&mut context).is_ready());
        assert_eq!(polls.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn another_task_takes_it_over() {
        let (notice, polls) = (Notify::new(), AtomicUsize::new(0));
        let tasks = [Arc::new(Task::default()), Arc::new(Task::default())];
        let mut future = counted(&notice, &polls);
        for task in &tasks {
            let waker = Waker::from(Arc::clone(task));
            assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
        }
        notice.notify_one();
        assert_eq!(tasks.map(|task| task.0.load(Ordering::Relaxed)), [0, 1]);
    }
}
