//! A committed state of an open database. Readers never wait for the writer, and the writer never waits for readers.
//! Returned slices are mapped and live as long as the borrow. Writes nothing.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::check::{Checked, Visit, check_with};
use super::disk::DiskFile;
use super::error::{Error, Result};
use super::map::Map;
use super::meta::Meta;
use super::page::{HEADER_SIZE, Header, Page, check_pgid};
use super::residency::Residency;
use super::snapshot::SnapshotReader;
use super::tree::{Bucket, Buckets, Source};

/// The file of a database. A defragmentation replaces it.
pub(crate) struct Store {
    pub file: Arc<DiskFile>,
    pub page_size: u32,
    /// Set once another file has been renamed over this one.
    pub retired: AtomicBool,
    /// Pages that were recently in memory.
    pub residency: Residency,
}

impl Store {
    pub fn new(file: DiskFile, page_size: u32) -> Store {
        Store {
            file: Arc::new(file),
            page_size,
            retired: false.into(),
            residency: Default::default(),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if self.retired.load(Ordering::Acquire) {
            // If this fails, the space is freed when the process ends.
            let _ = self.file.release(2 * u64::from(self.page_size));
        }
    }
}

/// One committed state: the [`Source`] of a [`ReadTx`]'s buckets.
pub struct View {
    pub(crate) store: Arc<Store>,
    pub(crate) map: Arc<Map>,
    pub(crate) meta: Meta,
}

impl<'a> Source for &'a View {
    type Buf = &'a [u8];
    const STRICT: bool = false;

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn file(&self) -> &Path {
        self.store.file.path()
    }

    fn page(&self, pgid: u64, _: impl FnOnce() -> u64) -> Result<Page<&'a [u8]>> {
        let view: &'a View = self;
        view.mapped_page(pgid)
    }
}

impl View {
    pub(crate) fn mapped_page(&self, pgid: u64) -> Result<Page<&[u8]>> {
        let fail = |d: super::error::Damage| d.in_file(self.store.file.path());
        let (ps, high_water) = (u64::from(self.meta.page_size), self.meta.high_water);
        check_pgid(pgid, high_water, "the tree").map_err(fail)?;
        let gone = || Error::corrupt(self.store.file.path(), Some(pgid), "it is not mapped");
        let head = self
            .map
            .bytes(pgid * ps, HEADER_SIZE as u64)
            .and_then(|b| b.first_chunk());
        let header = Header::parse(head.ok_or_else(gone)?);
        header.check(pgid, high_water).map_err(fail)?;
        let data = self
            .map
            .bytes(pgid * ps, header.pages() * ps)
            .ok_or_else(gone)?;
        Page::new(pgid, data).map_err(fail)
    }
}

/// A consistent view of a database as of some commit.
///
/// Cheap to clone and to keep, but the pages that it uses cannot be overwritten until it is dropped. It keeps the file
/// open and locked, even after the [`Db`](super::Db) it came from is gone.
#[derive(Clone)]
pub struct ReadTx(pub(crate) Arc<View>);

impl ReadTx {
    /// The bucket called `name`, if there is one.
    pub fn bucket(&self, name: &[u8]) -> Result<Option<Bucket<&View>>> {
        Bucket::open(&*self.0, name)
    }

    /// All buckets, in order of their names.
    pub fn buckets(&self) -> Result<Buckets<&View>> {
        Buckets::new(&*self.0)
    }

    /// The transaction that wrote this state.
    pub fn txid(&self) -> u64 {
        self.0.meta.txid
    }

    /// Page size in bytes.
    pub fn page_size(&self) -> u32 {
        self.0.meta.page_size
    }

    /// Offset of the high-water mark in bytes; also the length of a snapshot without its digest.
    pub fn size(&self) -> u64 {
        self.0.meta.size()
    }

    /// The meta of this state.
    pub fn meta(&self) -> &Meta {
        &self.0.meta
    }

    /// Checks everything that this view can reach.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn check_with(&self, visit: &mut dyn FnMut(Visit<'_>)) -> Result<Checked> {
        check_with(&*self.0, visit)
    }

    /// Tells the system that the whole file will be read soon.
    pub fn will_need(&self) {
        self.0.map.will_need(self.size());
    }

    /// This state as a snapshot file, to be read in chunks.
    pub fn snapshot(&self) -> SnapshotReader {
        SnapshotReader::new(self.clone())
    }

    /// Writes this state as a snapshot file without the SHA-256 digest. Returns its length in bytes.
    ///
    /// # Errors
    /// Reading the database or writing to `out` failed.
    pub fn write_to(&self, out: &mut dyn io::Write) -> Result<u64> {
        let mut reader = self.snapshot();
        let mut buf = vec![0; 1 << 20];
        loop {
            match reader.read_chunk(&mut buf)? {
                0 => return Ok(self.size()),
                n => {
                    let done = out.write_all(&buf[..n]);
                    done.map_err(|e| {
                        Error::io(self.0.store.file.path(), "write the snapshot of", e)
                    })?;
                }
            }
        }
    }
}
