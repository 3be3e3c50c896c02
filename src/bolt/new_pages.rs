//! Collects the pages of a commit in a buffer and writes them in large chunks. Writes only where disk blocks are
//! allocated; pages beyond wait until the file has grown.

use std::sync::Arc;

use super::commit_record::{CommitRecord, Recorder};
use super::disk::DiskFile;
use super::error::Result;
use super::page::{ELEMENT_SIZE, Element, HEADER_SIZE, Page, encode};

/// Size of the write buffer in bytes.
const BUFFER: usize = 1 << 20;

/// Consecutive pages in a buffer.
struct Run {
    first: u64,
    start: usize,
    end: usize,
}

#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    runs: Vec<Run>,
}

/// The new pages of a commit: some already written, the others in memory.
pub(crate) struct NewPages {
    file: Arc<DiskFile>,
    page_size: u64,
    /// Number of bytes of the file that have disk blocks.
    allocated: u64,
    filling: Buffer,
    waiting: Vec<Buffer>,
    recorder: Recorder,
}

impl NewPages {
    /// `spare` is the buffer of an earlier commit, for reuse.
    pub fn new(file: Arc<DiskFile>, page_size: u32, allocated: u64, spare: Vec<u8>) -> NewPages {
        let filling = Buffer {
            bytes: spare,
            runs: Vec::new(),
        };
        NewPages {
            file,
            page_size: u64::from(page_size),
            allocated,
            filling,
            waiting: Vec::new(),
            recorder: Recorder::new(page_size),
        }
    }

    /// Adds page `pgid`, which takes `pages` pages.
    pub fn add(
        &mut self,
        pgid: u64,
        pages: u64,
        leaf: bool,
        elements: &[Element<'_>],
    ) -> Result<()> {
        let page_size = self.page_size as usize;
        self.append(pgid, pages, |bytes| {
            encode(bytes, page_size, pgid, leaf, elements);
        })
    }

    /// Adds a copy of a branch page as page `pgid`, with new page numbers for the children at the given indexes.
    pub fn add_patched(
        &mut self,
        pgid: u64,
        page: &Page<&[u8]>,
        children: &[(usize, u64)],
    ) -> Result<()> {
        self.append(pgid, page.header().pages(), |bytes| {
            let start = bytes.len();
            bytes.extend_from_slice(page.data());
            bytes[start..start + 8].copy_from_slice(&pgid.to_le_bytes());
            for (i, child) in children {
                let at = start + HEADER_SIZE + i * ELEMENT_SIZE + 8;
                bytes[at..at + 8].copy_from_slice(&child.to_le_bytes());
            }
        })
    }

    fn append(&mut self, pgid: u64, pages: u64, put: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        let len = (pages * self.page_size) as usize;
        if !self.filling.runs.is_empty() && self.filling.bytes.len() + len > BUFFER {
            self.flush()?;
        }
        let Buffer { bytes, runs } = &mut self.filling;
        let start = bytes.len();
        put(bytes);
        match runs.last_mut() {
            Some(run) if run.first + (run.end - run.start) as u64 / self.page_size == pgid => {
                run.end = bytes.len()
            }
            _ => runs.push(Run {
                first: pgid,
                start,
                end: bytes.len(),
            }),
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let end = |r: &Run| r.first * self.page_size + (r.end - r.start) as u64;
        if self.filling.runs.iter().all(|r| end(r) <= self.allocated) {
            write(
                &self.file,
                self.page_size,
                &mut self.filling,
                &mut self.recorder,
            )
        } else {
            self.waiting.push(std::mem::take(&mut self.filling));
            Ok(())
        }
    }

    /// Writes all remaining pages; the file has blocks for them now. Returns the commit record, if there can be one,
    /// and the buffer for reuse.
    pub fn finish(mut self) -> Result<(Option<CommitRecord>, Vec<u8>)> {
        self.waiting.push(self.filling);
        for buffer in &mut self.waiting {
            write(&self.file, self.page_size, buffer, &mut self.recorder)?;
        }
        let spare = self.waiting.pop().map(|b| b.bytes).unwrap_or_default();
        let spare = match spare.capacity() <= 2 * BUFFER {
            true => spare,
            false => Vec::new(),
        };
        Ok((self.recorder.finish(), spare))
    }
}

/// Writes a buffer in the order of page numbers, and empties it.
fn write(
    file: &DiskFile,
    page_size: u64,
    buffer: &mut Buffer,
    recorder: &mut Recorder,
) -> Result<()> {
    buffer.runs.sort_unstable_by_key(|r| r.first);
    for run in &buffer.runs {
        let bytes = &buffer.bytes[run.start..run.end];
        file.write_at(run.first * page_size, bytes)?;
        recorder.wrote(run.first, bytes);
    }
    buffer.bytes.clear();
    buffer.runs.clear();
    Ok(())
}
