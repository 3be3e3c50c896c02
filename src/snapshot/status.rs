//! `snapshot status`: hash, revision, number of live keys, size and version of a file, with
//! everything in it checked on the way. Source: etcd v3.7.1, etcdutl/snapshot/v3_snapshot.go.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{
    Error, Item, Seal, SnapshotFile, inspect,
    key_set::{Full, KeySet},
    verify::check_seal,
};
use crate::schema::{RecordError, bucket, hash::Crc32c};

/// What `snapshot status` prints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// CRC-32C over each bucket's name, then its keys and values, in the order of the file.
    pub hash: u32,
    /// Main revision of the last record in `key`; 0 without any. A server may be further.
    pub revision: i64,
    /// Live user keys.
    pub total_key: i64,
    /// Pages up to the high-water mark, bytes. The file may be longer.
    pub total_size: i64,
    /// Storage version; empty in files of 3.5 and older.
    pub version: String,
}

/// Reads the whole file `path` once and says what is in it. Memory is bounded by the number of
/// different user keys (some 30 bytes and the key for each) and the largest record.
///
/// # Errors
/// The first thing that can't be right, by file, page and record. Where pages and records are sound
/// and only the seal does not fit, [`Error::Seal`] holds the status.
pub fn status(path: impl AsRef<Path>) -> Result<Status, Error> {
    let file = SnapshotFile::open(path)?;
    let give_up = AtomicBool::new(false);
    // The digest is computed on a second thread: it reads ahead of the walk, in the file's order.
    let (status, seal) = std::thread::scope(|scope| {
        let sealed = *file.seal() == Seal::Digest && file.reader().size() > BESIDE;
        let digest = sealed.then(|| scope.spawn(|| check_seal(&file, &give_up)));
        let status = walk(&file);
        if status.is_err() {
            give_up.store(true, Ordering::Relaxed);
        }
        let seal = match digest.map(|thread| thread.join()) {
            Some(Ok(seal)) => seal,
            // Small, or (it never does) the thread has panicked.
            Some(Err(_)) | None => check_seal(&file, &give_up),
        };
        (status, seal)
    });
    let status = status?;
    match seal? {
        None => Ok(status),
        Some(source) => Err(Error::Seal {
            file: file.path().to_owned(),
            source: Box::new(source),
            status: Some(Box::new(status)),
        }),
    }
}

/// Files up to this size are not worth a second thread, bytes.
const BESIDE: u64 = 1 << 20;

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
                keys.mark(kv.key, !at.tombstone).map_err(|Full| {
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
