//! Processor-intensive work on large responses (printing JSON, compressing), which runs on blocking threads, with
//! limited concurrency. While it waits for its turn it holds no thread, and it is dropped with its request.

use std::{sync::LazyLock, thread::available_parallelism};

use tokio::sync::Semaphore;

/// Responses smaller than this many bytes are processed on the current thread.
pub const LARGE: usize = 128 << 10;

/// One processor is left free for other requests.
static PERMITS: LazyLock<Semaphore> = LazyLock::new(|| {
    let processors = available_parallelism().map_or(1, std::num::NonZero::get);
    Semaphore::new((processors - 1).max(1))
});

/// Runs `work` on a blocking thread when its turn comes. Returns `None` if the process is shutting down.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let permit = PERMITS.acquire().await.ok()?;
    let work = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(permit);
        done
    });
    work.await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    #[tokio::test(flavor = "multi_thread")]
    async fn concurrent_work_is_limited() {
        let limit = PERMITS.available_permits();
        let running = Arc::new(AtomicUsize::new(0));
        let work: Vec<_> = (0..4 * limit + 4)
            .map(|_| {
                let running = Arc::clone(&running);
                tokio::spawn(run(move || {
                    let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                    std::thread::yield_now();
                    running.fetch_sub(1, Ordering::SeqCst);
                    now
                }))
            })
            .collect();
        for work in work {
            let at_once = work.await.unwrap().unwrap();
            assert!(at_once <= limit, "{at_once} at once");
        }
    }
}
