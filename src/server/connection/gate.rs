//! Keeps a connection from reading requests much faster than they are started: a request that has been read takes several
//! kilobytes. Knows nothing of requests but their number.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

/// Number of requests that may wait to be started before reading stops. They need nothing from the client, so reading
/// always resumes.
const WAITING: usize = 1000;
/// Reading resumes when so few are left.
const RESUME: usize = WAITING / 2;

/// The requests of a connection that have been read and not been started.
#[derive(Debug, Default)]
pub struct Gate {
    waiting: AtomicUsize,
    reader: Mutex<Option<Waker>>,
}

/// A request that waits to be started, until this is dropped.
pub struct Waiting(Arc<Gate>);

impl Gate {
    /// Registers a request that waits to be started.
    pub fn enter(self: &Arc<Gate>) -> Waiting {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(Arc::clone(self))
    }

    /// Ready if the connection may read; otherwise wakes the reader later.
    pub fn poll_read(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.waiting.load(Ordering::Relaxed) <= WAITING {
            return Poll::Ready(());
        }
        *self.reader.lock() = Some(cx.waker().clone());
        // Enough requests may have been started before the waker was stored.
        match self.waiting.load(Ordering::SeqCst) > RESUME {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.0.waiting.fetch_sub(1, Ordering::SeqCst) == RESUME + 1
            && let Some(reader) = self.0.reader.lock().take()
        {
            reader.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Wake;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Count>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn reading_stops_while_many_requests_wait_and_resumes() {
        let gate = Arc::new(Gate::default());
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        let mut waiting: Vec<_> = (0..WAITING).map(|_| gate.enter()).collect();
        assert!(gate.poll_read(&mut cx).is_ready());
        waiting.push(gate.enter());
        assert!(gate.poll_read(&mut cx).is_pending());
        waiting.truncate(RESUME + 1);
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        waiting.pop();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(gate.poll_read(&mut cx).is_ready());
    }
}
