//! The revisions of one key in memory: the revision of each change, and when the key was created. Does not contain
//! values. Semantics: etcd v3.7.1, server/storage/mvcc/key_index.go.
//!
//! # Generations
//!
//! A generation is one lifetime of a key, from the put that created it to the tombstone that ended it. The version
//! counts the puts in a generation. All generations are stored in one list of revisions, separated by tombstones.
//! Worked example for a key with these changes:
//!
//! ```text
//! put(1.0) put(2.0) tombstone(3.0) put(4.0) tombstone(5.0)
//!
//!   1.0  2.0  3.0t | 4.0  5.0t |
//!   generation 1     generation 2, and no third: the key is gone
//!
//! get(2) -> 2.0, created 1, version 2      get(3) -> nothing
//! get(4) -> 4.0, created 4, version 1      get(9) -> nothing
//! ```
//!
//! Compacting at a revision removes every change up to it except the newest, and that one too if it is a tombstone
//! older than the revision. A tombstone exactly at the revision is kept, so that the next reader of the history still
//! learns of the deletion:
//!
//! ```text
//! compact(2):  2.0  3.0t | 4.0  5.0t |      created 1 and version 2 are remembered for 2.0
//! compact(4):  4.0  5.0t |
//! compact(5):  5.0t |
//! compact(6):  nothing: the key leaves the index
//! ```

use super::revision::{PackedRev, Revision};

/// The state of a key at one revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The current put: its record contains the value.
    pub modified: Revision,
    /// Main revision of the put that started the generation.
    pub created: i64,
    /// Number of puts in the generation so far, starting at 1.
    pub version: i64,
}

/// The history of one key since the last compaction. Never empty, except as the result of `compact`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyIndex {
    /// Revision at which the generation of the oldest change was created; that change may have been compacted away.
    created: i64,
    /// Version of the oldest change.
    version: i64,
    revs: Revs,
}

/// In a compacted store, most keys have a single change, which needs no allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Revs {
    One(PackedRev),
    Many(Box<History>),
}

/// Changes in ascending order, and the index of the current generation, which most lookups need.
#[derive(Clone, Debug, PartialEq, Eq)]
struct History {
    last_start: usize,
    revs: Vec<PackedRev>,
}

impl KeyIndex {
    /// The index of a key whose first change is a put.
    pub fn new(rev: Revision) -> KeyIndex {
        KeyIndex::restore(rev.main, rev, 1)
    }

    /// The index of a key whose oldest record is a put: what preceded it has been compacted away, so creation and
    /// version come from the record.
    pub fn restore(created: i64, rev: Revision, version: i64) -> KeyIndex {
        KeyIndex {
            created,
            version,
            revs: Revs::One(PackedRev::put(rev)),
        }
    }

    /// The index of a key whose oldest record is a tombstone.
    pub fn restore_tombstone(rev: Revision) -> KeyIndex {
        KeyIndex {
            created: 0,
            version: 1,
            revs: Revs::One(PackedRev::tombstone(rev)),
        }
    }

    fn all(&self) -> &[PackedRev] {
        match &self.revs {
            Revs::One(rev) => std::slice::from_ref(rev),
            Revs::Many(history) => &history.revs,
        }
    }

    /// The newest change.
    pub fn last(&self) -> Revision {
        self.newest().revision()
    }

    fn newest(&self) -> PackedRev {
        match &self.revs {
            Revs::One(rev) => *rev,
            Revs::Many(history) => history.revs[history.revs.len() - 1],
        }
    }

    /// Whether the newest change is a tombstone.
    pub fn is_deleted(&self) -> bool {
        self.newest().is_tombstone()
    }

    fn push(&mut self, rev: PackedRev) {
        debug_assert!(rev.revision() > self.last(), "revisions only grow");
        let begins = self.is_deleted();
        match &mut self.revs {
            Revs::One(first) => {
                self.revs = Revs::Many(Box::new(History {
                    last_start: usize::from(begins),
                    revs: vec![*first, rev],
                }));
            }
            Revs::Many(history) => {
                if begins {
                    history.last_start = history.revs.len();
                }
                history.revs.push(rev);
            }
        }
    }

    /// Records a put. `rev` must be newer than every change so far. Returns the new state of the key.
    pub fn put(&mut self, rev: Revision) -> Found {
        self.push(PackedRev::put(rev));
        self.at(self.all().len() - 1)
    }

    /// Records a deletion. `rev` must be newer than every change so far. Returns whether the key existed.
    pub fn tombstone(&mut self, rev: Revision) -> bool {
        if self.is_deleted() {
            return false;
        }
        self.push(PackedRev::tombstone(rev));
        true
    }

    /// The state at main revision `at`, if the key existed then.
    pub fn get(&self, at: i64) -> Option<Found> {
        let revs = self.all();
        // Most reads are of the current state.
        let i = match revs[revs.len() - 1].main() <= at {
            true => revs.len() - 1,
            false => revs.partition_point(|r| r.main() <= at).checked_sub(1)?,
        };
        (!revs[i].is_tombstone()).then(|| self.at(i))
    }

    fn at(&self, i: usize) -> Found {
        let revs = self.all();
        let start = match &self.revs {
            Revs::Many(history) if i >= history.last_start => history.last_start,
            _ => revs[..i]
                .iter()
                .rposition(|r| r.is_tombstone())
                .map_or(0, |t| t + 1),
        };
        let (created, before) = match start {
            0 => (self.created, self.version),
            _ => (revs[start].main(), 1),
        };
        Found {
            modified: revs[i].revision(),
            created,
            version: before + (i - start) as i64,
        }
    }

