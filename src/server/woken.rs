//! Wakers that remember whether they have woken their task, and a future that is polled only after such a wake-up.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use parking_lot::Mutex;

/// Wakes a task, and remembers it.
pub struct Woken {
    woken: AtomicBool,
    task: Mutex<Waker>,
}

impl Woken {
    /// A waker of `task` that has not woken it yet.
    pub fn new(task: Waker) -> Arc<Woken> {
        Arc::new(Woken {
            woken: AtomicBool::new(false),
            task: Mutex::new(task),
        })
    }

    /// Whether it has woken its task since it was created.
    pub fn has_woken(&self) -> bool {
        self.woken.load(Ordering::Acquire)
    }

    /// Wakes this task from now on.
    pub fn set_task(&self, task: &Waker) {
        self.task.lock().clone_from(task);
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Woken>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Woken>) {
        self.woken.store(true, Ordering::Release);
        self.task.lock().wake_by_ref();
    }
}

/// A future that is polled only after it has been woken itself. It is for a rare event, such as the end of the server, in
/// a task that is often woken for other reasons: each poll of such an event would take several locks.
pub struct Rarely<T> {
    future: Pin<Box<dyn Future<Output = T> + Send>>,
    woken: Arc<Woken>,
    /// A waker of `woken`.
    waker: Waker,
    /// The task that polled last.
    task: Waker,
}

impl<T> Rarely<T> {
    /// The first [`Rarely::poll`] polls `future`; later ones do so only after `future` has woken its task.
    pub fn new(future: impl Future<Output = T> + Send + 'static) -> Rarely<T> {
        let task = Waker::noop().clone();
        let woken = Woken::new(task.clone());
        woken.woken.store(true, Ordering::Relaxed);
        Rarely {
            future: Box::pin(future),
            waker: Waker::from(Arc::clone(&woken)),
            woken,
            task,
        }
    }

    /// Polls the future, if it has been woken.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        // Set the task before reading the flag, so that a wake-up after that reaches this task.
        if !self.task.will_wake(cx.waker()) {
            self.task.clone_from(cx.waker());
            self.woken.set_task(&self.task);
        }
        if !self.woken.woken.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let polled = self.future.as_mut();
        polled.poll(&mut Context::from_waker(&self.waker))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;
    use tokio::sync::{mpsc, oneshot};

    #[tokio::test]
    async fn a_rare_event_is_polled_only_when_it_happens_and_is_not_missed() {
        let polls = Arc::new(AtomicUsize::new(0));
        let (event, happened) = oneshot::channel();
        let (sender, mut often) = mpsc::channel(1);
        let counted = Arc::clone(&polls);
        let task = tokio::spawn(async move {
            let mut happened = Box::pin(happened);
            let mut rare = Rarely::new(poll_fn(move |cx| {
                counted.fetch_add(1, Ordering::Relaxed);
                happened.as_mut().poll(cx)
            }));
            let mut received = 0;
            poll_fn(|cx| {
                while let Poll::Ready(Some(())) = often.poll_recv(cx) {
                    received += 1;
                }
                rare.poll(cx).map(|event| event.map(|()| received))
            })
            .await
        });
        for _ in 0..100 {
            sender.send(()).await.unwrap();
        }
        // Everything has been received when a place in the queue is free.
        drop(sender.reserve().await.unwrap());
        assert_eq!(polls.load(Ordering::Relaxed), 1);
        event.send(()).unwrap();
        assert_eq!(task.await.unwrap(), Ok(100));
        assert_eq!(polls.load(Ordering::Relaxed), 2);
    }
}
