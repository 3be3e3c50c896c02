//! `HashKV` of a file at a revision, as a server would compute it, without writing to the file. Source: etcd v3.7.1,
//! server/storage/mvcc/{kvstore,hash}.go, etcdutl/etcdutl/hashkv_command.go.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use super::{Error, Item, SnapshotFile, inspect};
use crate::schema::{
    bucket, hashkv,
    key::{Revision, RevisionKey},
};

/// The result of `etcdutl hashkv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashKv {
    /// CRC-32C of the history.
    pub hash: u32,
    /// The revision up to which the history is hashed.
    pub hash_revision: i64,
    /// The compact revision; -1 before the first compaction.
    pub compact_revision: i64,
}

/// Hashes the history in the file `path` up to revision `rev`. 0 means the current revision; there are no records below
/// 0.
///
/// # Errors
/// The file is damaged (its digest is not checked), or `rev` has been compacted or is in the future.
pub fn hash_kv(path: impl AsRef<Path>, rev: i64) -> Result<HashKv, Error> {
    let file = SnapshotFile::open(path)?;
    // The last revision of every key up to `rev`, and whether it is a deletion.
    let mut last: HashMap<Vec<u8>, RevisionKey> = HashMap::new();
    let records = inspect(&file, &mut |item| {
        if let Item::History { at, kv, .. } = item
            && (rev == 0 || at.revision.main <= rev)
        {
            last.insert(kv.key.to_vec(), at);
        }
        Ok(())
    })?;
    let compact = records.meta.compact_revision();
    let current = records.current_revision();
    if rev > 0 && compact.is_some_and(|c| rev < c) {
        return Err(Error::Compacted);
    }
    if rev > current {
        return Err(Error::FutureRevision);
    }
    let rev = if rev == 0 { current } else { rev };
    let kept: HashSet<Revision> = last
        .into_values()
        .filter(|at| !at.tombstone)
        .map(|at| at.revision)
        .collect();
    let compact = compact.unwrap_or(-1);
    let mut hash = hashkv::HashKv::new(compact, rev);
    let entries = match file.reader().bucket(bucket::KEY)? {
        Some(b) => b.iter()?,
        None => {
            return Err(Error::NotEtcd {
                file: file.path().to_owned(),
                bucket: "key".into(),
            });
        }
    };
    for entry in entries {
        let entry = entry?;
        let keep = |r: Revision| kept.is_empty() || kept.contains(&r);
        match hash.write(&entry.key, &entry.value, keep) {
            Ok(true) => {}
            Ok(false) => break,
            Err(first) => {
                return Err(Error::Record {
                    file: file.path().to_owned(),
                    page: 0,
                    first: Box::new(first),
                    others: 0,
                });
            }
        }
    }
    Ok(HashKv {
        hash: hash.sum(),
        hash_revision: rev,
        compact_revision: compact,
    })
}
