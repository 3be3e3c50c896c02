//! Deadlines of commands and requests.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::cause::Limit;

/// A deadline, and the limit it results from.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Option<Instant>,
    /// The limit, and the flag that sets it.
    pub limit: Limit,
}

impl Deadline {
    /// A deadline after `limit`, starting now.
    pub fn after(limit: Limit) -> Deadline {
        Deadline {
            // A limit beyond the clock's range means no deadline.
            at: Instant::now().checked_add(limit.length),
            limit,
        }
    }

    /// No deadline.
    pub fn never() -> Deadline {
        Deadline {
            at: None,
            limit: Limit::none(),
        }
    }

    /// The remaining time; `None` if there is no deadline.
    pub fn left(&self) -> Option<Duration> {
        self.at
            .map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Whether the deadline has passed.
    pub fn passed(&self) -> bool {
        self.left() == Some(Duration::ZERO)
    }

    /// The future's result, or `None` when time runs out first. An expired deadline never polls the future: tokio's timers
    /// have millisecond granularity, so it could still complete.
    pub async fn run<F: Future>(&self, future: F) -> Option<F::Output> {
        match self.at {
            Some(_) if self.passed() => None,
            Some(at) => timeout_at(at, future).await.ok(),
            None => Some(future.await),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_is_started_after_the_deadline() {
        let after = |length| Deadline::after(Limit { length, flag: "" });
        assert_eq!(after(Duration::ZERO).run(async { 1 }).await, None);
        assert_eq!(
            after(Duration::from_secs(60)).run(async { 1 }).await,
            Some(1)
        );
        assert_eq!(Deadline::never().run(async { 1 }).await, Some(1));
    }
}
