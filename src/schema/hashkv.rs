//! `HashKV`: the hash over the history of keys up to a revision, as far as it has not been compacted. Does no I/O: the
//! caller reads the records and knows which of them compaction keeps. Source: etcd v3.7.1, server/storage/mvcc/hash.go.

use super::{
    bucket,
    error::RecordError,
    hash::Crc32c,
    key::{Revision, RevisionKey},
};

/// A running `HashKV`.
///
/// Records are added in the order of the file. A record is hashed if it is at or below `revision`, and
///
/// - above `compact_revision`, or
/// - at or below it and kept by a compaction at `revision` (if such a compaction would keep nothing, every record is
///   hashed), but
/// - never if it is a deletion exactly at `compact_revision`: 3.4.33, 3.5.15 and older releases removed it.
pub struct HashKv {
    crc: Crc32c,
    compact_revision: i64,
    revision: i64,
}

impl HashKv {
    /// A hash of the history up to `revision`; `compact_revision` is -1 before the first compaction.
    pub fn new(compact_revision: i64, revision: i64) -> HashKv {
        let mut crc = Crc32c::default();
        crc.write(bucket::KEY);
        HashKv {
            crc,
            compact_revision,
            revision,
        }
    }

    /// Adds one record. `kept` is called only for revisions at or below the compact revision. Returns whether later
    /// records can still matter.
    ///
    /// # Errors
    /// `key` is not the key of a record.
    #[inline]
    pub fn write(
        &mut self,
        key: &[u8],
        value: &[u8],
        kept: impl FnOnce(Revision) -> bool,
    ) -> Result<bool, RecordError> {
        let RevisionKey {
            revision,
            tombstone,
        } = RevisionKey::of_record(key)?;
        if revision.main > self.revision {
            return Ok(false);
        }
        if revision.main <= self.compact_revision && !kept(revision) {
            return Ok(true);
        }
        if revision.main == self.compact_revision && tombstone {
            return Ok(true);
        }
        self.crc.write(key);
        self.crc.write(value);
        Ok(true)
    }

    /// The hash of all records so far.
    pub fn sum(&mut self) -> u32 {
        self.crc.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(records: &[&[u8]], compact: i64, rev: i64, kept: impl Fn(Revision) -> bool) -> u32 {
        let mut h = HashKv::new(compact, rev);
        for key in records {
            h.write(key, b"v", &kept).unwrap();
        }
        h.sum()
    }

    #[test]
    fn which_records_are_hashed() {
        let (one, two, three) = (
            Revision::new(1, 0).encode(),
            Revision::new(2, 0).encode_tombstone(),
            Revision::new(3, 0).encode(),
        );
        let all: [&[u8]; 3] = [&one, &two, &three];
        let only_last = hash(&[&three], -1, 3, |_| true);
        assert_eq!(hash(&all, 2, 3, |_| false), only_last);
        // The deletion at the compact revision is skipped even if it is kept.
        assert_eq!(
            hash(&all, 2, 3, |_| true),
            hash(&[&one, &three], -1, 3, |_| true)
        );
        assert_eq!(
            hash(&all, -1, 2, |_| false),
            hash(&all[..2], -1, 9, |_| true)
        );
        assert!(HashKv::new(-1, 9).write(b"?", b"", |_| true).is_err());
    }
}
