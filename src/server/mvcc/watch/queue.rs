//! What waits to be sent on one watch stream. Responses to requests are always accepted, but no more requests are read
//! while too much is waiting; events are accepted only while there is space.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

use super::event::SharedEvent;

/// Maximum number of deliveries waiting on a stream before its watchers fall back to the store.
pub const MAX_DELIVERIES: usize = 1024;
/// Maximum number of bytes of events waiting on a stream; one delivery is always accepted.
pub const MAX_BYTES: usize = 512 << 10;

/// A response to be sent.
#[derive(Debug)]
pub struct Delivery {
    /// The id of the watcher; -1 means the whole stream or no watcher.
    pub id: i64,
    /// The revision in the response header.
    pub revision: i64,
    /// The content.
    pub content: Content,
}

/// The content of a delivery.
#[derive(Debug)]
pub enum Content {
    /// The only event of a revision that the watcher wants, with or without the previous value.
    Event(Arc<SharedEvent>, bool),
    /// Events of complete revisions, as far as the watcher wants them, in order, with or without the previous values.
    Events(Vec<Arc<SharedEvent>>, bool),
    /// The watcher was created.
    Created,
    /// The watcher could not be created, for this reason.
    Refused(String),
    /// The watcher was canceled on request.
    Cancelled,
    /// The watcher was canceled because the history it needs has been compacted up to this revision.
    Compacted(i64),
    /// The watcher was canceled because the history cannot be read, for this reason.
    Failed(String),
    /// Everything up to the revision of the header has been delivered.
    Progress,
}

impl Delivery {
    fn bytes(&self) -> usize {
        match &self.content {
            Content::Event(event, prev_kv) => event.encoded(*prev_kv).len(),
            Content::Events(events, prev_kv) => {
                events.iter().map(|e| e.encoded(*prev_kv).len()).sum()
            }
            _ => 0,
        }
    }
}

/// The deliveries waiting on one stream, and what the hub knows about its watchers.
#[derive(Debug, Default)]
pub struct StreamQueue {
    state: Mutex<State>,
    /// Number of watchers of the stream that are not synced. Modified under the hub's lock.
    pub(super) behind: AtomicUsize,
    /// The largest revision from which a watcher of the stream starts. Modified under the hub's lock.
    pub(super) latest_start: AtomicI64,
    /// Whether the client waits for progress until all watchers are synced. Modified under the hub's lock.
    pub(super) progress_wanted: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Delivery>,
    bytes: usize,
    /// The task that waits for deliveries.
    reader: Option<Waker>,
    /// Whether a watcher waits for space.
    space_wanted: bool,
}

impl State {
    fn has_space(&self) -> bool {
        self.waiting.is_empty() || (self.waiting.len() < MAX_DELIVERIES && self.bytes < MAX_BYTES)
    }

    fn push(&mut self, delivery: Delivery) -> Option<Waker> {
        self.bytes += delivery.bytes();
        self.waiting.push_back(delivery);
        self.reader.take()
    }
}

impl StreamQueue {
    /// Adds a response to a request.
    pub fn push(&self, delivery: Delivery) {
        let reader = self.state.lock().push(delivery);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Adds events if there is space. The reader's waker is added to `wake`; the caller wakes it after releasing its
    /// locks. Returns the delivery if there is no space; the hub is notified when there is.
    pub(super) fn offer(&self, delivery: Delivery, wake: &mut Vec<Waker>) -> Result<(), Delivery> {
        let mut state = self.state.lock();
        if !state.has_space() {
            state.space_wanted = true;
            return Err(delivery);
        }
        wake.extend(state.push(delivery));
        Ok(())
    }

    /// Whether another delivery would be accepted. If not, the hub is notified when that changes.
    pub(super) fn wants_more(&self) -> bool {
        let mut state = self.state.lock();
        let space = state.has_space();
        state.space_wanted |= !space;
        space
    }

    /// Whether there is space for more deliveries. While there is none, no more requests should be read.
    pub fn has_space(&self) -> bool {
        self.state.lock().has_space()
    }

    /// Whether all watchers have received everything up to `revision`, and none of them starts later.
    pub(super) fn is_at(&self, revision: i64) -> bool {
        self.behind.load(Ordering::Relaxed) == 0
            && revision >= self.latest_start.load(Ordering::Relaxed)
    }

    /// Takes all deliveries, or registers the task to be woken for the next one. The second value tells whether a
    /// watcher was waiting for the space that is now available.
    pub fn poll_take(&self, cx: &mut Context<'_>) -> Poll<(VecDeque<Delivery>, bool)> {
        let mut state = self.state.lock();
        if state.waiting.is_empty() {
            match &mut state.reader {
                Some(reader) => reader.clone_from(cx.waker()),
                None => state.reader = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        }
        state.bytes = 0;
        let space_wanted = std::mem::take(&mut state.space_wanted);
        Poll::Ready((std::mem::take(&mut state.waiting), space_wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(revision: i64) -> Delivery {
        Delivery {
            id: -1,
            revision,
            content: Content::Progress,
        }
    }

    #[test]
    fn events_are_taken_while_there_is_space_and_responses_always() {
        let queue = StreamQueue::default();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(queue.poll_take(&mut cx).is_pending());
        let mut wake = Vec::new();
        for revision in 0..MAX_DELIVERIES as i64 {
            assert!(queue.wants_more());
            queue.offer(progress(revision), &mut wake).unwrap();
        }
        assert_eq!(wake.len(), 1, "woken once");
        assert!(queue.offer(progress(-1), &mut wake).is_err() && !queue.has_space());
        queue.push(progress(-2));
        let Poll::Ready((taken, space_wanted)) = queue.poll_take(&mut cx) else {
            panic!("there are deliveries");
        };
        assert_eq!((taken.len(), space_wanted), (MAX_DELIVERIES + 1, true));
        assert!(queue.has_space() && queue.poll_take(&mut cx).is_pending());
    }
}
