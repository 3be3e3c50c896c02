//! The queue of requests for the writer, which takes all of them at once, up to a limit in bytes. Drops requests that
//! nobody waits for any more. Applies nothing.
//!
//! The writer waits a little before it takes the next group. Without that, the clients that were just answered miss the
//! group that starts at that moment. From then on, each request waits for two commits, and each commit serves only half of
//! the clients at the same cost:
//!
//! ```text
//! at once     sync A      sync B      sync A      sync B        A and B: half of the clients each
//! gathering   sync A and B   sync A and B   sync A and B
//! ```

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::oneshot;

use super::{
    apply::{Applier, Op, Request, SpaceClaim},
    error::Error,
};

/// Maximum size of the requests in a group in bytes, which bounds its claim on the disk and its duration.
const GROUP_BYTES: usize = 8 << 20;
/// Maximum number of requests in a group.
const GROUP_LEN: usize = 10_000;
/// The next group is gathered for at most as long as the previous commit took, but not for longer than this, which is
/// enough time for a client on the same network to send its next request.
const SURE_GATHERING: Duration = Duration::from_micros(400);
/// After a slow commit, the next group is gathered for the commit's time divided by this number, if that is longer.
const GATHERING_SHARE: u32 = 4;
/// The longest time for which a group is gathered.
const LONGEST_GATHERING: Duration = Duration::from_millis(10);
/// After a commit that took less time than this, nothing is gathered: clients could not send their next requests in
/// time.
const SHORTEST_COMMIT: Duration = Duration::from_micros(20);
/// Maximum size of the waiting requests in bytes. Beyond that, requests are rejected as too many.
const WAITING_BYTES: usize = 256 << 20;
/// Size of a request in addition to its message, in bytes.
const OVERHEAD: usize = 256;

/// What a caller waits for.
pub type Reply<A> = oneshot::Receiver<Result<A, Error>>;

/// A request for any operation on its way through the writer.
pub trait Pending: Send {
    /// Whether nobody waits for the response any more.
    fn is_abandoned(&self) -> bool;

    /// Adds what the request may write.
    fn claim(&self, claim: &mut SpaceClaim<'_>);

    /// Applies the request and keeps the response until it is durable. Returns the size of the response in bytes.
    fn apply(&mut self, applier: &mut Applier) -> usize;

    /// Sends the response, because the group is durable.
    fn answer(self: Box<Self>);

    /// Sends an error instead of a response.
    fn refuse(self: Box<Self>, error: &Error);
}

/// A request, where to send its response, and the response once it is known.
struct Waiting<O: Op> {
    request: Request<O>,
    reply: oneshot::Sender<Result<O::Answer, Error>>,
    result: Option<Result<O::Answer, Error>>,
}

impl<O: Op> Pending for Waiting<O> {
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn claim(&self, claim: &mut SpaceClaim<'_>) {
        self.request.op.claim(claim);
    }

    fn apply(&mut self, applier: &mut Applier) -> usize {
        let result = applier.apply(&self.request);
        let bytes = result.as_ref().ok().and_then(O::answer_size).unwrap_or(0);
        self.result = Some(result);
        bytes
    }

    fn answer(self: Box<Self>) {
        let result = self.result.unwrap_or(Err(Error::Stopped));
        // The caller may have gone away.
        let _ = self.reply.send(result);
    }

