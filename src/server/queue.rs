//! The queue of requests for the writer, which takes all of them at once, up to a limit in bytes. Drops requests that
//! nobody waits for any more. Applies nothing.

use std::collections::VecDeque;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::{
    apply::{Applier, Op, Request, SpaceClaim},
    error::Error,
};

/// Maximum size of the requests in a group in bytes, which bounds its claim on the disk and its duration.
const GROUP_BYTES: usize = 8 << 20;
/// Maximum number of requests in a group.
const GROUP_LEN: usize = 10_000;
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
    writer_sleeps: bool,
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
        line.bytes += bytes;
        line.items.push_back(item);
        let wake = std::mem::take(&mut line.writer_sleeps);
        drop(line);
        if wake {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Waits for work and takes what can be processed together; `None` once the queue is closed and empty.
    pub fn take(&self) -> Option<Work> {
        let mut line = self.line.lock();
        loop {
            while line.items.is_empty() {
                if line.closed {
                    return None;
                }
                line.writer_sleeps = true;
                self.filled.wait(&mut line);
            }
            if let Some(work) = line.next() {
                return Some(work);
            }
        }
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
        let sizes = std::iter::from_fn(|| queue.take()).map(|work| match work {
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

    #[test]
    fn the_queue_is_bounded() {
        let queue = Queue::default();
        let _first = queue.push(put(WAITING_BYTES * 2)).expect("one always may");
        let refused = queue.push(put(1)).unwrap_err();
        assert_eq!(refused, Error::RequestTooManyRequests);
        assert!(matches!(queue.take(), Some(Work::Group(group)) if group.len() == 1));
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
