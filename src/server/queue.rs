//! The way to the writer: requests wait here, and the writer takes all of them at once, up to a
//! bound in bytes. Applies nothing.

use std::collections::VecDeque;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::{
    apply::{Request, Response},
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

/// A request on its way, and where its answer goes.
#[derive(Debug)]
pub struct Job {
    /// What to do.
    pub request: Request,
    /// Where the answer is waited for.
    pub reply: oneshot::Sender<Result<Response, Error>>,
    size: usize,
}

/// Requests on their way to the writer.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: Mutex<Waiting>,
    some: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    bytes: usize,
    closed: bool,
    writer_sleeps: bool,
}

impl Queue {
    /// Hands a request of `size` bytes over; the answer comes through the channel.
    ///
    /// # Errors
    /// The server has stopped, or too much is waiting.
    pub fn push(
        &self,
        request: Request,
        size: usize,
    ) -> Result<oneshot::Receiver<Result<Response, Error>>, Error> {
        let size = size + OVERHEAD;
        let (reply, answer) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Err(Error::Stopped);
        }
        if waiting.bytes > 0 && waiting.bytes.saturating_add(size) > WAITING_BYTES {
            return Err(Error::RequestTooManyRequests);
        }
        waiting.bytes += size;
        waiting.jobs.push_back(Job {
            request,
            reply,
            size,
        });
        let wake = std::mem::take(&mut waiting.writer_sleeps);
        drop(waiting);
        if wake {
            self.some.notify_one();
        }
        Ok(answer)
    }

    /// Waits for requests and takes a group of them; `None` once the queue is closed and empty.
    pub fn take(&self) -> Option<Vec<Job>> {
        let mut waiting = self.waiting.lock();
        while waiting.jobs.is_empty() {
            if waiting.closed {
                return None;
            }
            waiting.writer_sleeps = true;
            self.some.wait(&mut waiting);
        }
        let mut group = Vec::new();
        let mut bytes = 0;
        while let Some(job) = waiting.jobs.front() {
            let alone = job.request.is_defragment();
            let full = bytes + job.size > GROUP_BYTES || group.len() == GROUP_LEN;
            if !group.is_empty() && (alone || full) {
                break;
            }
            bytes += job.size;
            group.extend(waiting.jobs.pop_front());
            if alone {
                break;
            }
        }
        waiting.bytes -= bytes;
        Some(group)
    }

    /// Takes no more requests; those that wait are still served.
    pub fn close(&self) {
        self.waiting.lock().closed = true;
        self.some.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::etcdserverpb::PutRequest;

    fn put() -> Request {
        Request::Put(PutRequest::default())
    }

    #[test]
    fn a_group_is_bounded_and_a_defragmentation_alone() {
        let queue = Queue::default();
        for size in [GROUP_BYTES / 2, GROUP_BYTES / 4, GROUP_BYTES / 2] {
            queue.push(put(), size).unwrap();
        }
        queue.push(Request::Defragment, 0).unwrap();
        queue.push(put(), 2 * GROUP_BYTES).unwrap();
        queue.close();
        let groups: Vec<usize> = std::iter::from_fn(|| queue.take().map(|g| g.len())).collect();
        assert_eq!(groups, [2, 1, 1, 1]);
        assert_eq!(queue.push(put(), 0).unwrap_err(), Error::Stopped);
    }

    #[test]
    fn what_waits_is_bounded() {
        let queue = Queue::default();
        queue
            .push(put(), WAITING_BYTES * 2)
            .expect("one always may");
        let refused = queue.push(put(), 1).unwrap_err();
        assert_eq!(refused, Error::RequestTooManyRequests);
        assert_eq!(queue.take().map(|g| g.len()), Some(1));
        queue.push(put(), 1).expect("there is room again");
    }
}
