//! Writes a new database file in one pass, from buckets and keys in ascending order. Pages are written as they fill up,
//! so memory use does not grow with the file. The caller renames the file.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::digest;
use super::disk::{Disk, DiskFile};
use super::error::{Error, Result};
use super::merge::FILL_PERCENT;
use super::meta::{MAX_PAGE_SIZE, MIN_PAGE_SIZE, Meta, NO_FREELIST};
use super::page::{
    BUCKET_ELEMENT, ELEMENT_SIZE, Element, HEADER_SIZE, MAX_ELEMENTS, MAX_KEY_SIZE, MAX_VALUE_SIZE,
    encode,
};
use super::page_counts::PageCounts;
use super::tree::{bucket_value, inline_bucket_value};
use crate::files::flusher::Flusher;

/// Size of the write buffer in bytes.
const BUFFER: usize = 1 << 20;

/// Writes a database file from beginning to end.
pub struct BulkWriter {
    file: DiskFile,
    page_size: usize,
    txid: u64,
    /// Number of the next page.
    next: u64,
    buffer: Vec<u8>,
    flusher: Flusher,
    bucket: Option<(Vec<u8>, u64)>,
    last_key: Vec<u8>,
    tree: Vec<Level>,
    buckets: Vec<(Vec<u8>, Vec<u8>)>,
    page_counts: PageCounts,
}

/// The page of one level of the tree that is being filled. Level 0 is the leaves.
#[derive(Default)]
struct Level {
    elements: Vec<Span>,
    data: Vec<u8>,
}

struct Span {
    flags: u32,
    pgid: u64,
    key: usize,
    value: usize,
}

impl Level {
    fn size(&self) -> usize {
        HEADER_SIZE + self.elements.len() * ELEMENT_SIZE + self.data.len()
    }

    fn first_key(&self) -> &[u8] {
        self.elements.first().map_or(&[], |e| &self.data[..e.key])
    }

    fn elements(&self) -> Vec<Element<'_>> {
        let mut rest = &self.data[..];
        let split = self.elements.iter().map(|s| {
            let (key, value);
            (key, rest) = rest.split_at(s.key);
            (value, rest) = rest.split_at(s.value);
            Element {
                flags: s.flags,
                pgid: s.pgid,
                key,
                value,
            }
        });
        split.collect()
    }

    fn push(&mut self, e: &Element<'_>) {
        self.data.extend_from_slice(e.key);
        self.data.extend_from_slice(e.value);
        self.elements.push(Span {
            flags: e.flags,
            pgid: e.pgid,
            key: e.key.len(),
            value: e.value.len(),
        });
    }

    /// Removes the last element of a branch and returns it with its key.
    fn pop(&mut self) -> Option<(Span, Vec<u8>)> {
        let span = self.elements.pop()?;
        let key = self.data.split_off(self.data.len() - span.key);
        Some((span, key))
    }

    fn clear(&mut self) {
        self.elements.clear();
        self.data.clear();
    }
}

impl BulkWriter {
    /// Creates the file, which must not exist. Its last meta will be that of transaction `txid`, or of the next if that
    /// is even. The last meta of a snapshot is in page 0, and the previous one in page 1 differs in nothing else; here
    /// the last meta is in page 1, so that a database is not mistaken for a snapshot that has lost its digest. The file
    /// is locked while it is written, where the file system supports that.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be created, [`Error::Invalid`] if the page size is not supported.
    pub fn create(path: &Path, page_size: u32, txid: u64) -> Result<BulkWriter> {
        let bulk = BulkWriter::create_on(&Disk::default(), path, page_size, txid)?;
        let _ = bulk.file.lock_shared();
        Ok(bulk)
    }

    /// Like [`BulkWriter::create`], on this disk and without the lock.
    pub(crate) fn create_on(
        disk: &Disk,
        path: &Path,
        page_size: u32,
        txid: u64,
    ) -> Result<BulkWriter> {
        if !page_size.is_power_of_two() || !(MIN_PAGE_SIZE..=MAX_PAGE_SIZE).contains(&page_size) {
            return Err(Error::Invalid(
                "a page size is a power of two from 1024 to 65536",
            ));
        }
        let file = disk.create(path)?;
        let page_size = page_size as usize;
        Ok(BulkWriter {
            file,
            page_size,
            txid: txid.max(1) | 1,
            next: 2,
            buffer: vec![0; 2 * page_size],
            flusher: Flusher::default(),
            bucket: None,
            last_key: Vec::new(),
            tree: Vec::new(),
            buckets: Vec::new(),
            page_counts: PageCounts::default(),
        })
    }

    /// Begins the next bucket. Names must be in ascending order.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the name is out of order, empty or too long; [`Error::Io`] if writing fails.
    pub fn bucket(&mut self, name: &[u8], sequence: u64) -> Result<()> {
        self.end_bucket()?;
        if name.is_empty() || name.len() > MAX_KEY_SIZE {
            return Err(Error::Invalid("the name of a bucket has 1 to 32768 bytes"));
        }
        if self.buckets.last().is_some_and(|(last, _)| **last >= *name) {
            return Err(Error::Invalid(
                "buckets must come in the order of their names",
            ));
        }
        self.bucket = Some((name.to_vec(), sequence));
        self.last_key.clear();
        Ok(())
    }

