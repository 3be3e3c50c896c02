//! Wakers that remember whether they have woken their task, and what is polled only after such a wake-up.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
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

/// Polls futures of one task that wake each other, in rounds: until none of them has been woken, or the others have waited
/// long enough. Without it, each of these wake-ups would make the runtime schedule the task again.
pub struct Rounds {
    state: Arc<Round>,
    /// A waker of `state`.
    waker: Waker,
}

struct Round {
    /// [`WAITING`], [`RUNNING`] or [`WOKEN`].
    now: AtomicU8,
    task: Mutex<Waker>,
}

/// Number of rounds until other tasks get their turn.
const ROUNDS: usize = 16;

/// A wake-up must wake the task.
const WAITING: u8 = 0;
/// A round is running, and nothing has been woken since it began.
const RUNNING: u8 = 1;
/// There must be another round. The task knows it.
const WOKEN: u8 = 2;

impl Default for Rounds {
    fn default() -> Rounds {
        let state = Arc::new(Round {
            now: AtomicU8::new(WAITING),
            task: Mutex::new(Waker::noop().clone()),
        });
        Rounds {
            waker: Waker::from(Arc::clone(&state)),
            state,
        }
    }
}

impl Rounds {
    /// Calls `round` at least once; it returns whether another round may follow. Returns true if nothing can continue
    /// without another wake-up. Otherwise the task has been woken.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut round: impl FnMut(&mut Context<'_>) -> bool,
    ) -> bool {
        self.state.task.lock().clone_from(cx.waker());
        let now = &self.state.now;
        for _ in 0..ROUNDS {
            now.store(RUNNING, Ordering::SeqCst);
            if !round(&mut Context::from_waker(&self.waker)) {
                // Further wake-ups change nothing, because the task is woken below.
                now.store(WOKEN, Ordering::SeqCst);
                break;
            }
            let ended = now.compare_exchange(RUNNING, WAITING, Ordering::SeqCst, Ordering::SeqCst);
            if ended.is_ok() {
                return true;
            }
        }
        cx.waker().wake_by_ref();
        false
    }
}

impl Wake for Round {
    fn wake(self: Arc<Round>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Round>) {
        if self.now.swap(WOKEN, Ordering::SeqCst) == WAITING {
            self.task.lock().wake_by_ref();
        }
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

    /// Counts how often the runtime polls a task in which a future wakes itself `times` times.
    async fn polls(times: usize) -> (usize, usize) {
        let (mut polls, mut rounds, mut left) = (0, 0, times);
        let mut woken = Rounds::default();
        poll_fn(|cx| {
            polls += 1;
            let ended = woken.poll(cx, |cx| {
                rounds += 1;
                if left > 0 {
                    left -= 1;
                    cx.waker().wake_by_ref();
                }
                true
            });
            match ended {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
        (polls, rounds)
    }

    #[tokio::test]
    async fn wake_ups_within_the_task_do_not_schedule_it_until_others_have_waited_long_enough() {
        assert_eq!(polls(0).await, (1, 1));
        assert_eq!(polls(ROUNDS - 1).await, (1, ROUNDS));
        assert_eq!(polls(3 * ROUNDS).await, (4, 3 * ROUNDS + 1));
    }

    #[tokio::test]
    async fn a_wake_up_between_rounds_reaches_the_task() {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            let (mut rounds, mut received) = (Rounds::default(), 0);
            poll_fn(|cx| {
                let mut closed = false;
                rounds.poll(cx, |cx| {
                    while let Poll::Ready(next) = receiver.poll_recv(cx) {
                        match next {
                            Some(()) => received += 1,
                            None => {
                                closed = true;
                                break;
                            }
                        }
                    }
                    true
                });
                match closed {
                    true => Poll::Ready(received),
                    false => Poll::Pending,
                }
            })
            .await
        });
        for _ in 0..1000 {
            sender.send(()).unwrap();
            tokio::task::yield_now().await;
        }
        drop(sender);
        assert_eq!(task.await.unwrap(), 1000);
    }
}
