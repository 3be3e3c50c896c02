//! Reads that never wait for the disk, for threads that serve many clients. A page that is not in memory is an error,
//! and the caller reads it on another thread.
//!
//! The operating system is asked whether a page is in memory, by a read that must not block. The answer is cached for a
//! few seconds, since a page that was just in memory is unlikely to have been evicted.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::disk::DiskFile;
use super::error::{Error, Result};
use super::meta::Meta;
use super::page::{HEADER_SIZE, Page, check_pgid};
use super::tree::{Bucket, Source, in_source};
use super::view::{ReadTx, View};

/// Number of pages that can be remembered.
const SLOTS: usize = 1 << 15;
/// A page is remembered for at least this many seconds, and for at most twice as long.
const EPOCH_SECONDS: u64 = 4;
/// Size in bytes of the smallest unit that the system caches or evicts.
const SYSTEM_PAGE: u64 = 4096;
/// Longest run of pages that is read directly, in bytes; copying more would take too long.
const MAX_RUN: u64 = 64 << 10;

/// Remembers which pages of a file were recently in memory.
pub(crate) struct Residency {
    since: Instant,
    /// The tag of the page and epoch that were last recorded in each slot. A page has one slot.
    slots: Box<[AtomicU64]>,
}

impl Default for Residency {
    fn default() -> Residency {
        Residency {
            since: Instant::now(),
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Residency {
    /// The current epoch, counted from 1.
    fn epoch(&self) -> u64 {
        self.since.elapsed().as_secs() / EPOCH_SECONDS + 1
    }

    fn slot(&self, pgid: u64) -> &AtomicU64 {
        // Fibonacci hashing: spreads neighbours and multiples of powers of two.
        let i = pgid.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - SLOTS.trailing_zeros());
        &self.slots[i as usize % SLOTS]
    }

    fn contains(&self, pgid: u64, epoch: u64) -> bool {
        let seen = self.slot(pgid).load(Ordering::Relaxed);
        seen == tag(pgid, epoch) || seen == tag(pgid, epoch.wrapping_sub(1))
    }

    fn insert(&self, pgid: u64, epoch: u64) {
        self.slot(pgid).store(tag(pgid, epoch), Ordering::Relaxed);
    }
}

/// A number for a page and an epoch. Two pairs collide in about one of 2^63 cases, and the reader then waits for the
/// disk after all. No pair maps to 0, the value of an empty slot.
fn tag(pgid: u64, epoch: u64) -> u64 {
    let mixed =
        pgid.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ epoch.wrapping_mul(0xd6e8_feb8_6659_fd93);
    (mixed ^ mixed >> 32) | 1
}

/// A view that reads only pages in memory, for use as the [`Source`] of buckets.
#[derive(Clone, Copy)]
pub struct ResidentView<'a> {
    view: &'a View,
    epoch: u64,
    /// Whether to wait for the disk, and to remember the pages that were read.
    waits: bool,
}

impl ResidentView<'_> {
    fn ask(&self, pgid: u64) -> Result<()> {
        let View { store, map, meta } = self.view;
        if store.residency.contains(pgid, self.epoch) {
            return Ok(());
        }
        let at = pgid * u64::from(meta.page_size);
        if !self.waits {
            let cold = || Error::Cold {
                file: store.file.path().to_path_buf(),
                page: pgid,
            };
            resident(&store.file, at, HEADER_SIZE as u64).ok_or_else(cold)?;
            let header = map
                .bytes(at, HEADER_SIZE as u64)
                .and_then(|b| b.first_chunk());
            if let Some(header) = header {
                let run = super::page::Header::parse(header).pages();
                let bytes = run.saturating_mul(meta.page_size.into());
                resident(&store.file, at, bytes).ok_or_else(cold)?;
            }
        }
        store.residency.insert(pgid, self.epoch);
        Ok(())
    }
}

/// Whether these bytes are in memory. `None` also if the system cannot tell.
#[cfg(target_os = "linux")]
fn resident(file: &DiskFile, at: u64, bytes: u64) -> Option<()> {
    if bytes > MAX_RUN {
        return None;
    }
    for offset in (at..at + bytes).step_by(SYSTEM_PAGE as usize) {
        file.read_at_once(offset)?;
    }
    Some(())
}

