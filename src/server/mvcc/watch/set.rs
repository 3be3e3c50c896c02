//! A set of watchers that finds those of a key: single keys by a hash map, ranges by a tree.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use super::{
    interval::IntervalMap,
    watcher::{Key, Range, Watcher},
};

/// Watchers by the keys they watch.
#[derive(Debug, Default)]
pub struct WatcherSet {
    keys: HashMap<Key, Members>,
    ranges: IntervalMap<Members>,
    len: usize,
}

/// The watchers of one key or range; each knows its index.
type Members = Vec<Arc<Watcher>>;

impl WatcherSet {
    /// Number of watchers.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The same range, in the memory of a watcher that has it already, if there is one.
    pub fn shared(&mut self, range: Range) -> Range {
        let members = match &range {
            Range::One(key) => self.keys.get(key),
            Range::Between(start, end) => {
                self.ranges.get_mut(start, &Some(end.clone())).map(|m| &*m)
            }
            Range::From(start) => self.ranges.get_mut(start, &None).map(|m| &*m),
        };
        let shared = members.and_then(|m| m.first()).map(|w| w.range.clone());
        shared.unwrap_or(range)
    }

    /// Adds a watcher that is in no set.
    pub fn insert(&mut self, watcher: Arc<Watcher>) {
        let members = match &watcher.range {
            Range::One(key) => self.keys.entry(key.clone()).or_default(),
            Range::Between(start, end) => self.ranges.entry(start, &Some(end.clone())),
            Range::From(start) => self.ranges.entry(start, &None),
        };
        watcher.slot.store(members.len(), Ordering::Relaxed);
        members.push(watcher);
        self.len += 1;
    }

    /// Removes a watcher that is in this set.
    pub fn remove(&mut self, watcher: &Arc<Watcher>) {
        let bounds = match &watcher.range {
            Range::One(key) => {
                if let Some(members) = self.keys.get_mut(key) {
                    take_out(members, watcher);
                    if members.is_empty() {
                        self.keys.remove(key);
                    }
                }
                self.len -= 1;
                return;
            }
            Range::Between(start, end) => (start, Some(end.clone())),
            Range::From(start) => (start, None),
        };
        if let Some(members) = self.ranges.get_mut(bounds.0, &bounds.1) {
            take_out(members, watcher);
            if members.is_empty() {
                self.ranges.remove(bounds.0, &bounds.1);
            }
        }
        self.len -= 1;
    }

    /// Calls `each` for every watcher of `key`.
    pub fn watching<'a>(&'a self, key: &[u8], mut each: impl FnMut(&'a Arc<Watcher>)) {
        if let Some(members) = self.keys.get(key) {
            members.iter().for_each(&mut each);
        }
        if !self.ranges.is_empty() {
            self.ranges
                .holding(key, &mut |members| members.iter().for_each(&mut each));
        }
    }

    /// Removes and returns all watchers.
    pub fn drain(&mut self) -> Vec<Arc<Watcher>> {
        let set = std::mem::take(self);
        let mut all: Vec<Arc<Watcher>> = set.keys.into_values().flatten().collect();
        set.ranges.into_values(&mut |members| all.extend(members));
        all
    }
}

fn take_out(members: &mut Members, watcher: &Arc<Watcher>) {
    let slot = watcher.slot.load(Ordering::Relaxed);
    members.swap_remove(slot);
    if let Some(moved) = members.get(slot) {
        moved.slot.store(slot, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::mvcc::watch::{Options, StreamQueue};

    fn watcher(id: i64, key: &'static str, end: &'static str) -> Arc<Watcher> {
        let range = Range::new(key.as_bytes(), end.as_bytes()).unwrap();
        let stream = Arc::new(StreamQueue::default());
        Arc::new(Watcher::new(id, stream, range, Options::default(), 0, 1))
    }

    fn ids(set: &WatcherSet, key: &str) -> Vec<i64> {
        let mut ids = Vec::new();
        set.watching(key.as_bytes(), |watcher| ids.push(watcher.id));
        ids.sort_unstable();
        ids
    }

    #[test]
    fn watchers_are_found_by_key_and_leave_when_they_are_removed() {
        let mut set = WatcherSet::default();
        let all = [
            watcher(1, "a", ""),
            watcher(2, "a", ""),
            watcher(3, "a", ""),
            watcher(4, "a", "c"),
            watcher(5, "b", "\0"),
            watcher(6, "a", "c"),
            watcher(7, "", "\0"),
        ];
        all.iter().for_each(|w| set.insert(w.clone()));
        assert_eq!(ids(&set, "a"), [1, 2, 3, 4, 6, 7]);
        assert_eq!(ids(&set, "b"), [4, 5, 6, 7]);
        assert_eq!(ids(&set, "\0"), [7]);
        for gone in [0, 3, 2] {
            set.remove(&all[gone]);
        }
        assert_eq!(ids(&set, "a"), [2, 6, 7]);
        set.remove(&all[5]);
        set.remove(&all[1]);
        assert_eq!((ids(&set, "a"), set.len()), (vec![7], 2));
        assert_eq!(set.drain().len(), 2);
        assert_eq!((ids(&set, "z"), set.len()), (vec![], 0));
    }

    #[test]
    fn watchers_of_the_same_keys_share_them() {
        let mut set = WatcherSet::default();
        for (key, end) in [("a", ""), ("a", "c"), ("b", "\0")] {
            let range = || Range::new(key.as_bytes(), end.as_bytes()).unwrap();
            let key = |range: &Range| match range {
                Range::One(key) | Range::Between(key, _) | Range::From(key) => key.clone(),
            };
            let alone = set.shared(range());
            let stream = Arc::default();
            let first = Watcher::new(1, stream, alone, Options::default(), 0, 1);
            let first = Arc::new(first);
            set.insert(first.clone());
            let (other, shared) = (range(), set.shared(range()));
            assert_eq!(shared, other);
            assert!(Arc::ptr_eq(&key(&shared), &key(&first.range)));
            assert!(!Arc::ptr_eq(&key(&other), &key(&first.range)));
            set.remove(&first);
            assert!(!Arc::ptr_eq(&key(&set.shared(range())), &key(&first.range)));
        }
    }

    #[test]
    fn an_empty_range_is_rejected() {
        assert_eq!(Range::new(b"b", b"b"), None);
        assert_eq!(Range::new(b"b", b"a"), None);
        assert!(Range::new(b"b", b"\0").is_some());
    }
}
