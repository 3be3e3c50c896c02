//! Errors of locks and elections, in the texts of etcd's Go client.

use crate::client::ClientError;

/// A lock or an election that failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConcurrencyError {
    /// A request failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The session's lease ended, and with it the key.
    #[error("mutex: session is expired")]
    SessionExpired,
    /// Another session holds the lock.
    #[error("mutex: Locked by another session")]
    Locked,
    /// The lock is not held.
    #[error("mutex: lock has already been released")]
    Released,
    /// This session is not the leader.
    #[error("election: not leader")]
    NotLeader,
    /// There is no leader.
    #[error("election: no leader")]
    NoLeader,
}
