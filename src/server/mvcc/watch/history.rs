//! What watchers need from the store: the current committed state, its events, and its records.

use std::sync::Arc;

use bytes::Bytes;

use crate::server::{
    error::Error,
    mvcc::{event::Event, revision::Revision},
};

/// Called for each record: its revision, whether it is a deletion, and the record. Returns whether to continue.
pub type EachRecord<'a> = &'a mut dyn FnMut(Revision, bool, &[u8]) -> Result<bool, Error>;

/// A committed state, and the events that led to it.
pub trait History: Send + Sync {
    /// The current revision.
    fn revision(&self) -> i64;

    /// The events of the committed group, in order.
    fn events(&self) -> &[Event];

    /// Calls `each` for the records from main revision `from` on, in order.
    ///
    /// # Errors
    /// A page or record is damaged, or the error that `each` returned.
    fn records(&self, from: i64, each: EachRecord<'_>) -> Result<(), Error>;

    /// The record of a put; `None` if it no longer exists.
    fn record(&self, rev: Revision) -> Option<Bytes>;

    /// The user's key in a record.
    ///
    /// # Errors
    /// The record is damaged.
    fn key<'a>(&self, rev: Revision, record: &'a [u8]) -> Result<&'a [u8], Error>;
}

/// Provides the current committed state.
pub trait Store: Send + Sync {
    /// The current committed state; `None` once the server has stopped.
    fn newest(&self) -> Option<Arc<dyn History>>;

    /// The compact revision.
    fn compacted(&self) -> i64;

    /// The put of `key` that is current at main revision `at`.
    fn put_at(&self, key: &[u8], at: i64) -> Option<Revision>;
}
