//! Reads metadata, members and the newest revision of a file, without reading the rest of it. Nothing else is checked.

use std::path::Path;

use super::{Error, SnapshotFile, dump::iterate_bucket};
use crate::schema::{RecordError, bucket, key::RevisionKey, membership::Membership, meta::Meta};

/// Metadata of a file.
#[derive(Debug, Default)]
pub struct Facts {
    /// The revision of a server that starts on the file.
    pub revision: i64,
    /// Bucket `meta`.
    pub meta: Meta,
    /// Buckets `members`, `members_removed` and `cluster`.
    pub membership: Membership,
}

/// Reads the metadata of the file `path`.
///
/// # Errors
/// The file cannot be opened, or one of these records is damaged.
pub fn facts(path: &Path) -> Result<Facts, Error> {
    facts_of(&SnapshotFile::open(path)?)
}

/// Like [`facts`], for an open file.
///
/// # Errors
/// One of these records is damaged.
pub(super) fn facts_of(file: &SnapshotFile) -> Result<Facts, Error> {
    let mut out = Facts::default();
    let Facts {
        meta, membership, ..
    } = &mut out;
    each(file, bucket::META, &mut |key, value| meta.read(key, value))?;
    for name in [bucket::MEMBERS, bucket::MEMBERS_REMOVED, bucket::CLUSTER] {
        each(file, name, &mut |key, value| {
            membership.read(name, key, value)
        })?;
    }
    // Revisions are the keys of this bucket, in order.
    let mut last = None;
    iterate_bucket(file, bucket::KEY, &mut |key, _| {
        last = RevisionKey::decode(key).ok();
        false
    })?;
    out.revision = last
        .map_or(0, |at| at.revision.main)
        .max(out.meta.compact_revision().unwrap_or(0))
        .max(1);
    Ok(out)
}

/// Processes a record, given its key and value.
type RecordReader<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), RecordError> + 'a;

/// Visits every record of a bucket, if the bucket exists.
fn each(file: &SnapshotFile, name: &[u8], read: &mut RecordReader<'_>) -> Result<(), Error> {
    let mut bad = None;
    let done = iterate_bucket(file, name, &mut |key, value| match read(key, value) {
        Ok(()) => true,
        Err(error) => {
            bad = Some(error);
            false
        }
    });
    match (done, bad) {
        (Ok(()), Some(first)) => Err(Error::Record {
            file: file.path().to_owned(),
            page: 0,
            first: Box::new(first),
            others: 0,
        }),
        (Err(Error::NoBucket { .. }), _) => Ok(()),
        (done, _) => done,
    }
}
