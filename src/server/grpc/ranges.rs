//! A set of key ranges, for the deletions of a transaction. Tells whether a key is in one of them. Knows nothing of
//! requests.

use std::collections::BTreeMap;

/// Disjoint ranges: first key to end (exclusive).
///
/// ```text
/// add [a, c), add [b, d), add [x]   ->   {a: d, x: x\0}
/// holds b: yes    holds d: no    holds x: yes
/// ```
#[derive(Debug, Default)]
pub struct Ranges {
    ends: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Ranges {
    /// Adds a single key (if `range_end` is empty) or the keys in `[key, range_end)`.
    ///
    /// To the store, a `range_end` of one zero byte means "all keys from `key` on", but here it adds nothing: etcd
    /// v3.7.1 (server/etcdserver/api/v3rpc/key.go) treats it as an ordinary end, and therefore permits such a deletion
    /// together with a put.
    pub fn add(&mut self, key: &[u8], range_end: &[u8]) {
        if range_end.is_empty() {
            let mut after = Vec::with_capacity(key.len() + 1);
            after.extend_from_slice(key);
            after.push(0);
            self.insert(key.to_vec(), after);
        } else {
            self.insert(key.to_vec(), range_end.to_vec());
        }
    }

    /// Adds all of `other`.
    pub fn join(&mut self, other: Ranges) {
        for (begin, end) in other.ends {
            self.insert(begin, end);
        }
    }

    /// Whether a range contains `key`.
    pub fn holds(&self, key: &[u8]) -> bool {
        self.ends
            .range::<[u8], _>((std::ops::Bound::Unbounded, std::ops::Bound::Included(key)))
            .next_back()
            .is_some_and(|(_, end)| key < end.as_slice())
    }

    fn insert(&mut self, mut begin: Vec<u8>, mut end: Vec<u8>) {
        if end <= begin {
            return;
        }
        // Replace every range that touches the new one by their union.
        while let Some((b, e)) = self
            .ends
            .range(..=end.clone())
            .next_back()
            .filter(|(_, e)| **e >= begin)
            .map(|(b, e)| (b.clone(), e.clone()))
        {
            self.ends.remove(&b);
            begin = begin.min(b);
            end = end.max(e);
        }
        self.ends.insert(begin, end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example() {
        let mut ranges = Ranges::default();
        ranges.add(b"a", b"c");
        ranges.add(b"b", b"d");
        ranges.add(b"x", b"");
        assert_eq!(ranges.ends.len(), 2);
        for (key, inside) in [
            ("a", true),
            ("b", true),
            ("cz", true),
            ("d", false),
            ("w", false),
            ("x", true),
            ("x0", false),
            ("y", false),
        ] {
            assert_eq!(ranges.holds(key.as_bytes()), inside, "{key}");
        }
    }

    #[test]
    fn a_range_over_several_absorbs_them() {
        let mut ranges = Ranges::default();
        for key in ["b", "d", "f"] {
            ranges.add(key.as_bytes(), b"");
        }
        ranges.add(b"a", b"e");
        assert_eq!(ranges.ends.len(), 2);
        assert!(ranges.holds(b"c") && ranges.holds(b"f") && !ranges.holds(b"e"));
    }

    #[test]
    fn an_end_at_or_before_the_key_holds_nothing() {
        let mut ranges = Ranges::default();
        ranges.add(b"k", b"\0");
        ranges.add(b"k", b"k");
        assert!(!ranges.holds(b"k") && !ranges.holds(b"z"));
    }
}
