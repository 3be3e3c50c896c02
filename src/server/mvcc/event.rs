//! A change of one key, as a committed group passes it to watchers. Contains what the change wrote; never reads the
//! store.

use bytes::Bytes;

use super::revision::Revision;

/// A put or a deletion at a revision.
#[derive(Clone, Debug)]
pub struct Event {
    /// The revision of the change.
    pub rev: Revision,
    /// Whether the change is a deletion.
    pub tombstone: bool,
    /// The key. Shares memory with `record`.
    pub key: Bytes,
    /// The encoded `KeyValue` as stored in the backend; for a deletion it contains only the key.
    pub record: Bytes,
    /// The lease that the key is now attached to; 0 if none.
    pub lease: i64,
    /// The put that this change replaced or deleted; `None` if the key did not exist.
    pub previous: Option<Revision>,
}
