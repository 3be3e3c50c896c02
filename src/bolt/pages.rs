//! Reads all pages of a file in order, including those that no tree reaches, for tools that look for records in a
//! database with damaged trees. Tells what each page contains, not whether it is in use.

use bytes::Bytes;

use super::error::{Damage, Result};
use super::file::FileReader;
use super::page::{HEADER_SIZE, Header, LEAF, Page};

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;
/// Largest page that is read, with continuation pages, in bytes.
const MAX_PAGE: u64 = 256 << 20;

/// The content of a page.
#[derive(Clone)]
pub enum Scanned {
    /// A leaf whose elements have not been checked.
    Leaf(Page<Bytes>),
    /// Another kind of page, or a continuation page.
    Other,
    /// The page header is invalid.
    Damaged(Damage),
}

/// Iterator over the pages of a file; created by [`FileReader::scan_pages`].
pub struct PageScan<'a> {
    reader: &'a FileReader,
    page_size: u64,
    /// Number of pages that fit into the file, whatever the meta says.
    pages: u64,
    next: u64,
    chunk: Bytes,
    chunk_at: u64,
}

impl FileReader {
    /// All pages from page 2 to `end` or the end of the file. A leaf is returned with its continuation pages; the scan
    /// then continues with the next page number, unless [`PageScan::skip_pages`] is called.
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
    /// Continues after the last page of a leaf that proved valid.
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

    fn scan_page(&mut self, pgid: u64) -> Result<Scanned> {
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
    /// Page number and content.
    type Item = Result<(u64, Scanned)>;

    fn next(&mut self) -> Option<Self::Item> {
        let pgid = self.next;
        if pgid >= self.pages {
            return None;
        }
        self.next += 1;
        let found = self.scan_page(pgid);
        if found.is_err() {
            self.next = self.pages;
        }
        Some(found.map(|scanned| (pgid, scanned)))
    }
}
