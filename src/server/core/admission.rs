//! Decides which reads run now and which wait: only a limited number at once, and no new large one while unsent
//! responses use too much memory. Small reads overtake large ones. Waiting uses no thread and ends when the caller goes
//! away.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use crate::server::{
    error::Error,
    unsent::{Holder, Unsent},
};

/// Number of small reads that run at once on blocking threads because they have to wait for the disk.
const SMALL_AT_ONCE: usize = 64;
/// Number of other reads that run at once. They mostly copy memory, so more of them would not be faster, but use more
/// memory.
const LARGE_AT_ONCE: usize = 4;
/// Number of hashes over the whole store that run at once: they use little memory, but a processor for a long time.
const SCANS_AT_ONCE: usize = 2;
/// Number of values that concurrent writes may return (`prev_kv`, ranges in transactions). Each value is at most as large
/// as the largest request.
const WRITE_VALUES_AT_ONCE: usize = 256;
/// Number of pieces of the database file that are read concurrently for snapshot streams.
const SNAPSHOT_READS_AT_ONCE: usize = 4;
/// Bytes of finished responses that may wait to be sent. Beyond that, no new large read starts; the responses of those
/// in progress are added to it.
const ANSWER_BYTES: usize = 256 << 20;
/// Like [`ANSWER_BYTES`], but beyond this no read starts at all.
const ALL_ANSWER_BYTES: usize = 2 * ANSWER_BYTES;
/// While memory is short, a response is dropped if its client has read nothing for this long. Otherwise clients that
/// read nothing could block the reads of other clients forever.
const STALL: Duration = Duration::from_secs(3);

/// The expected cost of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// A few keys with little data.
    Small,
    /// Any other read that returns keys.
    Large,
    /// A hash over the whole store.
    Scan,
}

/// Permission to run one read; released when dropped.
#[derive(Debug)]
pub struct Admitted {
    _permit: OwnedSemaphorePermit,
}

/// The reads that are running, and the memory of unsent responses.
#[derive(Debug)]
pub struct Admission {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    scans: Arc<Semaphore>,
    write_values: Arc<Semaphore>,
    snapshot_reads: Arc<Semaphore>,
    answers: Arc<AnswerMemory>,
}

impl Default for Admission {
    fn default() -> Admission {
        Admission {
            small: Arc::new(Semaphore::new(SMALL_AT_ONCE)),
            large: Arc::new(Semaphore::new(LARGE_AT_ONCE)),
            scans: Arc::new(Semaphore::new(SCANS_AT_ONCE)),
            write_values: Arc::new(Semaphore::new(WRITE_VALUES_AT_ONCE)),
            snapshot_reads: Arc::new(Semaphore::new(SNAPSHOT_READS_AT_ONCE)),
            answers: Arc::default(),
        }
    }
}

impl Admission {
    /// Waits for permission to run a read of this size.
    ///
    /// # Errors
    /// The server has stopped.
    pub async fn admit(&self, size: Size) -> Result<Admitted, Error> {
        let (turns, limit) = match size {
            Size::Small => (&self.small, ALL_ANSWER_BYTES),
            Size::Large => (&self.large, ANSWER_BYTES),
            // Its answer is short.
            Size::Scan => (&self.scans, usize::MAX),
        };
        let admitted = acquire(turns, 1).await?;
        self.answers.wait_for_space(limit).await;
        Ok(admitted)
    }

    /// Waits until a write that returns up to `values` values may run.
    ///
    /// # Errors
    /// The server has stopped.
    pub async fn admit_write(&self, values: usize) -> Result<Admitted, Error> {
        let values = u32::try_from(values.min(WRITE_VALUES_AT_ONCE)).unwrap_or(u32::MAX);
        let admitted = acquire(&self.write_values, values).await?;
        self.answers.wait_for_space(ALL_ANSWER_BYTES).await;
        Ok(admitted)
    }

    /// Waits until a piece of the file may be read for a snapshot stream.
    ///
    /// # Errors
    /// The server has stopped.
    pub async fn admit_snapshot_read(&self) -> Result<Admitted, Error> {
        acquire(&self.snapshot_reads, 1).await
    }

    /// Whether a small read may run at once where it is.
    pub fn has_space(&self) -> bool {
        self.answers.has_space(ANSWER_BYTES)
    }

    /// Bytes of finished responses that have not been sent yet.
    #[cfg(test)]
    pub fn answer_bytes(&self) -> usize {
        self.answers.bytes.load(Ordering::Relaxed)
    }

    /// The memory account of finished responses.
    pub fn answers(&self) -> Arc<dyn Holder> {
        self.answers.clone()
    }
}

async fn acquire(turns: &Arc<Semaphore>, count: u32) -> Result<Admitted, Error> {
    let permit = turns.clone().acquire_many_owned(count).await;
    Ok(Admitted {
        _permit: permit.map_err(|_| Error::Stopped)?,
    })
}

/// Counts the bytes of finished responses that have not been sent yet.
#[derive(Default)]
struct AnswerMemory {
    bytes: AtomicUsize,
    freed: Notify,
    /// The responses that can be dropped. Some of them may no longer exist.
    unsent: Mutex<Vec<Weak<dyn Unsent>>>,
}

impl std::fmt::Debug for AnswerMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AnswerMemory").field(&self.bytes).finish()
    }
}

impl AnswerMemory {
    fn has_space(&self, limit: usize) -> bool {
        self.bytes.load(Ordering::Relaxed) < limit
    }

