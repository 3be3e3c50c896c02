//! Runs the requests of a connection, all of them in the connection's own task: what they wait for comes from the
//! connection and goes back to it, and other tasks would compete with it for the locks of the HTTP library. Work that takes
//! long runs elsewhere (`server::heavy`). Knows nothing of HTTP.

use std::{
    collections::VecDeque,
    future::Future,
    mem,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use futures_util::{Stream as _, stream::FuturesUnordered};
use parking_lot::Mutex;

use super::gate::{Gate, Waiting};

/// Number of requests of a connection that are started, and number of those that are continued, before other connections
/// get their turn.
const IN_A_ROW: usize = 64;

type Request = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Starts requests for [`Requests`], on behalf of the HTTP library.
#[derive(Clone)]
pub struct Starter {
    started: Arc<Mutex<Started>>,
    /// For starting requests.
    budget: Budget,
}

#[derive(Default)]
struct Started {
    /// Requests that have been started and have to wait.
    pending: Vec<Request>,
    /// Requests that have not been started.
    queue: VecDeque<(Request, Waiting)>,
    gate: Arc<Gate>,
}

/// The requests of a connection.
pub struct Requests {
    starter: Starter,
    running: FuturesUnordered<Limited>,
    /// For continuing requests.
    budget: Budget,
}

/// Number of requests that may still be started, or continued, in this turn.
#[derive(Clone, Default)]
struct Budget(Arc<AtomicUsize>);

impl Budget {
    fn refill(&self) {
        self.0.store(IN_A_ROW, Ordering::Relaxed);
    }

    fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn take(&self) -> bool {
        // Only the task of this connection modifies it, so no atomic read-modify-write is necessary.
        let left = self.left();
        self.0.store(left.saturating_sub(1), Ordering::Relaxed);
        left > 0
    }
}

/// A request that continues only within the budget.
struct Limited {
    request: Request,
    budget: Budget,
}

impl Future for Limited {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.budget.take() {
            return self.request.as_mut().poll(cx);
        }
        // `FuturesUnordered` stops when two futures wake themselves.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Requests {
    /// No requests yet; none is started before the first turn begins. `gate` counts those that have not been started.
    pub fn new(gate: Arc<Gate>) -> Requests {
        let started = Started {
            gate,
            ..Started::default()
        };
        Requests {
            starter: Starter {
                started: Arc::new(Mutex::new(started)),
                budget: Budget::default(),
            },
            running: FuturesUnordered::new(),
            budget: Budget::default(),
        }
    }

    /// Starts requests that this polls.
    pub fn starter(&self) -> Starter {
        self.starter.clone()
    }

    /// Begins a turn of this connection.
    pub fn begin_turn(&self) {
        self.starter.budget.refill();
        self.budget.refill();
    }

    /// Starts and continues requests within the budget of this turn. Returns false if that is used up: the next turn
    /// should then follow without another wake-up.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let mut started = self.starter.started.lock();
        let mut ready = mem::take(&mut started.pending);
        while !started.queue.is_empty() && self.starter.budget.take() {
            ready.extend(started.queue.pop_front().map(|(request, _waiting)| request));
        }
        drop(started);
        for request in ready {
            self.running.push(Limited {
                request,
                budget: self.budget.clone(),
            });
        }
        while let Poll::Ready(Some(())) = Pin::new(&mut self.running).poll_next(cx) {}
        self.starter.budget.left() > 0 && self.budget.left() > 0
    }
}

impl Drop for Requests {
    /// The HTTP library gives each request a [`Starter`], so the requests that it holds would never be dropped.
    fn drop(&mut self) {
        let started = mem::take(&mut *self.starter.started.lock());
        drop(started);
    }
}

