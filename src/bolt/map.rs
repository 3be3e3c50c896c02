//! The mapping of an open database; the only file with `unsafe` code. It returns any bytes within the mapping; callers
//! ask only for committed pages.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;

use memmap2::{Advice, Mmap, MmapOptions};

/// A read-only, shared mapping that may extend beyond the end of its file, so that the file can grow without a new
/// mapping.
pub(crate) struct Map(Mmap);

impl Map {
    /// Maps `reserve` bytes of the file, or `least` bytes if the system refuses that.
    pub fn new(file: &File, least: u64, reserve: u64) -> io::Result<Map> {
        let most = reserve.max(least);
        Map::try_new(file, most).or_else(|_| Map::try_new(file, least))
    }

    fn try_new(file: &File, len: u64) -> io::Result<Map> {
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        // SAFETY: the bytes behind a shared mapping change when the file is written, and disappear when it is
        // truncated. The engine holds an exclusive flock on the file and never truncates a file that a view uses. It
        // writes only pages that no view reaches, and calls `bytes` only for pages that a view reaches, all of which
        // lie before the end of the file. A process that ignores the lock and writes to the file can violate this, as
        // with any mapped database; files of unknown origin are therefore not mapped.
        let map = unsafe { MmapOptions::new().len(len).map(file)? };
        Ok(Map(map))
    }

    /// Length of the mapping in bytes.
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// The `n` bytes at offset `at`. They must lie before the end of the file.
    pub fn bytes(&self, at: u64, n: u64) -> Option<&[u8]> {
        let at = usize::try_from(at).ok()?;
        let end = at.checked_add(usize::try_from(n).ok()?)?;
        self.0.get(at..end)
    }

    /// Tells the system that the first `n` bytes will be read soon and in order.
    pub fn will_need(&self, n: u64) {
        // Only a hint: if it is refused, pages are read one by one.
        let _ = self
            .0
            .advise_range(Advice::WillNeed, 0, (n.min(self.len())) as usize);
    }
}
