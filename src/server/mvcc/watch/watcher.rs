//! One watcher: which keys it watches, from which revision, and how far it has come.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
};

use bytes::Bytes;

use super::queue::StreamQueue;
use crate::server::mvcc::{event::Event, index::KeyRange};

/// The keys that a watcher watches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Range {
    /// One key.
    One(Bytes),
    /// From the first (included) to the second (excluded).
    Between(Bytes, Bytes),
    /// This key and all behind it.
    From(Bytes),
}

impl Range {
    /// As requests write it; `None` for a range that can hold no key. An empty key stands for the first.
    pub fn new(key: Bytes, end: Bytes) -> Option<Range> {
        let key = match key.is_empty() {
            true => Bytes::from_static(&[0]),
            false => key,
        };
        match KeyRange::new(&key, &end) {
            KeyRange::One(_) => Some(Range::One(key)),
            KeyRange::From(_) => Some(Range::From(key)),
            KeyRange::Between(key, end) if key >= end => None,
            KeyRange::Between(..) => Some(Range::Between(key, end)),
        }
    }
}

/// What a watcher wants to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The key as it was before each event.
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
    /// Where its events go.
    pub stream: Arc<StreamQueue>,
    /// The keys.
    pub range: Range,
    /// Which events it wants, and in which form.
    pub options: Options,
    /// The revision that the client asked for; 0: none.
    pub start: i64,
    /// The first revision that it has not been given yet. Changes under the hub's lock.
    next: AtomicI64,
    /// Where it stands in the set that holds it. Changes under the hub's lock.
    pub(super) slot: AtomicUsize,
    synced: AtomicBool,
    removed: AtomicBool,
}

impl Watcher {
    /// A watcher that wants everything from revision `next` on.
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

    /// The first revision that it has not been given yet.
    pub(super) fn next(&self) -> i64 {
        self.next.load(Ordering::Relaxed)
    }

    pub(super) fn set_next(&self, revision: i64) {
        self.next.store(revision, Ordering::Relaxed);
    }

    /// Whether it is fed from the newest events.
    pub(super) fn is_synced(&self) -> bool {
        self.synced.load(Ordering::Relaxed)
    }

    pub(super) fn set_synced(&self, synced: bool) {
        self.synced.store(synced, Ordering::Relaxed);
    }

    /// Whether it gets no more events: it was cancelled, or the revisions that it wants are compacted.
    pub(super) fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Relaxed)
    }

    /// Marks it as removed. Returns whether it was not removed before.
    pub(super) fn remove(&self) -> bool {
        !self.removed.swap(true, Ordering::Relaxed)
    }

    /// Whether its filters let the event pass.
    pub(super) fn wants(&self, event: &Event) -> bool {
        match event.tombstone {
            true => !self.options.no_delete,
            false => !self.options.no_put,
        }
    }
}
