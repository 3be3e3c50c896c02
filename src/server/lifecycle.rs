//! The phases in the life of a server, which connections and streams watch. Holds no state of its own and stops
//! nothing.

use tokio::sync::watch;

/// Where a server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It takes requests.
    Running,
    /// It takes no more requests and finishes those that it has.
    Stopping,
    /// The time for finishing them is over: connections are closed.
    Ending,
}

/// Resolves when the server no longer takes requests.
pub async fn stopping(phase: &mut watch::Receiver<Phase>) {
    // The sender is gone when the server is, which also means that it has stopped.
    let _ = phase.wait_for(|p| *p > Phase::Running).await;
}
