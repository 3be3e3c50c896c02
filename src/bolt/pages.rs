//! All pages of a file in the order of their numbers, those that no tree reaches included: for tools that
//! look for records where the trees are damaged. Says what each page holds, not whether it is in use.

use bytes::Bytes;

use super::error::{Damage, Result};
use super::file::FileReader;
use super::page::{HEADER_SIZE, Header, LEAF, Page};

/// Bytes that are read at once.
const CHUNK: usize = 1 << 20;
/// The largest page that is read, in bytes with its continuation.
const MAX_PAGE: u64 = 256 << 20;

/// What stands at a page number.
#[derive(Clone)]
pub enum Scanned {
    /// A leaf. Its elements have not been checked.
    Leaf(Page<Bytes>),
    /// The first page of something else, or a page that continues one.
    Other,
    /// Its header cannot be right.
    Damaged(Damage),
}

/// The pages of a file; made by [`FileReader::scan_pages`].
pub struct PageScan<'a> {
    reader: &'a FileReader,
    page_size: u64,
    /// Pages that fit the file, whatever the meta says.
    pages: u64,
    next: u64,
    chunk: Bytes,
    chunk_at: u64,
}

impl FileReader {
    /// All pages from number 2 up to `end` or the end of the file. A leaf is shown once, with the pages that
    /// continue it, and the scan goes on with its second page unless it is told to skip it.
    pub fn scan_pages(&self, end: u64) -> PageScan<'_> {
        let page_size = u64::from(self.page_size());
        PageScan {
            reader: self,
            page_size,
            pages: (self.file_len() / page_size).min(end),
            next: 2,
            chunk: Bytes::new(),
            chunk_at: 0,
        }
    }
}

impl PageScan<'_> {
    /// Goes on behind the last page of a leaf that was found to be one.
    pub fn skip_pages(&mut self, pages: u64) {
        self.next = self.next.saturating_add(pages);
    }

    fn read(&self, at: u64, len: u64) -> Result<Bytes> {
        let mut data = vec![0; usize::try_from(len).unwrap_or_default()];
        self.reader.read_raw(at, &mut data)?;
        Ok(data.into())
    }

    fn bytes(&mut self, pgid: u64, pages: u64) -> Result<Bytes> {
        let (at, len) = (pgid * self.page_size, pages * self.page_size);
        let inside = |s: &Self| at >= s.chunk_at && at + len <= s.chunk_at + s.chunk.len() as u64;
        if !inside(self) {
            let rest = (self.pages - pgid) * self.page_size;
            let want = len.max((CHUNK as u64).min(rest));
            self.chunk = self.read(at, want)?;
            self.chunk_at = at;
        }
        let start = (at - self.chunk_at) as usize;
        Ok(self.chunk.slice(start..start + len as usize))
    }

    fn look(&mut self, pgid: u64) -> Result<Scanned> {
        let first = self.bytes(pgid, 1)?;
        let Some(head) = first.first_chunk::<HEADER_SIZE>() else {
            return Ok(Scanned::Other);
        };
        let header = Header::parse(head);
        if header.flags != LEAF {
            return Ok(Scanned::Other);
        }
        if let Err(damage) = header.check(pgid, self.pages) {
            return Ok(Scanned::Damaged(damage));
        }
        let len = header.pages() * self.page_size;
        if len > MAX_PAGE {
            let what = format!("it is {len} bytes long, more than is read at once");
            return Ok(Scanned::Damaged(Damage::at(pgid, what)));
        }
        let data = self.bytes(pgid, header.pages())?;
        Ok(match Page::new(pgid, data) {
            Ok(page) => Scanned::Leaf(page),
            Err(damage) => Scanned::Damaged(damage),
        })
    }
}

impl Iterator for PageScan<'_> {
    /// The number of the page, and what stands there.
    type Item = Result<(u64, Scanned)>;

    fn next(&mut self) -> Option<Self::Item> {
        let pgid = self.next;
        if pgid >= self.pages {
            return None;
        }
        self.next += 1;
        let found = self.look(pgid);
        if found.is_err() {
            self.next = self.pages;
        }
        Some(found.map(|scanned| (pgid, scanned)))
    }
}
