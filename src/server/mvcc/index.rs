//! The index of all keys in order: maps a key to its revisions. It is ahead of the committed state while a group of
//! writes is being synced, so every lookup is limited to the reader's revision.
//!
//! Long walks are split into steps, and the lock is released in between, so that neither counting a million keys nor a
//! compaction delays a writer. That is safe: changes made in between are newer than the reader's revision, and a reader
//! notices a compaction past its revision, because it checks the compact revision again after the lookup.

use std::{
    collections::BTreeMap,
    ops::{
        Bound,
        Bound::{Excluded, Included, Unbounded},
    },
    sync::atomic::{AtomicUsize, Ordering},
};

use parking_lot::RwLock;

use super::{
    key_index::{Found, KeyIndex},
    revision::Revision,
};

/// Number of keys visited while the lock is held.
const STEP: usize = 1000;

/// The keys that a request selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRange<'a> {
    /// One key.
    One(&'a [u8]),
    /// From the first (inclusive) to the second (exclusive).
    Between(&'a [u8], &'a [u8]),
    /// This key and all following ones.
    From(&'a [u8]),
}

type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

impl<'a> KeyRange<'a> {
    /// Converts the two fields of a request: an empty end means one key, and an end of one zero byte means `key` and
    /// all following keys.
    pub fn new(key: &'a [u8], end: &'a [u8]) -> KeyRange<'a> {
        match end {
            [] => KeyRange::One(key),
            [0] => KeyRange::From(key),
            _ => KeyRange::Between(key, end),
        }
    }

    fn bounds(&self) -> Option<Bounds<'a>> {
        match *self {
            KeyRange::One(key) => Some((Included(key), Included(key))),
            KeyRange::Between(key, end) if key >= end => None,
            KeyRange::Between(key, end) => Some((Included(key), Excluded(end))),
            KeyRange::From(key) => Some((Included(key), Unbounded)),
        }
    }
}

/// Maps every key to its revisions, until compaction has removed all of them.
#[derive(Debug, Default)]
pub struct TreeIndex {
    tree: RwLock<BTreeMap<Box<[u8]>, KeyIndex>>,
    /// Keys that are not deleted. Changes under the lock.
    live: AtomicUsize,
}

impl TreeIndex {
    /// An index of unique keys in ascending order.
    pub fn from_sorted(mut keys: Vec<(Box<[u8]>, KeyIndex)>) -> TreeIndex {
        let live = keys.iter().filter(|(_, index)| !index.is_deleted()).count();
        // The standard library builds a tree from sorted input in one pass, with full nodes. It is given one half after
        // the other, so that most of the list is gone when the tree has its full size.
        let second = keys.split_off(keys.len() / 2);
        keys.shrink_to_fit();
        let mut second: BTreeMap<_, _> = second.into_iter().collect();
        let mut tree: BTreeMap<_, _> = keys.into_iter().collect();
        tree.append(&mut second);
        TreeIndex {
            live: AtomicUsize::new(live),
            tree: RwLock::new(tree),
        }
    }

    /// Number of keys, including deleted ones that have not been compacted.
    pub fn len(&self) -> usize {
        self.tree.read().len()
    }

    /// Number of keys that are not deleted.
    pub fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One key at main revision `at`.
    pub fn get(&self, key: &[u8], at: i64) -> Option<Found> {
        self.tree.read().get(key)?.get(at)
    }

    /// Calls `each` for every key in `range` that exists at main revision `at`, in order, until it returns false.
    /// `each` must be fast, because the lock is held.
    pub fn visit(&self, range: KeyRange<'_>, at: i64, mut each: impl FnMut(&[u8], Found) -> bool) {
        if let KeyRange::One(key) = range {
            if let Some(found) = self.get(key, at) {
                each(key, found);
            }
            return;
        }
        let Some((start, end)) = range.bounds() else {
            return;
        };
        let mut last: Option<Box<[u8]>> = None;
        loop {
            let start = last.as_deref().map_or(start, Excluded);
            let tree = self.tree.read();
            let mut seen = 0;
            let mut resume = None;
            for (key, index) in tree.range::<[u8], _>((start, end)) {
                if let Some(found) = index.get(at)
                    && !each(key, found)
                {
                    return;
                }
                seen += 1;
                if seen == STEP {
                    resume = Some(key.clone());
                    break;
                }
            }
            drop(tree);
            if resume.is_none() {
                return;
            }
            last = resume;
        }
    }

    /// Whether `range` contains at most `n` keys, including deleted ones that have not been compacted.
    pub fn is_short(&self, range: KeyRange<'_>, n: usize) -> bool {
        match range.bounds() {
            Some(bounds) => self.tree.read().range::<[u8], _>(bounds).nth(n).is_none(),
            None => true,
        }
    }

    /// Number of keys in `range` that exist at main revision `at`.
    pub fn count(&self, range: KeyRange<'_>, at: i64) -> usize {
        let mut n = 0;
        self.visit(range, at, |_, _| {
            n += 1;
            true
        });
        n
    }

