//! The state of a database's writer: free pages, views that readers may hold, and the file's allocated space. `db.rs`
//! commits with it.

use std::collections::VecDeque;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Weak};

use super::batch::Batch;
use super::disk::DiskFile;
use super::error::{Error, Result};
use super::free::{Free, Pins};
use super::map::Map;
use super::meta::Meta;
use super::options::Options;
use super::page_counts::PageCounts;
use super::sizes::Sizes;
use super::view::View;

/// The file grows by at least this many bytes, if the options allow it.
const LEAST_GROWTH: u64 = 256 << 10;

/// The writer's own state.
pub(super) struct Writer {
    pub view: Arc<View>,
    /// The meta page that holds the current meta. The next meta goes to the other one.
    pub slot: u64,
    /// The mapping for the next view.
    pub map: Arc<Map>,
    pub free: Free,
    pub pins: Pins,
    /// Views that readers may still hold, ordered by transaction. The current view is last.
    pub alive: VecDeque<(u64, Weak<View>)>,
    /// Pages of the freelist that the current meta names. The next meta names none, so they become free with the next
    /// commit.
    pub freelist: Option<(u64, u64)>,
    pub page_counts: PageCounts,
    /// Number of bytes from the beginning of the file that are known to have disk blocks.
    pub allocated: u64,
    /// The buffer of the last commit, for reuse.
    pub spare: Vec<u8>,
    /// Number of pages that the last commit wrote.
    pub last_commit_pages: u64,
    /// Offset in bytes of a snapshot's digest at the end of the file, if there is one.
    pub digest_at: Option<u64>,
    /// Whether the current meta has a commit record.
    pub has_record: bool,
}

/// Like [`DiskFile::check_path`], and latches the file once its path leads elsewhere.
pub(super) fn check_path(file: &DiskFile) -> Result<()> {
    file.check_path().inspect_err(|e| {
        if matches!(e, Error::Replaced { .. }) {
            file.latch(e);
        }
    })
}

impl Writer {
    pub(super) fn sizes(&self) -> Sizes {
        Sizes::new(&self.view.meta, self.free.pages())
    }

    /// Removes the digest from the end of a copied snapshot, since the first write invalidates it. A file with a wrong
    /// digest is rejected as damaged, so the truncation must be durable before anything else is written.
    pub(super) fn cut_digest(&mut self) -> Result<()> {
        if let Some(at) = self.digest_at.take() {
            let file = &self.view.store.file;
            file.truncate(at)?;
            file.sync()?;
        }
        Ok(())
    }

    /// Transactions that readers hold, ascending. The current one is last.
    pub(super) fn readers(&mut self) -> Vec<u64> {
        self.alive.retain(|(_, view)| view.strong_count() > 0);
        // Reads by ended readers happen before their pages are overwritten.
        fence(Ordering::Acquire);
        self.alive.iter().map(|(txid, _)| *txid).collect()
    }

    /// The next meta, and the meta page it goes to: never the one that holds the current meta. bbolt expects
    /// transaction N on page N mod 2, but a snapshot has its newest meta on page 0 for any N, so that a transaction
    /// number may have to be skipped.
    pub(super) fn next_meta(&self, new: Meta) -> (u64, Meta) {
        let slot = 1 - self.slot;
        let next = self.view.meta.txid + 1;
        (
            slot,
            Meta {
                txid: if next % 2 == slot { next } else { next + 1 },
                ..new
            },
        )
    }

    /// Upper bound on the number of pages by which such a batch can grow the file.
    ///
    /// A modified single page becomes at most two, apart from the new keys and values and the leaves of inline buckets.
    /// The latter take at most a quarter page each and are copied with the bucket's entry, or move to their own page.
    /// All of these can use free pages. A page with continuation pages needs consecutive free pages, of which there may
    /// be none.
    pub(super) fn worst_case(&self, bytes: u64, ops: u64) -> u64 {
        let page_size = u64::from(self.view.meta.page_size);
        let all = bytes.saturating_add(ops.saturating_mul(32));
        let small = all.min(ops.saturating_mul(page_size)).div_ceil(page_size);
        let s = &self.page_counts;
        let leaves = 2 * s.leaves.min(ops);
        let branches = 2 * s.branches.min(ops.saturating_mul(s.depth));
        let single = leaves + branches + small.saturating_mul(4) + ops.saturating_mul(4) + 16;
        let big = s.big.min(ops.saturating_mul(s.biggest));
        let several = big + all.div_ceil(page_size).saturating_add(ops);
        several.saturating_add(single.saturating_sub(self.free.pages()))
    }

    /// Number of allocated pages at the end of the file that this batch does not need even in the worst case.
    pub(super) fn unclaimed(&self, batch: &Batch) -> u64 {
        let worst = self.worst_case(batch.bytes(), batch.ops() as u64);
        let claimed = self.view.meta.high_water.saturating_add(worst);
        (self.allocated / u64::from(self.view.meta.page_size)).saturating_sub(claimed)
    }

    /// Allocates disk blocks for `pages` pages and extends the mapping over them.
    pub(super) fn grow(&mut self, pages: u64, options: &Options) -> Result<()> {
        let page_size = u64::from(self.view.meta.page_size);
        let file = &self.view.store.file;
        let need = pages.saturating_mul(page_size);
        if need > self.allocated {
            let from = self.allocated;
            let unused = self.view.meta.size().max(from);
            let step = (need / 2).max(LEAST_GROWTH).min(options.grow);
            let generous = need.saturating_add(step).next_multiple_of(page_size);
            let len = match file.allocate(from, unused, generous) {
                Err(Error::NoSpace { .. }) => file.allocate(from, unused, need).map(|()| need),
                done => done.map(|()| generous),
            };
            self.allocated = len?;
        }
        if need > self.map.len() {
            let map = Map::new(
                file.file(),
                self.allocated,
                self.allocated.saturating_mul(2),
            );
            self.map = Arc::new(map.map_err(|e| Error::io(file.path(), "map", e))?);
        }
        Ok(())
    }
}
