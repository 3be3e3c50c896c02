//! Multi-version concurrency control: every change of the key space has a revision. Synchronous; knows nothing of
//! users, quota, network or tokio.

pub mod compaction_hashes;
pub mod encoded;
pub mod event;
pub mod index;
pub mod key_index;
pub mod restore;
pub mod revision;
pub mod txn;
pub mod view;
pub mod watch;
pub mod write;