    /// Records a put. `rev` must be newer than every change of the key. Returns the new state of the key, and the
    /// previous put if the key existed.
    pub fn put(&self, key: &[u8], rev: Revision) -> (Found, Option<Revision>) {
        let mut tree = self.tree.write();
        if let Some(index) = tree.get_mut(key) {
            let previous = (!index.is_deleted()).then(|| index.last());
            if previous.is_none() {
                self.live.fetch_add(1, Ordering::Relaxed);
            }
            return (index.put(rev), previous);
        }
        self.live.fetch_add(1, Ordering::Relaxed);
        tree.insert(key.into(), KeyIndex::new(rev));
        let found = Found {
            modified: rev,
            created: rev.main,
            version: 1,
        };
        (found, None)
    }

    /// Records a deletion. Returns whether the key existed.
    pub fn tombstone(&self, key: &[u8], rev: Revision) -> bool {
        let mut tree = self.tree.write();
        let deleted = tree.get_mut(key).is_some_and(|index| index.tombstone(rev));
        if deleted {
            self.live.fetch_sub(1, Ordering::Relaxed);
        }
        deleted
    }

    /// Compacts the next keys after `cursor` at revision `at`. Adds the changes up to `at` that are kept to `kept`.
    /// Returns false after the last key.
    pub fn compact_step(
        &self,
        at: i64,
        cursor: &mut Option<Box<[u8]>>,
        kept: &mut Vec<Revision>,
    ) -> bool {
        let mut gone: Vec<Box<[u8]>> = Vec::new();
        let mut tree = self.tree.write();
        let start = cursor.as_deref().map_or(Unbounded, Excluded);
        let mut seen = 0;
        let mut resume = None;
        for (key, index) in tree.range_mut::<[u8], _>((start, Unbounded)) {
            if !index.compact(at, kept) {
                gone.push(key.clone());
            }
            seen += 1;
            if seen == STEP {
                resume = Some(key.clone());
                break;
            }
        }
        for key in gone {
            tree.remove(&key);
        }
        drop(tree);
        let more = resume.is_some();
        *cursor = resume;
        more
    }

    /// The changes up to main revision `at` that a compaction at `at` would keep for readers, in ascending order and
    /// without tombstones.
    pub fn keep(&self, at: i64) -> Vec<Revision> {
        let mut kept = Vec::new();
        let mut last: Option<Box<[u8]>> = None;
        loop {
            let tree = self.tree.read();
            let start = last.as_deref().map_or(Unbounded, Excluded);
            let mut resume = None;
            for (seen, (key, index)) in tree.range::<[u8], _>((start, Unbounded)).enumerate() {
                kept.extend(index.keep(at));
                if seen + 1 == STEP {
                    resume = Some(key.clone());
                    break;
                }
            }
            drop(tree);
            if resume.is_none() {
                kept.sort_unstable();
                return kept;
            }
            last = resume;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rev(main: i64) -> Revision {
        Revision { main, sub: 0 }
    }

    fn keys(index: &TreeIndex, range: KeyRange<'_>, at: i64) -> Vec<String> {
        let mut keys = Vec::new();
        index.visit(range, at, |key, _| {
            keys.push(String::from_utf8_lossy(key).into_owned());
            true
        });
        keys
    }

    #[test]
    fn ranges_are_as_requests_write_them() {
        let index = TreeIndex::default();
        for (i, key) in ["a", "b", "ba", "c"].into_iter().enumerate() {
            index.put(key.as_bytes(), rev(2 + i as i64));
        }
        let at =
            |key: &str, end: &str| keys(&index, KeyRange::new(key.as_bytes(), end.as_bytes()), 9);
        assert_eq!(at("b", ""), ["b"]);
        assert_eq!(at("b", "c"), ["b", "ba"]);
        assert_eq!(at("b", "\0"), ["b", "ba", "c"]);
        assert_eq!(at("b", "b"), [""; 0]);
        assert_eq!(at("c", "a"), [""; 0]);
        assert_eq!(keys(&index, KeyRange::From(b"\0"), 3), ["a", "b"]);
    }

    #[test]
    fn walks_longer_than_a_step_see_every_key_once() {
        let n = 3 * STEP + 7;
        let index = TreeIndex::default();
        for i in 0..n {
            index.put(format!("{i:06}").as_bytes(), rev(2 + i as i64));
        }
        let all = keys(&index, KeyRange::From(b"\0"), i64::MAX);
        assert_eq!(all.len(), n);
        assert!(all.is_sorted());
        assert_eq!(index.count(KeyRange::From(b"\0"), 1 + STEP as i64), STEP);
        assert_eq!(index.keep(i64::MAX).len(), n);

        for i in (0..n).step_by(2) {
            assert!(index.tombstone(format!("{i:06}").as_bytes(), rev((n + 2 + i) as i64)));
        }
        let (mut cursor, mut kept) = (None, Vec::new());
        while index.compact_step((3 * n) as i64, &mut cursor, &mut kept) {}
        assert_eq!((index.len(), kept.len()), (n / 2, n / 2));
    }
}
