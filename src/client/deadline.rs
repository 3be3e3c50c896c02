//! The end of the time that a command has. Waits for nothing by itself.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::cause::Limit;

/// The end of the time that a command has.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Option<Instant>,
    /// How long it was from the beginning, and the flag that says so.
    pub limit: Limit,
}

impl Deadline {
    /// From now on.
    pub fn after(limit: Limit) -> Deadline {
        Deadline {
            // Without an end where the clock has none.
            at: Instant::now().checked_add(limit.length),
            limit,
        }
    }

    /// None.
    pub fn never() -> Deadline {
        Deadline {
            at: None,
            limit: Limit::none(),
        }
    }

    /// What is left of it; none: it never ends.
    pub fn left(&self) -> Option<Duration> {
        self.at
            .map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Whether nothing is left.
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
    async fn with_no_time_left_nothing_is_begun() {
        let after = |length| Deadline::after(Limit { length, flag: "" });
        assert_eq!(after(Duration::ZERO).run(async { 1 }).await, None);
        assert_eq!(
            after(Duration::from_secs(60)).run(async { 1 }).await,
            Some(1)
        );
        assert_eq!(Deadline::never().run(async { 1 }).await, Some(1));
    }
}