    /// Adds a key to the current bucket. Keys must be in ascending order.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the key is out of order, empty or too long; [`Error::Io`] if writing fails.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        if self.bucket.is_none() {
            return Err(Error::Invalid("a key was given before any bucket"));
        }
        if key.is_empty() || key.len() > MAX_KEY_SIZE || value.len() > MAX_VALUE_SIZE {
            return Err(Error::Invalid(
                "a key has 1 to 32768 bytes, a value up to 2147483646",
            ));
        }
        if *self.last_key >= *key {
            return Err(Error::Invalid("keys must come in ascending order"));
        }
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        self.push(
            0,
            &Element {
                flags: 0,
                pgid: 0,
                key,
                value,
            },
        )
    }

    fn push(&mut self, level: usize, e: &Element<'_>) -> Result<()> {
        if self.tree.len() == level {
            self.tree.push(Level::default());
        }
        let fill = self.page_size * FILL_PERCENT / 100;
        // A branch needs at least two elements. Flushing a page at three or more leaves one that can be moved to the
        // next page, which may be the last of its level.
        let least = if level == 0 { 1 } else { 3 };
        let page = &self.tree[level];
        let full = page.elements.len() >= least && page.size() + e.size() > fill;
        // Write the page if the element does not fit, keeping the last branch element for the next page.
        if full || page.elements.len() == MAX_ELEMENTS {
            let kept = (level > 0).then(|| self.tree[level].pop()).flatten();
            self.flush(level)?;
            if let Some((span, key)) = kept {
                let e = Element {
                    flags: span.flags,
                    pgid: span.pgid,
                    key: &key,
                    value: &[],
                };
                self.tree[level].push(&e);
            }
        }
        self.tree[level].push(e);
        Ok(())
    }

    /// Writes the page of a level and adds it to the level above.
    fn flush(&mut self, level: usize) -> Result<()> {
        let mut page = std::mem::take(&mut self.tree[level]);
        let pgid = self.page(level == 0, &page)?;
        self.push(
            level + 1,
            &Element {
                flags: 0,
                pgid,
                key: page.first_key(),
                value: &[],
            },
        )?;
        page.clear();
        self.tree[level] = page;
        Ok(())
    }

    fn page(&mut self, leaf: bool, page: &Level) -> Result<u64> {
        // Encode the page into the buffer, and write the buffer once it is full.
        let pgid = self.next;
        let pages = encode(
            &mut self.buffer,
            self.page_size,
            pgid,
            leaf,
            &page.elements(),
        );
        self.next += pages;
        self.page_counts.add(leaf, pages);
        if self.buffer.len() >= BUFFER {
            self.write()?;
        }
        Ok(pgid)
    }

    fn write(&mut self) -> Result<()> {
        let at = self.next * self.page_size as u64 - self.buffer.len() as u64;
        self.file.write_at(at, &self.buffer)?;
        self.flusher
            .wrote(self.file.file(), self.buffer.len() as u64);
        self.buffer.clear();
        Ok(())
    }

    /// Writes the remaining pages of a tree and returns its root page.
    fn end_tree(&mut self) -> Result<u64> {
        // Write the unfinished page of every level but the highest.
        let mut level = 0;
        while level + 1 < self.tree.len() {
            if !self.tree[level].elements.is_empty() {
                self.flush(level)?;
            }
            level += 1;
        }
        let top = self.tree.pop().unwrap_or_default();
        self.tree.clear();
        self.page_counts.depth = self.page_counts.depth.max(level as u64 + 3);
        // A root with a single child is dropped in favour of that child.
        match &top.elements[..] {
            [only] if level > 0 => Ok(only.pgid),
            _ => self.page(level == 0, &top),
        }
    }

    fn end_bucket(&mut self) -> Result<()> {
        if let Some((name, sequence)) = self.bucket.take() {
            // Store a small bucket inline in its entry.
            let inline = match &self.tree[..] {
                [] => inline_bucket_value(self.page_size, sequence, &[]),
                [leaf] => inline_bucket_value(self.page_size, sequence, &leaf.elements()),
                _ => None,
            };
            let value = match inline {
                Some(value) => {
                    self.tree.clear();
                    value
                }
                None => bucket_value(self.end_tree()?, sequence),
            };
            self.buckets.push((name, value));
        }
        Ok(())
    }

    /// Writes the remaining pages and both meta pages, and syncs the file. The caller must sync the directory. Returns
    /// the length in bytes.
    pub fn finish(self) -> Result<u64> {
        Ok(self.finish_file()?.1.size())
    }

    /// Like [`BulkWriter::finish`], but appends the SHA-256 of everything before it, as in a snapshot.
    pub fn finish_sealed(self) -> Result<u64> {
        let (file, meta, _) = self.finish_file()?;
        let size = meta.size();
        let read = |at, into: &mut [u8]| file.read_at(at, into);
        // `give_up` is never set, so there is a digest.
        if let Some(digest) = digest::sha256(size, &read, &AtomicBool::new(false))? {
            file.write_at(size, &digest)?;
        }
        file.sync()?;
        Ok(size + digest::DIGEST_SIZE)
    }

    pub(crate) fn finish_file(mut self) -> Result<(DiskFile, Meta, PageCounts)> {
        self.end_bucket()?;
        // Write the tree of buckets.
        for (name, value) in std::mem::take(&mut self.buckets) {
            self.push(
                0,
                &Element {
                    flags: BUCKET_ELEMENT,
                    pgid: 0,
                    key: &name,
                    value: &value,
                },
            )?;
        }
        let root = self.end_tree()?;
        self.write()?;
        let meta = Meta {
            page_size: self.page_size as u32,
            flags: 0,
            root,
            sequence: 0,
            freelist: NO_FREELIST,
            high_water: self.next,
            txid: self.txid,
        };
        // Write both metas, the newer one to page txid mod 2, as bbolt does.
        let older = Meta {
            txid: self.txid.saturating_sub(1),
            ..meta
        };
        let pages = [older.encode(0), meta.encode(1)];
        // Sync the file; nothing counts as written before.
        self.file.flushed(self.flusher.end())?;
        self.file.write_at(0, &pages.concat())?;
        self.file.sync()?;
        Ok((self.file, meta, self.page_counts))
    }
}