impl<F> hyper::rt::Executor<F> for Starter
where
    F: Future<Output = ()> + Send + 'static,
{
    /// Runs a request immediately until it has to wait, which a read of one key never does.
    fn execute(&self, request: F) {
        let mut request = Box::pin(request);
        let mut started = self.started.lock();
        if !started.queue.is_empty() || !self.budget.take() {
            let waiting = started.gate.enter();
            started.queue.push_back((request, waiting));
            return;
        }
        drop(started);
        // Wake-ups do not matter, because the request is polled again in any case.
        let mut cx = Context::from_waker(Waker::noop());
        if request.as_mut().poll(&mut cx).is_pending() {
            self.started.lock().pending.push(request);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::woken::Rounds;
    use hyper::rt::Executor as _;
    use std::{
        future::poll_fn,
        sync::atomic::{AtomicUsize, Ordering},
    };
    use tokio::sync::{oneshot, watch};

    /// Polls all requests until none of them can continue, and returns the number of turns.
    async fn run(requests: &mut Requests) -> usize {
        let (mut rounds, mut turns) = (Rounds::default(), 0);
        poll_fn(|cx| {
            turns += 1;
            requests.begin_turn();
            match rounds.poll(cx, |cx| requests.poll(cx)) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
        turns
    }

    #[tokio::test]
    async fn a_request_that_need_not_wait_runs_at_once() {
        let requests = Requests::new(Arc::default());
        requests.begin_turn();
        let (sender, mut receiver) = oneshot::channel();
        requests.starter().execute(async {
            let _ = sender.send(());
        });
        assert_eq!(receiver.try_recv(), Ok(()));
        assert!(requests.starter.started.lock().pending.is_empty());
    }

    #[tokio::test]
    async fn a_limited_number_is_started_in_a_row_and_in_order() {
        let mut requests = Requests::new(Arc::default());
        requests.begin_turn();
        let starter = requests.starter();
        let order = Arc::new(Mutex::new(Vec::new()));
        let many = 2 * IN_A_ROW + IN_A_ROW / 2;
        for n in 0..many {
            let order = Arc::clone(&order);
            starter.execute(async move { order.lock().push(n) });
        }
        assert_eq!(order.lock().len(), IN_A_ROW);
        assert_eq!(run(&mut requests).await, 2);
        let mut order = order.lock().clone();
        // The requests of one turn may run in any order.
        order.chunks_mut(IN_A_ROW).for_each(<[_]>::sort_unstable);
        assert_eq!(order, (0..many).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn requests_that_are_woken_together_share_the_task_with_others() {
        const MANY: usize = 5000;
        let mut requests = Requests::new(Arc::default());
        let (sender, receiver) = watch::channel(());
        let woken = Arc::new(AtomicUsize::new(0));
        let starter = requests.starter();
        for _ in 0..MANY {
            let (mut receiver, woken) = (receiver.clone(), Arc::clone(&woken));
            starter.execute(async move {
                while receiver.changed().await.is_ok() {
                    woken.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        run(&mut requests).await;
        sender.send(()).unwrap();
        let others = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&others);
        let other = tokio::spawn(async move {
            loop {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        });
        assert!(run(&mut requests).await > 10);
        other.abort();
        assert_eq!(woken.load(Ordering::Relaxed), MANY);
        assert!(others.load(Ordering::Relaxed) > 10);
    }

    #[tokio::test]
    async fn requests_end_with_their_connection() {
        let gate: Arc<Gate> = Arc::default();
        let mut requests = Requests::new(Arc::clone(&gate));
        requests.begin_turn();
        let starter = requests.starter();
        let token = Arc::new(());
        let start = || {
            let held = (Arc::clone(&token), starter.clone());
            starter.execute(async move {
                std::future::pending::<()>().await;
                drop(held);
            });
        };
        (0..IN_A_ROW).for_each(|_| start());
        run(&mut requests).await;
        // Of these, some have not been started.
        requests.begin_turn();
        (0..2 * IN_A_ROW).for_each(|_| start());
        assert_eq!(Arc::strong_count(&token), 3 * IN_A_ROW + 1);
        drop(requests);
        assert_eq!(Arc::strong_count(&token), 1);
    }

    #[tokio::test]
    async fn new_requests_do_not_hold_up_those_that_can_continue() {
        let mut requests = Requests::new(Arc::default());
        requests.begin_turn();
        let starter = requests.starter();
        let (answer, answered) = oneshot::channel();
        let (sender, mut receiver) = oneshot::channel();
        starter.execute(async {
            let _ = answered.await;
            let _ = sender.send(());
        });
        run(&mut requests).await;
        answer.send(()).unwrap();
        requests.begin_turn();
        (0..3 * IN_A_ROW).for_each(|_| starter.execute(async {}));
        requests.poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(receiver.try_recv(), Ok(()));
    }
}
