//! The keys and values of a file at one revision, as a server would list them. Holds all of them in memory: meant for
//! comparing files, not for serving them.

use std::{collections::BTreeMap, path::Path};

use bytes::Bytes;

use super::{Error, Item, SnapshotFile, inspect};
use crate::proto::mvccpb::KeyValue;

/// The result of a range over all keys.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveKeys {
    /// The current revision of a server on the file.
    pub header_revision: i64,
    /// In key order. Skips a record with an empty key, which `restore --bump-revision` writes.
    pub kvs: Vec<KeyValue>,
}

/// Lists the keys in the file `path` at revision `rev`; 0 or less means the current revision.
///
/// # Errors
/// The file is damaged (its digest is not checked), or `rev` has been compacted or is in the future.
pub fn live_keys(path: impl AsRef<Path>, rev: i64) -> Result<LiveKeys, Error> {
    let file = SnapshotFile::open(path)?;
    let mut live: BTreeMap<Bytes, KeyValue> = BTreeMap::new();
    let records = inspect(&file, &mut |item| {
        if let Item::History { at, kv, .. } = item
            && (rev <= 0 || at.revision.main <= rev)
        {
            if at.tombstone {
                live.remove(kv.key);
            } else if !kv.key.is_empty() {
                let kv = kv.to_owned();
                live.insert(kv.key.clone(), kv);
            }
        }
        Ok(())
    })?;
    if rev > 0 && records.meta.compact_revision().is_some_and(|c| rev < c) {
        return Err(Error::Compacted);
    }
    if rev > records.current_revision() {
        return Err(Error::FutureRevision);
    }
    Ok(LiveKeys {
        header_revision: records.current_revision(),
        kvs: live.into_values().collect(),
    })
}
