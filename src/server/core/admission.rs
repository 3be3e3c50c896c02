//! Decides which reads run now and which wait: only a limited number at once, and no new large one while unsent
//! responses use too much memory. Small reads overtake large ones. Waiting uses no thread and ends when the caller goes
//! away.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::server::{error::Error, mvcc::encoded::Holder};

/// Number of small reads that run at once on blocking threads because they have to wait for the disk.
const SMALL_AT_ONCE: usize = 64;
/// Number of other reads that run at once. They mostly copy memory, so more of them would not be faster, but use more
/// memory.
const LARGE_AT_ONCE: usize = 4;
/// Number of hashes over the whole store that run at once: they use little memory, but a processor for a long time.
const SCANS_AT_ONCE: usize = 2;
/// Bytes of finished responses that may wait to be sent. Beyond that, no new large read starts; the responses of those
/// in progress are added to it.
const ANSWER_BYTES: usize = 256 << 20;

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
    answers: Arc<AnswerMemory>,
}

impl Default for Admission {
    fn default() -> Admission {
        Admission {
            small: Arc::new(Semaphore::new(SMALL_AT_ONCE)),
            large: Arc::new(Semaphore::new(LARGE_AT_ONCE)),
            scans: Arc::new(Semaphore::new(SCANS_AT_ONCE)),
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
        let turns = match size {
            Size::Small => &self.small,
            Size::Large => &self.large,
            Size::Scan => &self.scans,
        };
        let turn = turns.clone().acquire_owned().await;
        let admitted = Admitted {
            _permit: turn.map_err(|_| Error::Stopped)?,
        };
        if size == Size::Large {
            self.answers.wait_for_space().await;
        }
        Ok(admitted)
    }

    /// Whether a small read may run immediately on the current thread.
    pub fn has_space(&self) -> bool {
        self.answers.has_space()
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

/// Counts the bytes of finished responses that have not been sent yet.
#[derive(Debug, Default)]
struct AnswerMemory {
    bytes: AtomicUsize,
    freed: Notify,
}

impl AnswerMemory {
    fn has_space(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) < ANSWER_BYTES
    }

    async fn wait_for_space(&self) {
        loop {
            let freed = self.freed.notified();
            if self.has_space() {
                return;
            }
            freed.await;
        }
    }
}

impl Holder for AnswerMemory {
    fn hold(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn release(&self, bytes: usize) {
        let before = self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        if before >= ANSWER_BYTES && before - bytes < ANSWER_BYTES {
            self.freed.notify_waiters();
        }
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
    async fn small_reads_pass_large_ones_by() {
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
        let mut waiting = pin!(admission.admit(Size::Large));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        answers.release(1);
        assert!(waiting.await.is_ok() && admission.has_space());
    }
}
