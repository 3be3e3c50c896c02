//! `Hash` and `HashKV` on a committed state.

use std::ops::Bound;

use crate::{
    schema::hashkv::HashKv,
    server::{
        error::Error,
        meter::Cancelled,
        mvcc::compaction_hashes::{Kept, KeyHash},
        shared::Shared,
    },
};

/// `HashKV` up to `revision` (0: the newest; below 0, as in etcd: before all changes), and the newest revision.
///
/// # Errors
/// The revision is compacted and not one of the last compactions', or in the future.
pub fn by_revision(
    shared: &Shared,
    revision: i64,
    cancelled: &Cancelled,
) -> Result<(KeyHash, i64), Error> {
    loop {
        let published = shared.published()?;
        let current = published.revision;
        // A compaction at 0 leaves a hash of revision 0, but a request for 0 means the newest revision.
        if revision != 0
            && let Some(hash) = shared.compaction_hashes.lock().get(revision)
        {
            return Ok((hash, current));
        }
        let compacted = shared.compacted();
        if revision > 0 && revision < compacted {
            return Err(Error::Compacted);
        }
        if revision > current {
            return Err(Error::FutureRev);
        }
        let up_to = if revision == 0 { current } else { revision };
        if revision == 0 && up_to < compacted {
            // The newest revision was written and compacted since the state was taken.
            continue;
        }
        let mut kept = shared.index.keep(up_to);
        if kept.is_empty() {
            // Where nothing is kept, etcd hashes all records that are there. We hash what the compaction keeps,
            // so that, unlike in etcd, the hash does not depend on the progress of the removal.
            kept = shared.index.keep(compacted);
        }
        if shared.compacted() != compacted {
            // The index may have been compacted while it was read.
            continue;
        }
        let mut keeps = Kept::new(&kept);
        let mut hash = HashKv::new(compacted, up_to);
        published
            .tx
            .records(Bound::Unbounded, up_to, |key, value| {
                cancelled.check()?;
                hash.write(key, value, |rev| keeps.contains(rev))
                    .map_err(|e| Error::record(&e))
            })?;
        let hash = KeyHash {
            hash: hash.sum(),
            compact_revision: compacted,
            revision: up_to,
        };
        return Ok((hash, current));
    }
}
