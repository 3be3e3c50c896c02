//! The buckets of a file, and the records of a bucket in reverse order, as etcd-dump-db lists them. Source: etcd
//! v3.7.1, tools/etcd-dump-db/backend.go, server/storage/backend/backend.go (Hash).

use std::path::Path;

use crate::{
    bolt,
    schema::{
        bucket,
        hash::{Crc32c, ignored_by_server},
    },
    snapshot::{Error, SnapshotFile},
};

/// A record, not decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRecord {
    /// The key.
    pub key: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
}

/// The names of all buckets, in order.
///
/// # Errors
/// The file cannot be read, or is damaged.
pub fn list_buckets(file: &SnapshotFile) -> Result<Vec<Vec<u8>>, Error> {
    let mut names = Vec::new();
    for bucket in file.reader().buckets()? {
        names.push(bucket?.0.to_vec());
    }
    Ok(names)
}

/// Calls `show` for the records of the bucket `name` in reverse order, until it returns false.
///
/// # Errors
/// The bucket does not exist, or the file is damaged.
pub fn iterate_bucket(
    file: &SnapshotFile,
    name: &[u8],
    show: &mut dyn FnMut(&[u8], &[u8]) -> bool,
) -> Result<(), Error> {
    let bucket = file.reader().bucket(name)?.ok_or_else(|| Error::NoBucket {
        file: file.path().to_owned(),
        bucket: String::from_utf8_lossy(name).into_owned(),
    })?;
    for entry in bucket.iter_rev()? {
        let entry = entry?;
        if !show(&entry.key, &entry.value) {
            break;
        }
    }
    Ok(())
}

/// The hash over all buckets as `Maintenance.Hash` computes it, which skips records that may differ between members.
///
/// # Errors
/// The file cannot be read, or is damaged.
pub fn backend_hash(file: &SnapshotFile) -> Result<u32, Error> {
    let mut crc = Crc32c::default();
    for bucket in file.reader().buckets()? {
        let (name, bucket) = bucket?;
        crc.write(&name);
        for entry in bucket.iter()? {
            let entry = entry?;
            if !ignored_by_server(&name, &entry.key) {
                crc.write(&entry.key);
                crc.write(&entry.value);
            }
        }
    }
    Ok(crc.sum())
}

/// One of the two meta pages of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaDump {
    /// 0 or 1.
    pub page: u64,
    /// Whether this is the current one.
    pub current: bool,
    /// The meta, or why it is invalid.
    pub meta: Result<bolt::Meta, String>,
}

/// The meta pages of a file and the records of its bucket `meta`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metas {
    /// Both meta pages.
    pub pages: Vec<MetaDump>,
    /// The records of `meta`, in order.
    pub records: Vec<RawRecord>,
}

/// Maximum number of bytes of `meta` records that are kept. An intact bucket has a few hundred.
const MAX_RECORDS: usize = 16 << 20;

/// Reads the meta pages and the bucket `meta`.
///
/// # Errors
/// The file cannot be read, or is damaged.
pub fn meta(file: &SnapshotFile) -> Result<Metas, Error> {
    let metas = file.reader().metas();
    let pages = (0..)
        .zip(&metas.pages)
        .map(|(page, meta)| MetaDump {
            page,
            current: page == metas.winner,
            meta: meta.clone().map_err(|fault| fault.to_string()),
        })
        .collect();
    let mut records = Vec::new();
    let mut bytes = 0;
    iterate_bucket(file, bucket::META, &mut |key, value| {
        bytes += key.len() + value.len();
        records.push(RawRecord {
            key: key.to_vec(),
            value: value.to_vec(),
        });
        bytes <= MAX_RECORDS
    })?;
    records.reverse();
    Ok(Metas { pages, records })
}

impl SnapshotFile {
    /// Opens a database file, or the database in a data directory.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn open_database(path: &Path) -> Result<SnapshotFile, Error> {
        SnapshotFile::open(crate::snapshot::data_dir::file_or_database(path)?)
    }
}
