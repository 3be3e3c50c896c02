//! `snapshot status`: hash, revision, number of live keys, size and version of a file. Checks everything in it. Source:
//! etcd v3.7.1, etcdutl/snapshot/v3_snapshot.go.

use std::{path::Path, sync::atomic::Ordering};

use super::{
    Error, Item, SnapshotFile, inspect,
    key_set::{KeySet, TooLarge},
    verify::walk_and_check_integrity,
};
use crate::schema::{RecordError, bucket, hash::Crc32c};

/// The result of `snapshot status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// CRC-32C of each bucket's name and its keys and values, in the order of the file.
    pub hash: u32,
    /// Main revision of the last record in `key`; 0 if there are none. A server's current revision may be higher.
    pub revision: i64,
    /// Number of live user keys.
    pub total_key: i64,
    /// Number of bytes up to the high-water mark. The file may be longer.
    pub total_size: i64,
    /// Storage version; empty in files of 3.5 and older.
    pub version: String,
}

/// Reads the whole file `path` once. Memory use is bounded by the largest record and the user keys (about 30 bytes plus
/// the key itself for each distinct key).
///
/// # Errors
/// The first defect, by file, page and record. If pages and records are intact and only the digest does not match,
/// [`Error::Integrity`] contains the status.
pub fn status(path: impl AsRef<Path>) -> Result<Status, Error> {
    let file = SnapshotFile::open(path)?;
    let (status, integrity) = walk_and_check_integrity(&file, |give_up| {
        walk(&file).inspect_err(|_| give_up.store(true, Ordering::Relaxed))
    });
    let status = status?;
    match integrity? {
        Ok(_) => Ok(status),
        Err(source) => Err(Error::Integrity {
            file: file.path().to_owned(),
            source: Box::new(source),
            status: Some(Box::new(status)),
        }),
    }
}

fn walk(file: &SnapshotFile) -> Result<Status, Error> {
    let mut crc = Crc32c::default();
    let mut keys: KeySet<bool> = KeySet::default();
    let mut visit = |item: Item<'_>| -> Result<(), RecordError> {
        let (key, value) = match item {
            Item::Bucket(name) => {
                crc.write(name);
                return Ok(());
            }
            Item::Record { key, value } => (key, value),
            Item::History { key, value, at, kv } => {
                let live = !at.tombstone;
                keys.set(kv.key, live, &mut |_, _| {}).map_err(|TooLarge| {
                    RecordError::new(bucket::KEY, key, "more than 16 GiB of user keys")
                })?;
                (key, value)
            }
        };
        crc.write(key);
        crc.write(value);
        Ok(())
    };
    let records = inspect(file, &mut visit)?;
    let live = keys.states(&mut |_, _| {}).iter().filter(|live| **live);
    Ok(Status {
        hash: crc.sum(),
        revision: records.last_revision,
        total_key: live.count() as i64,
        total_size: file.reader().size().cast_signed(),
        version: records
            .meta
            .storage_version
            .map_or_else(String::new, |v| v.to_string()),
    })
}
