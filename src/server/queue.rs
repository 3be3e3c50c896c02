//! The way to the writer: requests wait here, and the writer takes all of them at once, up to a bound in
//! bytes. What nobody waits for any more is dropped on the way. Applies nothing.

use std::collections::VecDeque;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::{
    apply::{Applier, Op, Request, SpaceClaim},
    error::Error,
};

/// Most bytes of requests in one group, so that its claim on the disk and its time are bounded.
const GROUP_BYTES: usize = 8 << 20;
/// Most requests in one group.
const GROUP_LEN: usize = 10_000;
/// Most bytes that may wait: beyond, the server says that there are too many requests.
const WAITING_BYTES: usize = 256 << 20;
/// What a request takes beside its bytes.
const OVERHEAD: usize = 256;

/// What a caller waits for.
pub type Reply<A> = oneshot::Receiver<Result<A, Error>>;

/// A request of any operation on its way through the writer.
pub trait Pending: Send {
    /// Whether nobody waits for the answer any more.
    fn is_abandoned(&self) -> bool;

    /// Adds what the request may write.
    fn claim(&self, claim: &mut SpaceClaim<'_>);

    /// Applies the request and keeps the answer until it is durable. Returns the bytes of the answer.
    fn apply(&mut self, applier: &mut Applier) -> usize;

    /// The group is durable: sends the answer.
    fn answer(self: Box<Self>);

    /// Sends a refusal in place of any answer.
    fn refuse(self: Box<Self>, error: &Error);
}

/// A request, where its answer goes, and the answer once it is known.
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
        let bytes = result.as_ref().map_or(0, O::answer_bytes);
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

/// A request on its way through the writer, and what its caller waits for.
pub fn pending<O: Op>(request: Request<O>) -> (Box<dyn Pending>, Reply<O::Answer>) {
    let (reply, answer) = oneshot::channel();
    let pending = Waiting {
        request,
        reply,
        result: None,
    };
    (Box::new(pending), answer)
}

/// What the writer does next.
pub enum Work {
    /// Requests to apply and commit together.
    Group(Vec<Box<dyn Pending>>),
    /// Something to do once no compaction is under way.
    AfterCompactions(AfterCompactions),
    /// The compaction thread is done with a compaction, or has given it up.
    CompactionEnded,
}

/// What a caller wants once no compaction is under way, and where the answer goes.
pub struct AfterCompactions {
    /// Whether to rewrite the file; otherwise the caller waits for the compactions alone.
    pub defragment: bool,
    /// Where the answer goes.
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

/// Requests on their way to the writer.
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
    /// Why no request is taken at all.
    refusal: Option<Error>,
    writer_sleeps: bool,
}

impl Queue {
    /// Hands a request over. A caller that drops what is returned no longer waits, and the request is
    /// dropped unless it is being applied already.
    ///
    /// # Errors
    /// The server has stopped, or too much is waiting.
    pub fn push<O: Op>(&self, request: Request<O>) -> Result<Reply<O::Answer>, Error> {
        let bytes = request.size + OVERHEAD;
        let (pending, answer) = pending(request);
        self.enqueue(Item::Request { pending, bytes }, bytes)?;
        Ok(answer)
    }

    /// Waits until no compaction is under way, and then has the file rewritten if `defragment` says so.
    ///
    /// # Errors
    /// As [`Queue::push`].
    pub fn push_after_compactions(&self, defragment: bool) -> Result<Reply<()>, Error> {
        let (reply, answer) = oneshot::channel();
        let after = AfterCompactions { defragment, reply };
        self.enqueue(Item::AfterCompactions(after), OVERHEAD)?;
        Ok(answer)
    }

    /// Tells the writer that the compaction thread has ended a compaction.
    pub fn compaction_ended(&self) {
        // A queue that is closed has no use for it.
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

    /// Waits for work and takes as much of it as belongs together; `None` once the queue is closed and
    /// empty.
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

    /// Refuses every request from now on with this error.
    pub fn refuse_all(&self, error: Error) {
        self.line.lock().refusal = Some(error);
    }

    /// Takes no more requests; those that wait are still served.
    pub fn close(&self) {
        self.line.lock().closed = true;
        self.filled.notify_all();
    }
}

impl Line {
    /// The next work; `None` where everything that was taken off was abandoned.
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
    fn what_waits_is_bounded() {
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
