//! Writes the records that were chosen as a snapshot. Each is read again from the damaged file, and must be what it was.

use std::{collections::BTreeSet, path::Path};

use twox_hash::XxHash3_64;

use super::{gather::Record, small::Small};
use crate::{
    bolt::{self, BulkWriter, FileReader},
    schema::{
        bucket,
        key::{self, KeyValueRef},
    },
};

/// What was written.
pub(super) struct Written {
    /// Bytes of the file.
    pub size: u64,
    /// Keys whose lease is lost.
    pub without_lease: u64,
}

/// Writes the snapshot `path`, which must not exist, and syncs it. Its name is not synced.
pub(super) fn write(
    path: &Path,
    from: &FileReader,
    txid: u64,
    records: &[Record],
    small: &Small,
) -> Result<Written, bolt::Error> {
    let leases = small.leases();
    let mut without_lease = 0;
    let mut bulk = BulkWriter::create(path, from.page_size(), txid.clamp(1, u64::MAX / 2))?;
    for name in bucket::ALL {
        bulk.bucket(name, 0)?;
        for (key, value) in small.records(name) {
            bulk.put(key, value)?;
        }
        if name == bucket::KEY {
            for record in records {
                let value = read(from, record)?;
                let revision = record.revision;
                match record.tombstone {
                    true => bulk.put(&revision.encode_tombstone(), &value)?,
                    false if has_lost_lease(record, &leases) => {
                        without_lease += 1;
                        bulk.put(&revision.encode(), &without_its_lease(&value))?;
                    }
                    false => bulk.put(&revision.encode(), &value)?,
                }
            }
        }
    }
    Ok(Written {
        size: bulk.finish_sealed()?,
        without_lease,
    })
}

/// Whether a record names a lease that is not there.
pub(super) fn has_lost_lease(record: &Record, leases: &BTreeSet<i64>) -> bool {
    record.lease != 0 && !leases.contains(&record.lease)
}

fn read(from: &FileReader, record: &Record) -> Result<Vec<u8>, bolt::Error> {
    let mut value = vec![0; record.len as usize];
    from.read_raw(record.at, &mut value)?;
    if XxHash3_64::oneshot(&value) != record.digest {
        return Err(bolt::Error::Corrupt {
            file: from.path().to_path_buf(),
            page: Some(record.at / u64::from(from.page_size())),
            what: "the file was changed while it was read".into(),
        });
    }
    Ok(value)
}

/// The same record of a key that has no lease.
fn without_its_lease(value: &[u8]) -> Vec<u8> {
    match KeyValueRef::decode(value) {
        Ok(kv) => key::encode(&KeyValueRef { lease: 0, ..kv }.to_owned()),
        // It was decoded before.
        Err(_) => value.to_vec(),
    }
}
