//! One watcher: the keys it watches, from which revision, and its progress.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
};

use super::queue::StreamQueue;
use crate::server::mvcc::{event::Event, index::KeyRange};

/// A key. Watchers of the same keys share it.
pub type Key = Arc<[u8]>;

/// The keys that a watcher watches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Range {
    /// One key.
    One(Key),
    /// From the first (inclusive) to the second (exclusive).
    Between(Key, Key),
    /// This key and all following ones.
    From(Key),
}

impl Range {
    /// Copies the fields of a request; `None` for a range that cannot contain any key. An empty key means the first key.
    pub fn new(key: &[u8], end: &[u8]) -> Option<Range> {
        let key = match key {
            [] => &[0],
            key => key,
        };
        match KeyRange::new(key, end) {
            KeyRange::One(key) => Some(Range::One(key.into())),
            KeyRange::From(key) => Some(Range::From(key.into())),
            KeyRange::Between(key, end) if key >= end => None,
            KeyRange::Between(key, end) => Some(Range::Between(key.into(), end.into())),
        }
    }
}

/// Which events a watcher receives, and in which form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Include the previous key-value pair in each event.
    pub prev_kv: bool,
    /// No puts.
    pub no_put: bool,
    /// No deletions.
    pub no_delete: bool,
}

/// One watcher of a stream.
#[derive(Debug)]
pub struct Watcher {
    /// Its id on its stream.
    pub id: i64,
    /// The stream to which its events are sent.
    pub stream: Arc<StreamQueue>,
    /// The keys.
    pub range: Range,
    /// Which events it receives, and in which form.
    pub options: Options,
    /// The revision that the client requested; 0 if none.
    pub start: i64,
    /// The first revision that it has not received yet. Modified under the hub's lock.
    next: AtomicI64,
    /// Its index in the set that contains it. Modified under the hub's lock.
    pub(super) slot: AtomicUsize,
    synced: AtomicBool,
    removed: AtomicBool,
}

impl Watcher {
    /// A watcher that receives everything from revision `next` on.
    pub(super) fn new(
        id: i64,
        stream: Arc<StreamQueue>,
        range: Range,
        options: Options,
        start: i64,
        next: i64,
    ) -> Watcher {
        Watcher {
            id,
            stream,
            range,
            options,
            start,
            next: AtomicI64::new(next),
            slot: AtomicUsize::new(0),
            synced: AtomicBool::new(false),
            removed: AtomicBool::new(false),
        }
    }

    /// The first revision that it has not received yet.
    pub(super) fn next(&self) -> i64 {
        self.next.load(Ordering::Relaxed)
    }

    pub(super) fn set_next(&self, revision: i64) {
        self.next.store(revision, Ordering::Relaxed);
    }

    /// Whether it receives new events directly.
    pub(super) fn is_synced(&self) -> bool {
        self.synced.load(Ordering::Relaxed)
    }

    pub(super) fn set_synced(&self, synced: bool) {
        self.synced.store(synced, Ordering::Relaxed);
    }

    /// Whether it receives no more events, because it was canceled or the revisions it needs have been compacted.
    pub(super) fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Relaxed)
    }

    /// Marks it as removed. Returns false if it already was.
    pub(super) fn remove(&self) -> bool {
        !self.removed.swap(true, Ordering::Relaxed)
    }

    /// Whether the event passes its filters.
    pub(super) fn wants(&self, event: &Event) -> bool {
        match event.tombstone {
            true => !self.options.no_delete,
            false => !self.options.no_put,
        }
    }
}
