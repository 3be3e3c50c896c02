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

/// `HashKV` up to `revision`, and the current revision. 0 means the current revision; as in etcd, a negative one is
/// before all changes.
///
/// # Errors
/// The revision has been compacted and is not one of the last compact revisions, or is in the future.
pub fn by_revision(
    shared: &Shared,
    revision: i64,
    cancelled: &Cancelled,
) -> Result<(KeyHash, i64), Error> {
    loop {
        let published = shared.published()?;
        let current = published.revision;
        // A compaction at 0 leaves a hash of revision 0, but 0 in a request means the current revision.
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
            // The current revision was written and compacted after the state was taken.
            continue;
        }
        let mut kept = shared.index.keep(up_to);
        if kept.is_empty() {
            // If a compaction keeps nothing, etcd hashes all records that still exist. We hash what the compaction
            // keeps, so that, unlike in etcd, the hash does not depend on the progress of the removal.
            kept = shared.index.keep(compacted);
        }
        if shared.compacted() != compacted {
            // The index may have been compacted in the meantime.
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
