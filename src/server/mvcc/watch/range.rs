//! The keys that a watcher watches: one key or an interval. Watchers of the same keys share them in memory.

use std::{cmp::Ordering, sync::Arc};

use crate::server::mvcc::index::KeyRange;

/// A key.
pub type Key = Arc<[u8]>;

/// The keys that a watcher watches. Every watcher contains one, so the rarer variant is behind a pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Range {
    /// One key.
    One(Key),
    /// All keys of an interval.
    Interval(Arc<Interval>),
}

/// The keys from `start` (inclusive) to `end` (exclusive). Intervals are ordered by start, then by end.
#[derive(Debug, PartialEq, Eq)]
pub struct Interval {
    /// The first key.
    pub start: Key,
    /// The end.
    pub end: End,
}

/// The end of an interval; `None` means that it has no end.
pub type End = Option<Key>;

impl Range {
    /// Copies the fields of a request; `None` for a range that cannot contain any key. An empty key means the first key.
    pub fn new(key: &[u8], end: &[u8]) -> Option<Range> {
        let key = match key {
            [] => &[0],
            key => key,
        };
        let interval = |start: &[u8], end: Option<&[u8]>| {
            Range::Interval(Arc::new(Interval {
                start: start.into(),
                end: end.map(Key::from),
            }))
        };
        match KeyRange::new(key, end) {
            KeyRange::One(key) => Some(Range::One(key.into())),
            KeyRange::From(key) => Some(interval(key, None)),
            KeyRange::Between(key, end) if key >= end => None,
            KeyRange::Between(key, end) => Some(interval(key, Some(end))),
        }
    }
}

impl Ord for Interval {
    fn cmp(&self, other: &Interval) -> Ordering {
        let by_end = || match (&self.end, &other.end) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) => a.cmp(b),
        };
        self.start.cmp(&other.start).then_with(by_end)
    }
}

impl PartialOrd for Interval {
    fn partial_cmp(&self, other: &Interval) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_range_is_rejected() {
        assert_eq!(Range::new(b"b", b"b"), None);
        assert_eq!(Range::new(b"b", b"a"), None);
        assert!(Range::new(b"b", b"\0").is_some());
    }

    #[test]
    fn an_interval_without_an_end_comes_last() {
        let interval = |start: &[u8], end: Option<&[u8]>| Interval {
            start: start.into(),
            end: end.map(Key::from),
        };
        let sorted = [
            interval(b"a", Some(b"b")),
            interval(b"a", Some(b"c")),
            interval(b"a", None),
            interval(b"b", Some(b"c")),
        ];
        assert!(sorted.is_sorted());
    }
}