    fn refuse(self: Box<Self>, error: &Error) {
        let _ = self.reply.send(Err(error.clone()));
    }
}

/// A request for the writer, and the receiver of its response.
pub fn pending<O: Op>(request: Request<O>) -> (Box<dyn Pending>, Reply<O::Answer>) {
    let (reply, answer) = oneshot::channel();
    let pending = Waiting {
        request,
        reply,
        result: None,
    };
    (Box::new(pending), answer)
}

/// What the writer should do next.
pub enum Work {
    /// Requests to apply and commit together.
    Group(Vec<Box<dyn Pending>>),
    /// Something to do once no compaction is in progress.
    AfterCompactions(AfterCompactions),
    /// The compaction thread has finished or abandoned a compaction.
    CompactionEnded,
}

/// A request to be executed once no compaction is in progress.
pub struct AfterCompactions {
    /// Whether to rewrite the file; otherwise the caller only waits for the compactions.
    pub defragment: bool,
    /// Where to send the result.
    pub reply: oneshot::Sender<Result<(), Error>>,
}

enum Item {
    Request {
        pending: Box<dyn Pending>,
        bytes: usize,
    },
    AfterCompactions(AfterCompactions),
    CompactionEnded,
}

/// What the writer has just done. The queue expects as many requests to follow soon as were answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    /// Number of requests that were answered.
    pub answered: usize,
    /// How long the commit took.
    pub commit: Duration,
}

impl Done {
    /// How long to wait, after the first request, for those of the other clients that were answered.
    fn patience(self) -> Option<Duration> {
        let patience = (self.commit / GATHERING_SHARE).min(LONGEST_GATHERING);
        let patience = patience.max(self.commit.min(SURE_GATHERING));
        (self.answered > 0 && self.commit >= SHORTEST_COMMIT).then_some(patience)
    }
}

/// The requests for the writer.
#[derive(Default)]
pub struct Queue {
    line: Mutex<Line>,
    filled: Condvar,
}

#[derive(Default)]
struct Line {
    items: VecDeque<Item>,
    bytes: usize,
    closed: bool,
    /// Why all requests are rejected.
    refusal: Option<Error>,
    /// The number of items for which the writer wants to be woken; `None` while it is awake.
    wake_at: Option<usize>,
}

impl Queue {
    /// Adds a request. If the caller drops the returned receiver, the request is dropped too, unless it is already
    /// being applied.
    ///
    /// # Errors
    /// The server has stopped, or too much is waiting.
    pub fn push<O: Op>(&self, request: Request<O>) -> Result<Reply<O::Answer>, Error> {
        let bytes = request.size + OVERHEAD;
        let (pending, answer) = pending(request);
        self.enqueue(Item::Request { pending, bytes }, bytes)?;
        Ok(answer)
    }

    /// Waits until no compaction is in progress, and then rewrites the file if `defragment` is set.
    ///
    /// # Errors
    /// See [`Queue::push`].
    pub fn push_after_compactions(&self, defragment: bool) -> Result<Reply<()>, Error> {
        let (reply, answer) = oneshot::channel();
        let after = AfterCompactions { defragment, reply };
        self.enqueue(Item::AfterCompactions(after), OVERHEAD)?;
        Ok(answer)
    }

    /// Tells the writer that the compaction thread has ended a compaction.
    pub fn compaction_ended(&self) {
        // A closed queue does not need it.
        let _ = self.enqueue(Item::CompactionEnded, 0);
    }