#[cfg(not(target_os = "linux"))]
fn resident(_: &DiskFile, _: u64, _: u64) -> Option<()> {
    None
}

impl<'a> Source for ResidentView<'a> {
    type Buf = &'a [u8];
    const STRICT: bool = false;

    fn meta(&self) -> &Meta {
        &self.view.meta
    }

    fn file(&self) -> &Path {
        self.view.store.file.path()
    }

    fn page(&self, pgid: u64, _: impl FnOnce() -> u64) -> Result<Page<&'a [u8]>> {
        check_pgid(pgid, self.view.meta.high_water, "the tree").map_err(in_source(*self))?;
        self.ask(pgid)?;
        self.view.mapped_page(pgid)
    }
}

impl ReadTx {
    /// The bucket called `name`, read without waiting for the disk. Pages that are not in memory yield [`Error::Cold`],
    /// both here and when looking up keys in the bucket.
    ///
    /// # Errors
    /// As [`ReadTx::bucket`], and [`Error::Cold`].
    pub fn bucket_if_resident(&self, name: &[u8]) -> Result<Option<Bucket<ResidentView<'_>>>> {
        self.bucket_through_residency(name, false)
    }

    /// The bucket called `name`. Pages read through it are remembered as being in memory.
    ///
    /// # Errors
    /// As [`ReadTx::bucket`].
    pub fn bucket_noting_residency(&self, name: &[u8]) -> Result<Option<Bucket<ResidentView<'_>>>> {
        self.bucket_through_residency(name, true)
    }

    fn bucket_through_residency(
        &self,
        name: &[u8],
        waits: bool,
    ) -> Result<Option<Bucket<ResidentView<'_>>>> {
        let view: &View = &self.0;
        let epoch = view.store.residency.epoch();
        let source = ResidentView { view, epoch, waits };
        Bucket::open(source, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bolt::{Batch, Db, Options};

    #[test]
    fn pages_are_remembered_for_a_while() {
        // 65,536 epochs are three days, 2^32 are five centuries.
        for epoch in [
            Residency::default().epoch(),
            0xfffe,
            0xffff,
            0x1_0000,
            0x1_0001,
            1 << 32,
        ] {
            let warm = Residency::default();
            for pgid in [0, 7, 1 << 40] {
                assert!(!warm.contains(pgid, epoch), "{pgid} in {epoch}");
                warm.insert(pgid, epoch);
                assert!(warm.contains(pgid, epoch), "{pgid} in {epoch}");
                assert!(warm.contains(pgid, epoch + 1), "{pgid} in {epoch}");
                assert!(!warm.contains(pgid, epoch + 2), "{pgid} in {epoch}");
                assert!(!warm.contains(pgid, epoch + 0x1_0000), "{pgid} in {epoch}");
                assert!(!warm.contains(pgid + 1, epoch), "{pgid} in {epoch}");
            }
        }
    }

    #[test]
    fn pages_that_are_not_resident_are_reported_as_cold() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let mut batch = Batch::new();
        for i in 0..2000 {
            batch
                .put(b"b", format!("{i:05}"), vec![b'v'; 1000])
                .unwrap();
        }
        let db = Db::open(&path, Options::default()).unwrap();
        db.commit(&batch).unwrap();
        drop(db);
        let db = Db::open(&path, Options::default()).unwrap();
        let tx = db.read();
        // The system evicts clean pages that nobody has mapped. On file systems in memory it does not, and there is
        // nothing to test.
        let thrown_out = tx.0.store.file.evict();
        let get = |key: &str| {
            let bucket = tx.bucket_if_resident(b"b")?.expect("it exists");
            bucket.get(key.as_bytes()).map(|v| v.map(<[u8]>::len))
        };
        let cold = matches!(get("01000"), Err(Error::Cold { .. }));
        assert!(cold || !thrown_out, "{:?}", get("01000"));
        let waited = tx
            .bucket_noting_residency(b"b")
            .unwrap()
            .unwrap()
            .get(b"01000");
        assert_eq!(waited.unwrap().map(<[u8]>::len), Some(1000));
        assert_eq!(get("01000").unwrap(), Some(1000));
    }
}
