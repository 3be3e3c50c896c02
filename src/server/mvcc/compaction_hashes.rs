//! Hashes over the history of keys, and the hashes of the last ten compactions. Below the latest compact revision,
//! nothing can be hashed any more, so `HashKV` returns these. Source: etcd v3.7.1, server/storage/mvcc/hash.go.

use super::revision::Revision;

/// Number of compactions whose hashes are kept.
const REMEMBERED: usize = 10;

/// A hash, and what it is a hash of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHash {
    /// CRC-32C.
    pub hash: u32,
    /// Changes up to this revision are hashed only if a later reader can still see them; -1: all are hashed.
    pub compact_revision: i64,
    /// The last revision that is hashed.
    pub revision: i64,
}

/// The hashes of the last compactions, by revision.
#[derive(Debug, Default)]
pub struct CompactionHashes(Vec<KeyHash>);

impl CompactionHashes {
    /// Adds the hash of a compaction, and removes the oldest one beyond ten.
    pub fn store(&mut self, hash: KeyHash) {
        let at = self.0.partition_point(|h| h.revision <= hash.revision);
        self.0.insert(at, hash);
        if self.0.len() > REMEMBERED {
            self.0.remove(0);
        }
    }

    /// The hash of the compaction at `revision`.
    pub fn get(&self, revision: i64) -> Option<KeyHash> {
        self.0.iter().find(|h| h.revision == revision).copied()
    }
}

/// The changes that a compaction keeps; queried in ascending order.
pub struct Kept<'a> {
    all: &'a [Revision],
    next: usize,
}

impl<'a> Kept<'a> {
    /// `sorted` must be in ascending order.
    pub fn new(sorted: &'a [Revision]) -> Kept<'a> {
        Kept {
            all: sorted,
            next: 0,
        }
    }

    /// Whether `rev` is kept; `rev` must not be older than in the previous call.
    pub fn contains(&mut self, rev: Revision) -> bool {
        while self.all.get(self.next).is_some_and(|k| *k < rev) {
            self.next += 1;
        }
        self.all.get(self.next) == Some(&rev)
    }

    /// Whether a change is hashed: if nothing is kept, etcd hashes everything.
    pub fn takes_part(&mut self, rev: Revision) -> bool {
        self.all.is_empty() || self.contains(rev)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_are_remembered() {
        let mut hashes = CompactionHashes::default();
        for revision in (1..=12).rev() {
            hashes.store(KeyHash {
                hash: revision as u32,
                compact_revision: revision - 1,
                revision,
            });
        }
        assert_eq!(hashes.get(2), None);
        assert_eq!(hashes.get(3).map(|h| h.hash), Some(3));
        assert_eq!(hashes.get(12).map(|h| h.hash), Some(12));
    }

    #[test]
    fn kept_is_asked_in_order() {
        let all: Vec<_> = [2, 5, 9].map(|m| Revision::new(m, 0)).into();
        let mut kept = Kept::new(&all);
        let asked: Vec<_> = (1..11)
            .map(|m| kept.contains(Revision::new(m, 0)))
            .collect();
        let wanted: Vec<_> = (1..11).map(|m| [2, 5, 9].contains(&m)).collect();
        assert_eq!(asked, wanted);
        assert!(Kept::new(&[]).takes_part(Revision::new(1, 0)));
        assert!(!kept.takes_part(Revision::new(11, 0)));
    }
}
