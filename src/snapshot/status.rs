//! `snapshot status`: hash, revision, number of live keys, size and version of a file. Checks everything in it. Source:
//! etcd v3.7.1, etcdutl/snapshot/v3_snapshot.go.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{
    Error, Item, SnapshotFile, Trailer, inspect,
    key_set::{KeySet, TooLarge},
    verify::check_integrity,
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
    let give_up = AtomicBool::new(false);
    // Compute the digest on a second thread, which reads the file sequentially and ahead of the walk.
    let (status, integrity) = std::thread::scope(|scope| {
        let concurrently =
            *file.trailer() == Trailer::Digest && file.reader().size() > MIN_SIZE_FOR_TWO_THREADS;
        let digest = concurrently.then(|| scope.spawn(|| check_integrity(&file, &give_up)));
        let status = walk(&file);
        if status.is_err() {
            give_up.store(true, Ordering::Relaxed);
        }
        let integrity = match digest.map(|thread| thread.join()) {
            Some(Ok(integrity)) => integrity,
            // The file is small, or the thread panicked (which it never does).
            Some(Err(_)) | None => check_integrity(&file, &give_up),
        };
        (status, integrity)
    });
    let status = status?;
    match integrity? {
        None => Ok(status),
        Some(source) => Err(Error::Integrity {
            file: file.path().to_owned(),
            source: Box::new(source),
            status: Some(Box::new(status)),
        }),
    }
}

/// Size in bytes above which a second thread is worthwhile.
const MIN_SIZE_FOR_TWO_THREADS: u64 = 1 << 20;

fn walk(file: &SnapshotFile) -> Result<Status, Error> {
    let mut crc = Crc32c::default();
    let mut keys = KeySet::default();
    let mut visit = |item: Item<'_>| -> Result<(), RecordError> {
        let (key, value) = match item {
            Item::Bucket(name) => {
                crc.write(name);
                return Ok(());
            }
            Item::Record { key, value } => (key, value),
            Item::History { key, value, at, kv } => {
                keys.mark(kv.key, !at.tombstone).map_err(|TooLarge| {
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
    Ok(Status {
        hash: crc.sum(),
        revision: records.last_revision,
        total_key: keys.live(),
        total_size: file.reader().size().cast_signed(),
        version: records
            .meta
            .storage_version
            .map_or_else(String::new, |v| v.to_string()),
    })
}
