//! `HashKV` of a file at a revision, as a server would compute it, without writing to the file. Source: etcd v3.7.1,
//! server/storage/mvcc/{kvstore,hash}.go, etcdutl/etcdutl/hashkv_command.go.

use std::{cell::Cell, path::Path};

use super::{
    Error, Item, SnapshotFile, inspect,
    key_set::{KeySet, TooLarge},
};
use crate::schema::{RecordError, bucket, hashkv};

/// The result of `etcdutl hashkv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashKv {
    /// CRC-32C of the history.
    pub hash: u32,
    /// The revision up to which the history is hashed.
    pub hash_revision: i64,
    /// The compact revision; -1 before the first compaction.
    pub compact_revision: i64,
}

/// Maximum number of records, which are numbered.
const MAX_RECORDS: u32 = u32::MAX >> 1;

/// Hashes the history in the file `path` up to revision `rev`. 0 means the current revision; there are no records below
/// 0.
///
/// # Errors
/// The file is damaged (its digest is not checked), or `rev` has been compacted or is in the future.
pub fn hash_kv(path: impl AsRef<Path>, rev: i64) -> Result<HashKv, Error> {
    hash_kv_compacted(path, rev, None)
}

/// Like [`hash_kv`], but as if the file had been compacted at `compacted`, if that is later than its own compaction: the
/// answer of a member that has compacted since the file was saved. Memory use is bounded by the largest record and the user
/// keys (about 30 bytes plus the key itself for each distinct key).
///
/// # Errors
/// See [`hash_kv`]; [`Error::Compacted`] if `rev` is below that compaction.
pub fn hash_kv_compacted(
    path: impl AsRef<Path>,
    rev: i64,
    compacted: Option<i64>,
) -> Result<HashKv, Error> {
    let file = SnapshotFile::open(path)?;
    // First pass: for every key, find the number of its last record up to `rev`; the lowest bit is 0 for a deletion.
    let mut last: KeySet<u32> = KeySet::default();
    let mut number = 0;
    let records = inspect(&file, &mut |item| {
        let Item::History { key, at, kv, .. } = item else {
            return Ok(());
        };
        if rev == 0 || at.revision.main <= rev {
            let state = number << 1 | u32::from(!at.tombstone);
            last.set(kv.key, state, &mut |_, _| {})
                .map_err(|TooLarge| {
                    RecordError::new(bucket::KEY, key, "more than 16 GiB of user keys")
                })?;
        }
        number += 1;
        match number > MAX_RECORDS {
            true => Err(RecordError::new(bucket::KEY, key, "more than 2^31 records")),
            false => Ok(()),
        }
    })?;
    // Reject revisions for which a server would return no hash.
    let compact = records.meta.compact_revision().max(compacted);
    let current = records.current_revision();
    if rev > 0 && compact.is_some_and(|c| rev < c) {
        return Err(Error::Compacted);
    }
    if rev > current {
        return Err(Error::FutureRevision);
    }
    let rev = if rev == 0 { current } else { rev };
    // Replace the keys by one bit for each record: whether a compaction at `rev` would keep it.
    let mut kept = vec![0u64; number as usize / 64 + 1];
    let mut keeps_any = false;
    for state in last.states(&mut |_, _| {}) {
        if state & 1 == 1 {
            let number = (state >> 1) as usize;
            kept[number / 64] |= 1 << (number % 64);
            keeps_any = true;
        }
    }
    drop(last);
    // Second pass: hash the records.
    let compact = compact.unwrap_or(-1);
    let mut hash = hashkv::HashKv::new(compact, rev);
    let Some(bucket) = file.reader().bucket(bucket::KEY)? else {
        return Err(Error::NotEtcd {
            file: file.path().to_owned(),
            bucket: "key".into(),
        });
    };
    let number = Cell::new(0);
    for entry in bucket.iter()? {
        let entry = entry?;
        let keep = |_| {
            let word = kept.get(number.get() / 64).copied().unwrap_or(0);
            !keeps_any || word >> (number.get() % 64) & 1 == 1
        };
        match hash.write(&entry.key, &entry.value, keep) {
            Ok(true) => {}
            Ok(false) => break,
            Err(first) => {
                return Err(Error::Record {
                    file: file.path().to_owned(),
                    page: 0,
                    first: Box::new(first),
                    others: 0,
                });
            }
        }
        number.set(number.get() + 1);
    }
    Ok(HashKv {
        hash: hash.sum(),
        hash_revision: rev,
        compact_revision: compact,
    })
}
