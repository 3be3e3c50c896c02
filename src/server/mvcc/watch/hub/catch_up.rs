//! Catching up: unsynced watchers read history from the store in bounded steps, until they have received everything that
//! the notifier has handled.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    task::Waker,
};

use bytes::Bytes;
use parking_lot::MutexGuard;

use super::{
    super::{
        event::SharedEvent,
        history::{History, Store},
        queue::{Content, Delivery},
        set::WatcherSet,
        watcher::{State, Watcher},
    },
    Hub, Watchers,
};
use crate::{
    schema::key,
    server::{
        error::Error,
        mvcc::{event::Event, revision::Revision},
    },
};

/// Number of watchers that catch up in one step.
const WATCHERS_PER_STEP: usize = 512;
/// Maximum number of records that one step reads, except to complete a revision.
const RECORDS_PER_STEP: usize = 10_000;
/// Maximum number of bytes of events that one step copies, except to complete a revision.
const BYTES_PER_STEP: usize = 256 << 10;

impl Hub {
    /// Lets unsynced watchers catch up until the hub is closed.
    pub fn run_catch_up(&self, store: &dyn Store) {
        while let Some(chosen) = self.choose() {
            // If the server is stopping there is no current state, and the hub will be closed.
            if let Some(history) = store.newest() {
                self.catch_up(store, &*history, chosen);
            }
        }
    }

    /// Waits for watchers that can catch up, and takes some of them from the line.
    fn choose(&self) -> Option<Vec<Arc<Watcher>>> {
        let mut watchers = self.watchers.lock();
        loop {
            if watchers.closed {
                return None;
            }
            let chosen = watchers.choose();
            if !chosen.is_empty() {
                return Some(chosen);
            }
            self.may_catch_up.wait(&mut watchers);
        }
    }

    /// One step for some watchers: reads history without any lock, then delivers it.
    fn catch_up(&self, store: &dyn Store, history: &dyn History, chosen: Vec<Arc<Watcher>>) {
        // Read after the state was obtained. A compaction in between does no harm if the state still contains all
        // records.
        let compacted = store.compacted();
        let (lost, chosen): (Vec<_>, Vec<_>) =
            (chosen.into_iter()).partition(|watcher| watcher.next() < compacted);
        let step = Step::read(store, history, &chosen);

        let mut watchers = self.watchers.lock();
        for watcher in lost {
            self.end(&watchers, &watcher, 0, Content::Compacted(compacted));
        }
        let mut step = match step {
            Ok(step) => step,
            Err(error) => {
                let revision = history.revision();
                for watcher in chosen {
                    let why = Content::Failed(error.to_string());
                    self.end(&watchers, &watcher, revision, why);
                }
                return;
            }
        };
        let mut wake = Vec::new();
        for watcher in chosen {
            if watcher.is_removed() {
                continue;
            }
            if let Some(events) = step.events.remove(&Arc::as_ptr(&watcher)) {
                let count = events.len() as u64;
                let delivery = Delivery {
                    id: watcher.id,
                    revision: step.last,
                    content: Content::Events(events, watcher.options.prev_kv),
                };
                if watcher.stream.offer(delivery, &mut wake).is_err() {
                    watchers.unsynced.push_back(watcher);
                    continue;
                }
                self.events.fetch_add(count, Ordering::Relaxed);
            }
            watcher.set_next(watcher.next().max(step.last + 1));
            if watchers.delivered < watcher.next() {
                watchers.insert_synced(watcher);
            } else {
                watchers.unsynced.push_back(watcher);
            }
        }
        drop(watchers);
        wake.into_iter().for_each(Waker::wake);
    }

    /// Cancels a watcher that has been taken from the line, unless it has been cancelled in the meantime.
    fn end(
        &self,
        watchers: &MutexGuard<'_, Watchers>,
        watcher: &Arc<Watcher>,
        revision: i64,
        content: Content,
    ) {
        if watcher.set_state(State::Removed) != State::Removed {
            watcher.stream.behind.fetch_sub(1, Ordering::Relaxed);
            watcher.stream.push(Delivery {
                id: watcher.id,
                revision,
                content,
            });
            watchers.answer_wanted_progress(&watcher.stream);
            self.inbox.lock().watchers -= 1;
        }
    }
}

impl Watchers {
    /// Takes watchers whose streams have space from the line; the others stay in it.
    fn choose(&mut self) -> Vec<Arc<Watcher>> {
        let mut chosen = Vec::new();
        for _ in 0..self.unsynced.len() {
            let Some(watcher) = self.unsynced.pop_front() else {
                break;
            };
            if watcher.is_removed() {
                continue;
            }
            if !watcher.stream.wants_more() {
                self.unsynced.push_back(watcher);
                continue;
            }
            chosen.push(watcher);
            if chosen.len() == WATCHERS_PER_STEP {
                break;
            }
        }
        chosen
    }
}

/// A bounded part of the history for some watchers.
struct Step {
    events: HashMap<*const Watcher, Vec<Arc<SharedEvent>>>,
    /// The last revision that has been read completely.
    last: i64,
}

impl Step {
    fn read(
        store: &dyn Store,
        history: &dyn History,
        watchers: &[Arc<Watcher>],
    ) -> Result<Step, Error> {
        let mut step = Step {
            events: HashMap::new(),
            last: history.revision(),
        };
        let Some(from) = watchers.iter().map(|watcher| watcher.next()).min() else {
            return Ok(step);
        };
        if from > history.revision() {
            return Ok(step);
        }
        // None of these watchers is in another set.
        let mut set = WatcherSet::default();
        watchers.iter().for_each(|w| set.insert(w.clone()));
        let (mut records, mut bytes, mut current) = (0, 0, from);
        history.records(from, &mut |rev, tombstone, record| {
            let is_new = rev.main != current;
            if is_new && (records >= RECORDS_PER_STEP || bytes >= BYTES_PER_STEP) {
                step.last = rev.main - 1;
                return Ok(false);
            }
            current = rev.main;
            records += 1;
            let key = history.key(rev, record)?;
            let mut shared: Option<Arc<SharedEvent>> = None;
            set.watching(key, |watcher| {
                if rev.main < watcher.next() {
                    return;
                }
                let shared = shared.get_or_insert_with(|| {
                    bytes += record.len();
                    Arc::new(SharedEvent::new(event_of(rev, tombstone, record)))
                });
                if !watcher.wants(&shared.event) {
                    return;
                }
                if watcher.options.prev_kv {
                    shared.with_previous(|| {
                        let previous = store.put_at(key, rev.main - 1)?;
                        history.record(previous)
                    });
                }
                let events = step.events.entry(Arc::as_ptr(watcher)).or_default();
                events.push(shared.clone());
            });
            Ok(true)
        })?;
        Ok(step)
    }
}

/// An event from the history. What it replaced is looked up only when needed.
fn event_of(rev: Revision, tombstone: bool, record: &[u8]) -> Event {
    let record = Bytes::copy_from_slice(record);
    Event {
        rev,
        tombstone,
        key: key::user_key(&record),
        record,
        lease: 0,
        previous: None,
    }
}
