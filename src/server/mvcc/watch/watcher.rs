//! One watcher: the keys it watches, from which revision, and its progress. A server may have very many watchers, so
//! each of them is small (see the test).

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU8, AtomicU32, Ordering},
};

use super::{queue::StreamQueue, range::Range};
use crate::server::mvcc::event::Event;

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

/// How a watcher receives its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum State {
    /// From the store.
    Unsynced,
    /// Directly, as they are published.
    Synced,
    /// Not any more, because it was canceled or the revisions it needs have been compacted.
    Removed,
}

impl State {
    fn from_u8(state: u8) -> State {
        match state {
            0 => State::Unsynced,
            1 => State::Synced,
            _ => State::Removed,
        }
    }
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
    /// The revision that the client requested; 0 if none.
    pub start: i64,
    /// The first revision that it has not received yet. Modified under the hub's lock.
    next: AtomicI64,
    /// Its index among the watchers of the same keys in the set that contains it. Modified under the hub's lock.
    pub(super) slot: AtomicU32,
    /// Its [`State`]. Modified under the hub's lock.
    state: AtomicU8,
    /// Which events it receives, and in which form.
    pub options: Options,
}

impl Watcher {
    /// A watcher, not yet synced, that receives everything from revision `next` on.
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
            start,
            next: AtomicI64::new(next),
            slot: AtomicU32::new(0),
            state: AtomicU8::new(State::Unsynced as u8),
            options,
        }
    }

    /// The first revision that it has not received yet.
    pub(super) fn next(&self) -> i64 {
        self.next.load(Ordering::Relaxed)
    }

    pub(super) fn set_next(&self, revision: i64) {
        self.next.store(revision, Ordering::Relaxed);
    }

    pub(super) fn state(&self) -> State {
        State::from_u8(self.state.load(Ordering::Relaxed))
    }

    /// Changes the state, and returns the previous one.
    pub(super) fn set_state(&self, state: State) -> State {
        State::from_u8(self.state.swap(state as u8, Ordering::Relaxed))
    }

    /// Whether it receives no more events.
    pub(super) fn is_removed(&self) -> bool {
        self.state() == State::Removed
    }

    /// Whether the event passes its filters.
    pub(super) fn wants(&self, event: &Event) -> bool {
        match event.tombstone {
            true => !self.options.no_delete,
            false => !self.options.no_put,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watcher_is_small() {
        // With the two counters of an `Arc`, the most that fits into one of glibc's blocks of 80 bytes.
        assert_eq!(size_of::<Range>(), 16);
        assert!(2 * size_of::<usize>() + size_of::<Watcher>() <= 72);
    }
}