    /// Waits until fewer than `limit` bytes are held, dropping responses that their clients do not read.
    async fn wait_for_space(&self, limit: usize) {
        loop {
            let freed = self.freed.notified();
            if self.has_space(limit) {
                return;
            }
            let longest = self.discard_stalled();
            // Check again when the next response may have stalled for long enough.
            let again = Instant::now() + STALL.saturating_sub(longest).max(STALL / 100);
            // The loop checks for space; why the wait ended does not matter.
            let _ = timeout_at(again, freed).await;
        }
    }

    /// Drops the responses that have stalled for too long. Returns the longest stall among the others.
    fn discard_stalled(&self) -> Duration {
        let mut longest = Duration::ZERO;
        let mut discarded = Vec::new();
        self.unsent.lock().retain(|answer| {
            let Some(answer) = answer.upgrade() else {
                return false;
            };
            let stalled = answer.stalled();
            if stalled >= STALL {
                discarded.push(answer);
                return false;
            }
            longest = longest.max(stalled);
            true
        });
        // Dropping a response wakes waiting reads, so it happens without the lock.
        for answer in discarded {
            answer.discard();
        }
        longest
    }
}

impl Holder for AnswerMemory {
    fn hold(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn release(&self, bytes: usize) {
        let before = self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        let after = before.saturating_sub(bytes);
        let passes = |limit| before >= limit && after < limit;
        if passes(ANSWER_BYTES) || passes(ALL_ANSWER_BYTES) {
            self.freed.notify_waiters();
        }
    }

    fn is_short(&self) -> bool {
        !self.has_space(ANSWER_BYTES)
    }

    fn watch(&self, answer: Weak<dyn Unsent>) {
        let mut unsent = self.unsent.lock();
        // Remove responses that no longer exist whenever the list would grow: amortized constant cost.
        if unsent.len() == unsent.capacity() {
            unsent.retain(|answer| answer.strong_count() > 0);
        }
        unsent.push(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        future::Future as _,
        pin::pin,
        task::{Context, Waker},
    };

    /// Whether a read of this size would have to wait.
    fn waits(admission: &Admission, size: Size) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        pin!(admission.admit(size)).poll(&mut cx).is_pending()
    }

    #[tokio::test]
    async fn small_reads_overtake_large_ones() {
        let admission = Admission::default();
        let mut running = Vec::new();
        for _ in 0..LARGE_AT_ONCE {
            running.push(admission.admit(Size::Large).await.unwrap());
        }
        assert!(waits(&admission, Size::Large));
        assert!(!waits(&admission, Size::Small) && !waits(&admission, Size::Scan));
        running.pop();
        assert!(!waits(&admission, Size::Large));
    }

    #[tokio::test]
    async fn large_reads_wait_for_the_memory_of_answers() {
        let admission = Admission::default();
        let answers = admission.answers();
        answers.hold(ANSWER_BYTES);
        assert!(waits(&admission, Size::Large) && !admission.has_space());
        assert!(!waits(&admission, Size::Small));
        answers.hold(ANSWER_BYTES);
        assert!(waits(&admission, Size::Small) && !waits(&admission, Size::Scan));
        answers.release(ANSWER_BYTES);
        let mut waiting = pin!(admission.admit(Size::Large));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        answers.release(1);
        assert!(waiting.await.is_ok() && admission.has_space());
    }

    #[tokio::test]
    async fn writes_that_return_values_wait_for_their_turn() {
        let admission = Admission::default();
        let all = admission.admit_write(usize::MAX).await.unwrap();
        let mut next = pin!(admission.admit_write(1));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(next.as_mut().poll(&mut cx).is_pending());
        drop(all);
        assert!(next.await.is_ok());
    }

    /// An answer that its client has not read for so long.
    struct Answer {
        stalled: Duration,
        held: Mutex<Option<crate::server::unsent::Held>>,
    }

    impl Unsent for Answer {
        fn stalled(&self) -> Duration {
            self.stalled
        }

        fn discard(&self) {
            *self.held.lock() = None;
        }
    }

    #[tokio::test]
    async fn unread_responses_are_dropped_if_memory_is_short() {
        let admission = Admission::default();
        let answer = |stalled| {
            let held = crate::server::unsent::Held::new(ANSWER_BYTES, admission.answers());
            let answer = Arc::new(Answer {
                stalled,
                held: Mutex::new(Some(held)),
            });
            let weak: Weak<Answer> = Arc::downgrade(&answer);
            admission.answers().watch(weak);
            answer
        };
        let moving = answer(Duration::ZERO);
        assert!(waits(&admission, Size::Large));
        let stalled = answer(STALL);
        assert!(
            waits(&admission, Size::Large),
            "the other one still holds its memory"
        );
        assert!(stalled.held.lock().is_none() && moving.held.lock().is_some());
        drop(moving);
        assert!(admission.admit(Size::Large).await.is_ok());
    }

    #[test]
    fn the_list_of_answers_does_not_grow_with_those_that_are_gone() {
        let admission = Admission::default();
        for _ in 0..10_000 {
            let gone = Arc::new(Answer {
                stalled: STALL,
                held: Mutex::default(),
            });
            let weak: Weak<Answer> = Arc::downgrade(&gone);
            admission.answers().watch(weak);
        }
        assert!(admission.answers.unsent.lock().capacity() < 100);
    }
}