    /// The change that a compaction at `at` would keep for readers: the newest one up to `at`, unless it is a
    /// tombstone.
    pub fn keep(&self, at: i64) -> Option<Revision> {
        let revs = self.all();
        let i = revs.partition_point(|r| r.main() <= at).checked_sub(1)?;
        (!revs[i].is_tombstone()).then(|| revs[i].revision())
    }

    /// Compacts at revision `at`. Adds the change up to `at` that is kept to `kept`, including a tombstone exactly at
    /// `at`. Returns false if nothing is left of the key.
    #[must_use]
    pub fn compact(&mut self, at: i64, kept: &mut Vec<Revision>) -> bool {
        let revs = self.all();
        let Some(i) = revs.partition_point(|r| r.main() <= at).checked_sub(1) else {
            return true;
        };
        let stays = !revs[i].is_tombstone() || revs[i].main() == at;
        if stays {
            kept.push(revs[i].revision());
        }
        let cut = if stays { i } else { i + 1 };
        if cut == revs.len() {
            return false;
        }
        if cut == 0 {
            return true;
        }
        (self.created, self.version) = match self.all()[cut].is_tombstone() {
            // Its generation has ended, so its creation is never needed.
            true => (0, 1),
            false => {
                let first = self.at(cut);
                (first.created, first.version)
            }
        };
        if let Revs::Many(history) = &mut self.revs {
            if history.revs.len() - cut == 1 {
                self.revs = Revs::One(history.revs[cut]);
            } else {
                history.revs.drain(..cut);
                history.revs.shrink_to_fit();
                history.last_start = history.last_start.saturating_sub(cut);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rev(main: i64) -> Revision {
        Revision { main, sub: 0 }
    }

    fn list(k: &KeyIndex) -> String {
        let mut text = String::new();
        for r in k.all() {
            text += &r.main().to_string();
            text += if r.is_tombstone() { "t|" } else { " " };
        }
        text
    }

    /// The changes of the worked example.
    fn example() -> KeyIndex {
        let mut k = KeyIndex::new(rev(1));
        k.put(rev(2));
        assert!(k.tombstone(rev(3)));
        assert!(!k.tombstone(rev(4)), "a deleted key can't be deleted");
        k.put(rev(4));
        assert!(k.tombstone(rev(5)));
        k
    }

    #[test]
    fn the_worked_example() {
        let k = example();
        assert_eq!(list(&k), "1 2 3t|4 5t|");
        let found = |at: i64| k.get(at).map(|f| (f.modified.main, f.created, f.version));
        assert_eq!(found(0), None);
        assert_eq!(found(1), Some((1, 1, 1)));
        assert_eq!(found(2), Some((2, 1, 2)));
        assert_eq!(found(3), None);
        assert_eq!(found(4), Some((4, 4, 1)));
        assert_eq!(found(5), None);
        assert_eq!(found(9), None);
    }

    #[test]
    fn the_worked_example_compacted() {
        for (at, left, kept) in [
            (0, "1 2 3t|4 5t|", None),
            (1, "1 2 3t|4 5t|", Some(1)),
            (2, "2 3t|4 5t|", Some(2)),
            (3, "3t|4 5t|", Some(3)),
            (4, "4 5t|", Some(4)),
            (5, "5t|", Some(5)),
            (6, "gone", None),
        ] {
            let mut k = example();
            let mut keep = Vec::new();
            let lives = k.compact(at, &mut keep);
            let text = if lives { list(&k) } else { "gone".into() };
            assert_eq!(text, left, "compact({at})");
            assert_eq!(keep, kept.map(rev).into_iter().collect::<Vec<_>>());
            // Everything that a reader may still read is unchanged.
            for r in at.max(0)..8 {
                let now = lives.then(|| k.get(r)).flatten();
                assert_eq!(now, example().get(r), "compact({at}), then get({r})");
            }
        }
    }

    #[test]
    fn keep_skips_tombstones() {
        let kept: Vec<_> = (0..7)
            .map(|at| example().keep(at).map(|r| r.main))
            .collect();
        assert_eq!(
            kept,
            [None, Some(1), Some(2), None, Some(4), None, None],
            "the hash at a revision leaves out a deletion exactly there"
        );
    }

    #[test]
    fn versions_continue_after_a_compaction() {
        let mut k = KeyIndex::restore(7, rev(12), 5);
        assert_eq!(k.put(rev(20)).version, 6);
        assert!(k.compact(20, &mut Vec::new()));
        let found = k.put(rev(21));
        assert_eq!((found.created, found.version), (7, 7));
        assert!(k.tombstone(rev(22)));
        let found = k.put(rev(30));
        assert_eq!((found.created, found.version), (30, 1));
        assert_eq!(k.get(21).map(|f| (f.created, f.version)), Some((7, 7)));
    }

    #[test]
    fn a_key_that_begins_with_a_tombstone() {
        let mut k = KeyIndex::restore_tombstone(rev(3));
        assert_eq!(k.get(9), None);
        let found = k.put(rev(4));
        assert_eq!((found.created, found.version), (4, 1));
        let mut kept = Vec::new();
        assert!(k.compact(3, &mut kept));
        assert_eq!((list(&k).as_str(), kept), ("3t|4 ", vec![rev(3)]));
    }

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<KeyIndex>(), 32);
    }
}
