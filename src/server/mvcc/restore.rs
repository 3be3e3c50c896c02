//! Builds the index from the records of a file, which is all that opening a store has to do. Reads in several threads,
//! sorts by key, and builds the tree in one pass. Rejects invalid records.

use std::{ops::Bound, thread};

use bytes::Bytes;

use super::{
    index::TreeIndex,
    key_index::KeyIndex,
    revision::{MAX_SUB, Revision},
};
use crate::{
    bolt::{self, ReadTx},
    schema::{
        RecordError, bucket,
        key::{KeyValueRef, RevisionKey},
    },
};

/// Maximum number of threads that read and sort.
const THREADS: usize = 4;
/// With fewer revisions than this, a second thread is not worthwhile.
const ALONE: i64 = 10_000;

/// Why the index cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A page is damaged.
    #[error(transparent)]
    Bolt(#[from] bolt::Error),
    /// A record is damaged.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// The parts of a record that the index needs. The key is borrowed from the mapped file.
struct Entry<'a> {
    /// The 8 bytes after the common prefix of all keys; they decide most comparisons.
    head: u64,
    key: &'a [u8],
    rev: Revision,
    tombstone: bool,
    created: i64,
    version: i64,
    lease: i64,
}

/// The result of reading all records of keys.
#[derive(Debug, Default)]
pub struct Keys {
    /// All keys.
    pub index: TreeIndex,
    /// Main revision of the last record; 1 if there is none, as in a new store.
    pub revision: i64,
    /// Every key whose latest record names a lease, with that lease.
    pub leased: Vec<(Bytes, i64)>,
}

impl Keys {
    fn none() -> Keys {
        Keys {
            revision: 1,
            ..Keys::default()
        }
    }
}

/// Reads all records in `tx` and builds their index.
///
/// # Errors
/// A page or a record is damaged.
pub fn restore(tx: &ReadTx) -> Result<Keys, RestoreError> {
    let Some(keys) = tx.bucket(bucket::KEY)? else {
        return Ok(Keys::none());
    };
    let Some(last) = keys.last()? else {
        return Ok(Keys::none());
    };
    let last = RevisionKey::of_record(last.key)?.revision.main;

    let threads = match last < ALONE {
        true => 1,
        false => thread::available_parallelism().map_or(1, |n| n.get().min(THREADS)),
    };
    let edge = |i: usize| (last as i128 * i as i128 / threads as i128) as i64;
    let mut parts: Vec<Vec<Entry<'_>>> = thread::scope(|scope| {
        let readers: Vec<_> = (0..threads)
            .map(|i| {
                let from = if i == 0 { None } else { Some(edge(i)) };
                let to = if i + 1 == threads {
                    None
                } else {
                    Some(edge(i + 1))
                };
                scope.spawn(move || read(tx, from, to))
            })
            .collect();
        readers
            .into_iter()
            .map(|reader| {
                reader
                    .join()
                    .unwrap_or_else(|p| std::panic::resume_unwind(p))
            })
            .collect::<Result<_, RestoreError>>()
    })?;

    let common = common_prefix(&parts);
    thread::scope(|scope| {
        for part in &mut parts {
            scope.spawn(move || {
                for entry in part.iter_mut() {
                    entry.head = head(entry.key, common);
                }
                // The sort is stable, so the changes of a key stay in order.
                part.sort_by(|a, b| (a.head, a.key).cmp(&(b.head, b.key)));
            });
        }
    });
    // The standard sort detects sorted runs and merges them.
    let mut all: Vec<Entry<'_>> = Vec::new();
    for part in parts {
        match all.is_empty() {
            true => all = part,
            false => all.extend(part),
        }
    }
    if threads > 1 {
        all.sort_by(|a, b| (a.head, a.key).cmp(&(b.head, b.key)));
    }

    let mut leased = Vec::new();
    let index = TreeIndex::from_sorted(
        all.chunk_by(|a, b| a.head == b.head && a.key == b.key)
            .map(|changes| {
                if let Some(newest) = changes.last().filter(|c| c.lease != 0) {
                    leased.push((Bytes::copy_from_slice(newest.key), newest.lease));
                }
                (changes[0].key.into(), key_index(changes))
            })
            .collect(),
    );
    Ok(Keys {
        index,
        revision: last.max(1),
        leased,
    })
}

