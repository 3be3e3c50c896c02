//! Lets the other tasks that are ready to run go first. Knows nothing of connections.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use tokio::task::yield_now;

use crate::server::woken::Woken;

/// Makes one task wait until the other tasks that are ready have run, however often it is woken in the meantime.
/// [`yield_now`] alone would end at the next wake-up, whatever its cause.
#[derive(Default)]
pub struct Turn {
    /// What the runtime wakes when the other tasks have run.
    waiting: Option<Arc<Woken>>,
}

impl Turn {
    /// The first call is always pending; a later one is ready once the others have run, which begins a new round.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(deferred) = &self.waiting {
            if deferred.has_woken() {
                self.waiting = None;
                return Poll::Ready(());
            }
            deferred.set_task(cx.waker());
            return Poll::Pending;
        }
        let deferred = Woken::new(cx.waker().clone());
        let waker = Waker::from(Arc::clone(&deferred));
        // Pending the first time it is polled; the runtime then keeps the waker.
        let _ = pin!(yield_now()).poll(&mut Context::from_waker(&waker));
        self.waiting = Some(deferred);
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn wake_ups_by_others_do_not_end_the_turn() {
        let (sender, mut messages) = mpsc::unbounded_channel();
        let receiver = tokio::spawn(async move {
            let mut turn = Turn::default();
            let mut counts = Vec::new();
            let mut count = 0;
            loop {
                let end = poll_fn(|cx| {
                    let mut closed = false;
                    loop {
                        match messages.poll_recv(cx) {
                            Poll::Ready(Some(())) => count += 1,
                            Poll::Ready(None) => {
                                closed = true;
                                break;
                            }
                            Poll::Pending => break,
                        }
                    }
                    if count == 0 {
                        return match closed {
                            true => Poll::Ready(true),
                            false => Poll::Pending,
                        };
                    }
                    turn.poll(cx).map(|()| false)
                });
                if end.await {
                    return counts;
                }
                counts.push(std::mem::take(&mut count));
            }
        });
        let senders: Vec<_> = (0..10)
            .map(|_| {
                let sender = sender.clone();
                tokio::spawn(async move { sender.send(()) })
            })
            .collect();
        drop(sender);
        for sender in senders {
            sender.await.unwrap().unwrap();
        }
        assert_eq!(receiver.await.unwrap(), [10]);
    }
}
