//! Writes the selected records as a snapshot. Reads each one again from the damaged file and checks that it is
//! unchanged.

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
    /// Size of the file in bytes.
    pub size: u64,
    /// Number of keys whose lease is lost.
    pub without_lease: u64,
}

/// Writes the snapshot `path`, which must not exist, and syncs it, but not its directory.
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

/// Whether a record refers to a lease that does not exist.
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

/// The same record without a lease.
fn without_its_lease(value: &[u8]) -> Vec<u8> {
    match KeyValueRef::decode(value) {
        Ok(kv) => key::encode(&KeyValueRef { lease: 0, ..kv }.to_owned()),
        // It has already been decoded once.
        Err(_) => value.to_vec(),
    }
}
