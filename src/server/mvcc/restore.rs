//! Builds the index from the records of a file, which is all that opening a store has to do. Reads in several threads,
//! sorts by key, and builds the tree in one pass. Rejects invalid records.

use std::{
    cmp::Ordering,
    ops::{Bound, Deref, Range},
    thread,
};

use bytes::Bytes;

use super::{
    index::TreeIndex,
    key_index::KeyIndex,
    revision::{MAX_SUB, PackedRev, Revision},
};
use crate::{
    bolt::{self, Bucket, Buf, FileReader, ForeignFile, ReadTx, Source},
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

/// The parts of a record that the index needs. The key is borrowed from the mapped file, or a copy.
struct Entry<K> {
    /// The 8 bytes after the common prefix of all keys; they decide most comparisons.
    head: u64,
    key: K,
    /// Small, because there is one for every record while the index is built.
    rev: PackedRev,
    created: i64,
    version: i64,
    lease: i64,
}

impl<K: Deref<Target = [u8]>> Entry<K> {
    fn cmp_key(&self, other: &Entry<K>) -> Ordering {
        (self.head, &*self.key).cmp(&(other.head, &*other.key))
    }
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

/// Reads all records in `tx` and builds their index.
///
/// # Errors
/// A page or a record is damaged.
pub fn restore(tx: &ReadTx) -> Result<Keys, RestoreError> {
    let records = read_all(&|_| tx.bucket(bucket::KEY), &|record: &&'_ [u8], key| {
        record.cut(key)
    })?;
    Ok(index(records))
}

/// Like [`restore`], for a foreign file. The keys of all revisions are copied while the index is built.
///
/// # Errors
/// A page or a record is damaged, or the file was changed meanwhile.
pub fn restore_file(file: &ForeignFile) -> Result<Keys, RestoreError> {
    // Each thread has its own reader, because they would evict each other's pages from a common cache.
    let readers: Vec<FileReader> = (0..THREADS).map(|_| file.reader().fork()).collect();
    let records = read_all(
        &|thread| readers[thread % THREADS].bucket(bucket::KEY),
        &|record: &Bytes, key| Box::<[u8]>::from(&record[key]),
    );
    file.reader().check_unchanged()?;
    let records = records?;
    // Each has some MiB of pages in memory.
    drop(readers);
    Ok(index(records))
}

/// All records, as each thread has read them, and the main revision of the last one.
struct Records<K> {
    parts: Vec<Vec<Entry<K>>>,
    last: i64,
}

/// Reads the records. `open` opens the bucket for a thread, given its number. `own` returns the key at a position of a
/// record.
fn read_all<S: Source, K: Deref<Target = [u8]> + Send>(
    open: &(impl Fn(usize) -> bolt::Result<Option<Bucket<S>>> + Sync),
    own: &(impl Fn(&S::Buf, Range<usize>) -> K + Sync),
) -> Result<Records<K>, RestoreError> {
    let none = Records {
        parts: Vec::new(),
        last: 1,
    };
    let Some(keys) = open(0)? else {
        return Ok(none);
    };
    let Some(last) = keys.last()? else {
        return Ok(none);
    };
    let last = RevisionKey::of_record(&last.key)?.revision.main;
    drop(keys);

    let threads = match last < ALONE {
        true => 1,
        false => thread::available_parallelism().map_or(1, |n| n.get().min(THREADS)),
    };
    let edge = |i: usize| (last as i128 * i as i128 / threads as i128) as i64;
    let parts: Vec<Vec<Entry<K>>> = thread::scope(|scope| {
        let readers: Vec<_> = (0..threads)
            .map(|i| {
                let from = if i == 0 { None } else { Some(edge(i)) };
                let to = if i + 1 == threads {
                    None
                } else {
                    Some(edge(i + 1))
                };
                scope.spawn(move || read(open(i), own, from, to))
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
    Ok(Records { parts, last })
}

/// Sorts the records by key, and builds the index.
fn index<K: Deref<Target = [u8]> + Into<Box<[u8]>> + Send>(records: Records<K>) -> Keys {
    let Records { mut parts, last } = records;
    let threads = parts.len();
    let common = common_prefix(&parts);
    thread::scope(|scope| {
        for part in &mut parts {
            scope.spawn(move || {
                for entry in part.iter_mut() {
                    entry.head = head(&entry.key, common);
                }
                // The sort is stable, so the changes of a key stay in order.
                part.sort_by(Entry::cmp_key);
            });
        }
    });
    // The standard sort detects sorted runs and merges them.
    let records: usize = parts.iter().map(Vec::len).sum();
    let mut all: Vec<Entry<K>> = Vec::new();
    for part in parts {
        match all.is_empty() {
            true => {
                all = part;
                all.reserve_exact(records - all.len());
            }
            false => all.extend(part),
        }
    }
    if threads > 1 {
        all.sort_by(Entry::cmp_key);
    }
    let (keys, leased) = collect(all);
    Keys {
        index: TreeIndex::from_sorted(keys),
        revision: last.max(1),
        leased,
    }
}

/// All keys with their indexes, and the keys with leases.
type Collected = (Vec<(Box<[u8]>, KeyIndex)>, Vec<(Bytes, i64)>);

/// Collects the changes of each key, which follow each other in order. The keys take the place of the entries in memory:
/// the standard library collects a vector into a vector of smaller elements without allocating another one.
fn collect<K: Deref<Target = [u8]> + Into<Box<[u8]>>>(all: Vec<Entry<K>>) -> Collected {
    let mut leased = Vec::new();
    // The current key, and the lease in its newest change.
    let mut current: Option<(Box<[u8]>, KeyIndex)> = None;
    let mut lease = 0;
    let mut end = |key: &[u8], lease| {
        if lease != 0 {
            leased.push((Bytes::copy_from_slice(key), lease));
        }
    };
    let ended = all.into_iter().filter_map(|entry| {
        let before = std::mem::replace(&mut lease, entry.lease);
        match &mut current {
            Some((key, index)) if **key == *entry.key => {
                add(index, entry.rev);
                None
            }
            current => {
                let index = first(&entry);
                let ended = current.replace((entry.key.into(), index))?;
                end(&ended.0, before);
                Some(ended)
            }
        }
    });
    let mut keys: Vec<_> = ended.collect();
    if let Some(last) = current {
        end(&last.0, lease);
        keys.push(last);
    }
    keys.shrink_to_fit();
    (keys, leased)
}

/// The records with main revisions above `from` up to `to`, in order.
fn read<S: Source, K: Deref<Target = [u8]>>(
    keys: bolt::Result<Option<Bucket<S>>>,
    own: impl Fn(&S::Buf, Range<usize>) -> K,
    from: Option<i64>,
    to: Option<i64>,
) -> Result<Vec<Entry<K>>, RestoreError> {
    let mut entries: Vec<Entry<K>> = Vec::new();
    let Some(keys) = keys? else {
        return Ok(entries);
    };
    // Convert the revisions to a range of record keys.
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
        // Reject records that the index could not represent.
        let record = record?;
        let at = RevisionKey::of_record(&record.key)?;
        let wrong = |problem| RecordError::new(bucket::KEY, &record.key, problem);
        if at.revision.sub > MAX_SUB {
            return Err(wrong("the sub revision is too large").into());
        }
        if entries
            .last()
            .is_some_and(|last| last.rev.revision() >= at.revision)
        {
            return Err(wrong("the record is out of order").into());
        }
        let kv = KeyValueRef::of_record(&record.key, &record.value)?;
        // Find the position of the key in the record.
        let start = (kv.key.as_ptr() as usize).saturating_sub(record.value.as_ptr() as usize);
        let place = match kv.key {
            [] => 0..0,
            key => start..start + key.len(),
        };
        entries.push(Entry {
            head: 0,
            key: own(&record.value, place),
            rev: match at.tombstone {
                true => PackedRev::tombstone(at.revision),
                false => PackedRev::put(at.revision),
            },
            created: kv.create_revision,
            version: kv.version,
            lease: if at.tombstone { 0 } else { kv.lease },
        });
    }
    Ok(entries)
}

/// Length of the prefix common to all keys.
fn common_prefix<K: Deref<Target = [u8]>>(parts: &[Vec<Entry<K>>]) -> usize {
    let mut all = parts.iter().flatten();
    let Some(first) = all.next() else { return 0 };
    let mut common: &[u8] = &first.key;
    for entry in all {
        if !entry.key.starts_with(common) {
            let same = common.iter().zip(&*entry.key).take_while(|(a, b)| a == b);
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

/// The index of a key with its first change.
fn first<K>(entry: &Entry<K>) -> KeyIndex {
    let rev = entry.rev.revision();
    match entry.rev.is_tombstone() {
        true => KeyIndex::restore_tombstone(rev),
        false => KeyIndex::restore(entry.created, rev, entry.version),
    }
}

/// Adds a later change. As in etcd, a deletion of a deleted key is ignored.
fn add(index: &mut KeyIndex, rev: PackedRev) {
    match rev.is_tombstone() {
        true => {
            index.tombstone(rev.revision());
        }
        false => {
            index.put(rev.revision());
        }
    }
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

    #[test]
    fn the_changes_of_a_key_become_one_index_and_its_newest_lease_counts() {
        let entry = |key: &'static [u8], main, is_put: bool, lease| Entry {
            head: head(key, 0),
            key,
            rev: match is_put {
                true => PackedRev::put(Revision::new(main, 0)),
                false => PackedRev::tombstone(Revision::new(main, 0)),
            },
            created: main,
            version: 1,
            lease,
        };
        let (keys, leased) = collect(vec![
            entry(b"a", 2, true, 7),
            entry(b"a", 4, false, 0),
            entry(b"b", 3, true, 8),
            entry(b"b", 5, true, 9),
            entry(b"c", 6, false, 0),
            entry(b"d", 7, true, 10),
        ]);
        let shown: Vec<_> = keys
            .iter()
            .map(|(key, index)| (&**key, index.last().main, index.is_deleted()))
            .collect();
        assert_eq!(
            shown,
            [
                (&b"a"[..], 4, true),
                (b"b", 5, false),
                (b"c", 6, true),
                (b"d", 7, false)
            ]
        );
        let b = Bytes::from_static(b"b");
        assert_eq!(leased, [(b, 9), (Bytes::from_static(b"d"), 10)]);
        assert_eq!(keys[1].1.get(5).map(|found| found.version), Some(2));
    }
}
