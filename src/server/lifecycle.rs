//! The phases in the life of a server, which connections and streams observe. Holds no state and stops nothing.

use tokio::sync::watch;

/// The phase of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Accepts requests.
    Running,
    /// Rejects new requests and finishes those in progress.
    Stopping,
    /// The time for finishing them is over: connections are closed.
    Ending,
}

/// Resolves when the server no longer accepts requests.
pub async fn stopping(phase: &mut watch::Receiver<Phase>) {
    // If the sender is gone, the server has stopped.
    let _ = phase.wait_for(|p| *p > Phase::Running).await;
}