    fn enqueue(&self, item: Item, bytes: usize) -> Result<(), Error> {
        let mut line = self.line.lock();
        if line.closed {
            return Err(Error::Stopped);
        }
        if let Some(refusal) = &line.refusal {
            return Err(refusal.clone());
        }
        let full = line.bytes > 0 && line.bytes.saturating_add(bytes) > WAITING_BYTES;
        if full && bytes > 0 {
            return Err(Error::RequestTooManyRequests);
        }
        let urgent = !matches!(item, Item::Request { .. });
        line.bytes += bytes;
        line.items.push_back(item);
        let enough = |wanted| urgent || line.items.len() >= wanted || line.bytes >= GROUP_BYTES;
        let wake = line.wake_at.is_some_and(enough);
        if wake {
            line.wake_at = None;
        }
        drop(line);
        if wake {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Waits for work and takes what can be processed together; `None` once the queue is closed and empty. Waits a
    /// little longer for the next requests of the clients that were just answered.
    pub fn take(&self, done: Done) -> Option<Work> {
        let mut line = self.line.lock();
        // Every client that was answered may send another request, in addition to those that are already waiting.
        let wanted = line.items.len().saturating_add(done.answered);
        let mut patience = done.patience();
        loop {
            while line.items.is_empty() {
                if line.closed {
                    return None;
                }
                line.wake_at = Some(1);
                self.filled.wait(&mut line);
            }
            if let Some(patience) = patience.take() {
                self.gather(&mut line, wanted.min(GROUP_LEN), patience);
            }
            if let Some(work) = line.next() {
                return Some(work);
            }
        }
    }

    /// Waits until the queue has this many requests, but not for longer than `patience`. Anything other than a request
    /// ends the wait.
    fn gather(&self, line: &mut MutexGuard<'_, Line>, wanted: usize, patience: Duration) {
        let until = Instant::now() + patience;
        let is_urgent = |item: &Item| !matches!(item, Item::Request { .. });
        while line.items.len() < wanted
            && line.bytes < GROUP_BYTES
            && !line.closed
            && !line.items.iter().any(is_urgent)
        {
            line.wake_at = Some(wanted);
            if self.filled.wait_until(line, until).timed_out() {
                break;
            }
        }
        line.wake_at = None;
    }

    /// Rejects every request from now on with this error.
    pub fn refuse_all(&self, error: Error) {
        self.line.lock().refusal = Some(error);
    }

    /// The error for every request, if all of them are refused.
    pub fn refusal(&self) -> Option<Error> {
        self.line.lock().refusal.clone()
    }

    /// Rejects new requests; those that are waiting are still processed.
    pub fn close(&self) {
        self.line.lock().closed = true;
        self.filled.notify_all();
    }
}

impl Line {
    /// The next work; `None` if everything that was taken has been abandoned.
    fn next(&mut self) -> Option<Work> {
        let mut group = Vec::new();
        let mut group_bytes = 0;
        while let Some(item) = self.items.pop_front() {
            match item {
                Item::Request { pending, bytes } if pending.is_abandoned() => {
                    self.bytes -= bytes;
                }
                Item::Request { pending, bytes } => {
                    let full = group_bytes + bytes > GROUP_BYTES || group.len() == GROUP_LEN;
                    if full && !group.is_empty() {
                        self.items.push_front(Item::Request { pending, bytes });
                        break;
                    }
                    self.bytes -= bytes;
                    group_bytes += bytes;
                    group.push(pending);
                }
                other if !group.is_empty() => {
                    self.items.push_front(other);
                    break;
                }
                Item::AfterCompactions(after) => {
                    self.bytes -= OVERHEAD;
                    return Some(Work::AfterCompactions(after));
                }
                Item::CompactionEnded => return Some(Work::CompactionEnded),
            }
        }
        (!group.is_empty()).then_some(Work::Group(group))
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;
    use crate::{
        proto::etcdserverpb::{PutRequest, PutResponse},
        server::auth::Identity,
    };

    fn put(size: usize) -> Request<PutRequest> {
        Request {
            op: PutRequest::default(),
            identity: Identity::Nobody,
            cost: 0,
            size,
        }
    }

    fn drain(queue: &Queue) -> Vec<usize> {
        let sizes = std::iter::from_fn(|| queue.take(Done::default())).map(|work| match work {
            Work::Group(group) => group.len(),
            Work::AfterCompactions(_) | Work::CompactionEnded => 0,
        });
        sizes.collect()
    }

    #[test]
    fn a_group_is_bounded_and_a_defragmentation_alone() {
        let queue = Queue::default();
        let mut replies: Vec<Reply<PutResponse>> = Vec::new();
        for size in [GROUP_BYTES / 2, GROUP_BYTES / 4, GROUP_BYTES / 2] {
            replies.push(queue.push(put(size)).unwrap());
        }
        let _defragmented = queue.push_after_compactions(true).unwrap();
        replies.push(queue.push(put(2 * GROUP_BYTES)).unwrap());
        queue.close();
        assert_eq!(drain(&queue), [2, 1, 0, 1]);
        assert_eq!(queue.push(put(0)).unwrap_err(), Error::Stopped);
    }

    #[test]
    fn a_group_has_so_many_requests_at_most() {
        let queue = Queue::default();
        let replies: Vec<_> = (0..=GROUP_LEN)
            .map(|_| queue.push(put(0)).unwrap())
            .collect();
        queue.close();
        assert_eq!(drain(&queue), [GROUP_LEN, 1]);
        drop(replies);
    }

    /// Waits for `wanted` requests and takes the group. The time limit is so long that a test fails if it is reached.
    fn gathered(queue: &Queue, wanted: usize) -> usize {
        let mut line = queue.line.lock();
        queue.gather(&mut line, wanted, Duration::from_secs(100_000));
        match line.next() {
            Some(Work::Group(group)) => group.len(),
            _ => 0,
        }
    }

    #[test]
    fn a_group_is_gathered_until_everybody_has_come() {
        let queue = Arc::new(Queue::default());
        let mut replies: Vec<_> = (0..2).map(|_| queue.push(put(1)).unwrap()).collect();
        let taker = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || gathered(&queue, 5))
        };
        while queue.line.lock().wake_at.is_none() {
            thread::yield_now();
        }
        for _ in 0..3 {
            assert!(!taker.is_finished());
            replies.push(queue.push(put(1)).unwrap());
        }
        assert_eq!(taker.join().unwrap(), 5);
        // A full group, work of another kind and the end of the server are not delayed.
        replies.push(queue.push(put(GROUP_BYTES)).unwrap());
        assert_eq!(gathered(&queue, 2), 1);
        replies.push(queue.push(put(1)).unwrap());
        queue.compaction_ended();
        assert_eq!(gathered(&queue, 100), 1);
        assert_eq!(gathered(&queue, 100), 0);
        replies.push(queue.push(put(1)).unwrap());
        queue.close();
        assert_eq!(gathered(&queue, 2), 1);
    }

    #[test]
    fn a_group_is_gathered_for_a_time_that_suits_the_commit() {
        let after = |answered, commit| Done { answered, commit }.patience();
        let slow = 8 * SURE_GATHERING;
        assert_eq!(after(1, SHORTEST_COMMIT), Some(SHORTEST_COMMIT));
        assert_eq!(after(1, 2 * SURE_GATHERING), Some(SURE_GATHERING));
        assert_eq!(after(1, slow), Some(2 * SURE_GATHERING));
        assert_eq!(after(1, 1000 * slow), Some(LONGEST_GATHERING));
        assert_eq!(after(0, slow), None);
        assert_eq!(after(1, SHORTEST_COMMIT - Duration::from_nanos(1)), None);
        assert_eq!(Done::default().patience(), None);
        // The wait for requests that do not come is limited.
        let queue = Queue::default();
        let _reply = queue.push(put(1)).unwrap();
        let done = Done {
            answered: 100_000,
            commit: slow,
        };
        assert!(matches!(queue.take(done), Some(Work::Group(group)) if group.len() == 1));
    }

    #[test]
    fn the_queue_is_bounded() {
        let queue = Queue::default();
        let _first = queue.push(put(WAITING_BYTES * 2)).expect("one always may");
        let refused = queue.push(put(1)).unwrap_err();
        assert_eq!(refused, Error::RequestTooManyRequests);
        assert!(
            matches!(queue.take(Done::default()), Some(Work::Group(group)) if group.len() == 1)
        );
        queue.push(put(1)).expect("there is space again");
    }

    #[test]
    fn requests_without_a_waiter_are_dropped() {
        let queue = Queue::default();
        let mut replies: Vec<_> = (0..10).map(|_| queue.push(put(100)).unwrap()).collect();
        replies.truncate(3);
        queue.close();
        assert_eq!(drain(&queue), [3]);
        assert_eq!(queue.line.lock().bytes, 0);
    }
}