/// The records with main revisions above `from` up to `to`, in order.
fn read(tx: &ReadTx, from: Option<i64>, to: Option<i64>) -> Result<Vec<Entry<'_>>, RestoreError> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let Some(keys) = tx.bucket(bucket::KEY)? else {
        return Ok(entries);
    };
    let edge = |main: Option<i64>| {
        main.and_then(|m| m.checked_add(1))
            .map(|m| Revision::new(m, 0).encode())
    };
    let (from, to) = (edge(from), edge(to));
    let start = from
        .as_ref()
        .map_or(Bound::Unbounded, |k| Bound::Included(&k[..]));
    let end = to
        .as_ref()
        .map_or(Bound::Unbounded, |k| Bound::Excluded(&k[..]));
    for record in keys.range(start, end)? {
        let record = record?;
        let at = RevisionKey::of_record(record.key)?;
        let wrong = |problem| RecordError::new(bucket::KEY, record.key, problem);
        if at.revision.sub > MAX_SUB {
            return Err(wrong("the sub revision is too large").into());
        }
        if entries.last().is_some_and(|last| last.rev >= at.revision) {
            return Err(wrong("the record is out of order").into());
        }
        let kv = KeyValueRef::of_record(record.key, record.value)?;
        entries.push(Entry {
            head: 0,
            key: kv.key,
            rev: at.revision,
            tombstone: at.tombstone,
            created: kv.create_revision,
            version: kv.version,
            lease: if at.tombstone { 0 } else { kv.lease },
        });
    }
    Ok(entries)
}

/// Length of the prefix common to all keys.
fn common_prefix(parts: &[Vec<Entry<'_>>]) -> usize {
    let mut all = parts.iter().flatten();
    let Some(first) = all.next() else { return 0 };
    let mut common = first.key;
    for entry in all {
        if !entry.key.starts_with(common) {
            let same = common.iter().zip(entry.key).take_while(|(a, b)| a == b);
            common = &common[..same.count()];
        }
    }
    common.len()
}

/// Up to 8 bytes of `key` after the first `skip`, as a number that sorts in the same order. Keys with equal numbers
/// must still be compared.
fn head(key: &[u8], skip: usize) -> u64 {
    let rest = key.get(skip..).unwrap_or_default();
    let mut bytes = [0; 8];
    let n = rest.len().min(8);
    bytes[..n].copy_from_slice(&rest[..n]);
    u64::from_be_bytes(bytes)
}

/// The index of one key from its changes, which are in order and not empty. As in etcd, a deletion of a deleted key is
/// ignored.
fn key_index(changes: &[Entry<'_>]) -> KeyIndex {
    let first = &changes[0];
    let mut index = match first.tombstone {
        true => KeyIndex::restore_tombstone(first.rev),
        false => KeyIndex::restore(first.created, first.rev, first.version),
    };
    for change in &changes[1..] {
        if change.tombstone {
            index.tombstone(change.rev);
        } else {
            index.put(change.rev);
        }
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_have_the_order_of_their_keys() {
        let keys: [&[u8]; 7] = [
            b"ab",
            b"ab\0",
            b"aba",
            b"abaaaaaaaa",
            b"abaaaaaaab",
            b"abb",
            b"ac",
        ];
        for skip in [0, 1] {
            for pair in keys.windows(2) {
                let (a, b) = (pair[0], pair[1]);
                assert!((head(a, skip), a) < (head(b, skip), b), "{a:?} {b:?}");
            }
        }
    }
}
