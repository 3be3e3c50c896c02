//! One change of one key, as a committed group hands it to watchers and to whoever else follows the
//! key space. Holds what the change wrote; never reads the store.

use bytes::Bytes;

use super::revision::Revision;

/// A put or a deletion at its revision.
#[derive(Clone, Debug)]
pub struct Event {
    /// When the key changed.
    pub rev: Revision,
    /// Whether the change is a deletion.
    pub tombstone: bool,
    /// The key. Shares memory with `record`.
    pub key: Bytes,
    /// The encoded `KeyValue` as the backend stores it; of a deletion it holds the key alone.
    pub record: Bytes,
    /// The lease that the key is attached to now; 0: none.
    pub lease: i64,
    /// The put that this change replaced or deleted; `None` where the key did not exist.
    pub previous: Option<Revision>,
}
