//! Deadlines of commands and requests.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::cause::Limit;

/// A deadline, and the limit it results from.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Option<Instant>,
    /// When a server must have been reached, if only that is limited.
    reached: Option<Instant>,
    /// The limit, and the flag that sets it.
    pub limit: Limit,
}

impl Deadline {
    /// A deadline after `limit`, starting now.
    pub fn after(limit: Limit) -> Deadline {
        Deadline {
            // A limit beyond the clock's range means no deadline.
            at: Instant::now().checked_add(limit.length),
            reached: None,
            limit,
        }
    }

    /// The same deadline, but only for reaching a server: once one is connected, its answer may take any time. A
    /// connection that is lost must be replaced within the same limit, counted from then on.
    pub fn until_reached(self) -> Deadline {
        Deadline {
            at: None,
            reached: self.at,
            ..self
        }
    }

    /// Whether only reaching a server is limited, and not its answer.
    pub(super) fn only_to_reach(&self) -> bool {
        self.reached.is_some()
    }

    /// The deadline for a connection to a server.
    pub(super) fn to_connect(self) -> Deadline {
        Deadline {
            at: self.reached.or(self.at),
            reached: None,
            ..self
        }
    }

    /// The deadline after a server has been reached: if its connection is lost, the time for a new one starts now.
    pub(super) fn after_reached(self) -> Deadline {
        match self.reached {
            Some(_) => self.again(),
            None => self,
        }
    }

    /// The same kind of deadline, after the same limit, starting now.
    pub fn again(self) -> Deadline {
        let again = Deadline::after(self.limit);
        match self.reached {
            Some(_) => again.until_reached(),
            None => again,
        }
    }

    /// No deadline.
    pub fn never() -> Deadline {
        Deadline {
            at: None,
            reached: None,
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

    #[tokio::test]
    async fn a_deadline_for_reaching_a_server_does_not_bound_its_answer() {
        let until_reached = |length| Deadline::after(Limit { length, flag: "" }).until_reached();
        let over = until_reached(Duration::ZERO);
        assert_eq!(over.run(async { 1 }).await, Some(1));
        assert!(over.to_connect().passed());
        // A connection that is lost after a long time has the whole limit to be replaced.
        let long = until_reached(Duration::from_secs(60)).after_reached();
        assert!(long.only_to_reach() && !long.to_connect().passed());
        assert!(!Deadline::never().after_reached().only_to_reach());
        assert!(long.again().only_to_reach() && Deadline::never().again().left().is_none());
    }
}
