//! A set of watchers that finds those of a key: single keys by a hash table, intervals by a tree.

use std::{
    hash::{BuildHasher as _, RandomState},
    slice,
    sync::{Arc, atomic::Ordering},
};

use hashbrown::{HashTable, hash_table::Entry};

use super::{interval::IntervalMap, range::Range, watcher::Watcher};

/// A table or list shrinks when less than one part in this many is in use.
pub const SPARSE: usize = 8;

/// Watchers by the keys they watch.
#[derive(Debug, Default)]
pub struct WatcherSet {
    /// The watchers of each single key. Only the watchers contain the key.
    keys: HashTable<Members>,
    hasher: RandomState,
    intervals: IntervalMap<Members>,
    len: usize,
}

/// The watchers of one key or interval, at least one; each knows its index. Most keys have one, which needs no list.
#[derive(Debug)]
enum Members {
    One(Arc<Watcher>),
    #[allow(
        clippy::box_collection,
        reason = "every entry of the table would have the size of a vector"
    )]
    Several(Box<Vec<Arc<Watcher>>>),
}

impl Members {
    fn as_slice(&self) -> &[Arc<Watcher>] {
        match self {
            Members::One(watcher) => slice::from_ref(watcher),
            Members::Several(list) => list,
        }
    }

    /// The keys that all of them watch.
    fn range(&self) -> Option<&Range> {
        self.as_slice().first().map(|watcher| &watcher.range)
    }

    /// The key of watchers of a single key.
    fn key(&self) -> &[u8] {
        match self.range() {
            Some(Range::One(key)) => key,
            _ => &[],
        }
    }

    fn push(&mut self, watcher: Arc<Watcher>) {
        set_slot(&watcher, self.as_slice().len());
        match self {
            Members::One(first) => {
                *self = Members::Several(Box::new(vec![first.clone(), watcher]));
            }
            Members::Several(list) => list.push(watcher),
        }
    }

    /// Removes a watcher, unless it is the only one. Returns false if it is.
    fn remove(&mut self, watcher: &Watcher) -> bool {
        let Members::Several(list) = self else {
            return false;
        };
        let slot = watcher.slot.load(Ordering::Relaxed) as usize;
        list.swap_remove(slot);
        if let Some(moved) = list.get(slot) {
            set_slot(moved, slot);
        }
        if list.len() < list.capacity() / SPARSE {
            list.shrink_to(2 * list.len());
        }
        if list.len() == 1
            && let Some(last) = list.pop()
        {
            *self = Members::One(last);
        }
        true
    }

    fn into_vec(self) -> Vec<Arc<Watcher>> {
        match self {
            Members::One(watcher) => vec![watcher],
            Members::Several(list) => *list,
        }
    }
}

fn set_slot(watcher: &Watcher, slot: usize) {
    // So many watchers do not fit into memory.
    let slot = u32::try_from(slot).unwrap_or(u32::MAX);
    watcher.slot.store(slot, Ordering::Relaxed);
}

impl WatcherSet {
    /// Number of watchers.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The same range, in the memory of a watcher that has it already, if there is one.
    pub fn shared(&self, range: Range) -> Range {
        let members = match &range {
            Range::One(key) => self.of_key(key),
            Range::Interval(interval) => self.intervals.get(interval),
        };
        members.and_then(Members::range).cloned().unwrap_or(range)
    }

    /// The watchers of this single key.
    fn of_key(&self, key: &[u8]) -> Option<&Members> {
        let hash = self.hasher.hash_one(key);
        self.keys.find(hash, |members| members.key() == key)
    }

    /// Adds a watcher that is in no set.
    pub fn insert(&mut self, watcher: Arc<Watcher>) {
        set_slot(&watcher, 0);
        self.len += 1;
        match &watcher.range {
            Range::One(key) => {
                let hash = self.hasher.hash_one(&**key);
                let rehash = |members: &Members| self.hasher.hash_one(members.key());
                match (self.keys).entry(hash, |members| members.key() == &**key, rehash) {
                    Entry::Occupied(mut members) => members.get_mut().push(watcher),
                    Entry::Vacant(place) => {
                        place.insert(Members::One(watcher));
                    }
                }
            }
            Range::Interval(interval) => match self.intervals.get_mut(interval) {
                Some(members) => members.push(watcher),
                None => {
                    let interval = interval.clone();
                    self.intervals.insert(interval, Members::One(watcher));
                }
            },
        }
    }

    /// Removes a watcher that is in this set.
    pub fn remove(&mut self, watcher: &Watcher) {
        self.len -= 1;
        match &watcher.range {
            Range::One(key) => {
                let hash = self.hasher.hash_one(&**key);
                let found = self
                    .keys
                    .find_entry(hash, |members| members.key() == &**key);
                if let Ok(mut members) = found
                    && !members.get_mut().remove(watcher)
                {
                    members.remove();
                    self.shrink();
                }
            }
            Range::Interval(interval) => {
                if let Some(members) = self.intervals.get_mut(interval)
                    && !members.remove(watcher)
                {
                    self.intervals.remove(interval);
                }
            }
        }
    }

    /// Returns memory when most of the table is unused.
    fn shrink(&mut self) {
        if self.keys.len() < self.keys.capacity() / SPARSE {
            let rehash = |members: &Members| self.hasher.hash_one(members.key());
            self.keys.shrink_to(2 * self.keys.len(), rehash);
        }
    }

    /// Calls `each` for every watcher of `key`.
    pub fn watching<'a>(&'a self, key: &[u8], mut each: impl FnMut(&'a Arc<Watcher>)) {
        if let Some(members) = self.of_key(key) {
            members.as_slice().iter().for_each(&mut each);
        }
        if !self.intervals.is_empty() {
            self.intervals.holding(key, &mut |members| {
                members.as_slice().iter().for_each(&mut each);
            });
        }
    }

    /// Removes and returns all watchers.
    pub fn drain(&mut self) -> Vec<Arc<Watcher>> {
        let set = std::mem::take(self);
        let mut all: Vec<Arc<Watcher>> =
            (set.keys.into_iter()).flat_map(Members::into_vec).collect();
        (set.intervals).into_values(&mut |members| all.extend(members.into_vec()));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::mvcc::watch::{Options, StreamQueue, range::Key};

    fn watcher(id: i64, key: &str, end: &str) -> Arc<Watcher> {
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
            let key = |range: &Range| -> Key {
                match range {
                    Range::One(key) => key.clone(),
                    Range::Interval(interval) => interval.start.clone(),
                }
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
    fn the_memory_of_watchers_that_have_left_is_returned() {
        let mut set = WatcherSet::default();
        let many = 10_000;
        let alone: Vec<_> = (0..many).map(|i| watcher(i, &i.to_string(), "")).collect();
        let together: Vec<_> = (0..many).map(|i| watcher(i, "same", "")).collect();
        (alone.iter().chain(&together)).for_each(|w| set.insert(w.clone()));
        assert_eq!(size_of::<Members>(), 16);
        for gone in (alone[1..].iter()).chain(&together[2..]) {
            set.remove(gone);
        }
        assert_eq!((set.len(), ids(&set, "same")), (3, vec![0, 1]));
        assert!(set.keys.capacity() < 100, "{}", set.keys.capacity());
        let Some(Members::Several(list)) = set.of_key(b"same") else {
            panic!("there are two");
        };
        assert!(list.capacity() < 100, "{}", list.capacity());
        set.remove(&together[0]);
        assert!(matches!(set.of_key(b"same"), Some(Members::One(_))));
        assert_eq!(ids(&set, "same"), [1]);
    }
}
