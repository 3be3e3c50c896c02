//! The mapping of an open database: the one place with `unsafe` in it.
//! Hands out bytes below what its callers ask for, and callers ask for committed pages only.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;

use memmap2::{Advice, Mmap, MmapOptions};

/// A read-only, shared mapping that may reach beyond the end of its file, so that the file can grow under it.
pub(crate) struct Map(Mmap);

impl Map {
    /// Maps `reserve` bytes of the file, or as much as `least` where the system refuses that.
    pub fn new(file: &File, least: u64, reserve: u64) -> io::Result<Map> {
        let most = reserve.max(least);
        Map::try_new(file, most).or_else(|_| Map::try_new(file, least))
    }

    fn try_new(file: &File, len: u64) -> io::Result<Map> {
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        // SAFETY: the bytes behind a shared mapping change when the file is written, and are gone when it is
        // cut. The engine holds an exclusive flock on the file and never cuts a file with a view on it; it
        // writes pages that no view reaches, and `bytes` is asked only for pages that a view reaches, all of
        // which lie below the end of the file. Whoever ignores the lock and writes to the file can break
        // this, as with every mapped database; files of unknown origin are not read through a mapping.
        let map = unsafe { MmapOptions::new().len(len).map(file)? };
        Ok(Map(map))
    }

    /// Bytes of address space.
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// The `n` bytes at `at`, which must lie below the end of the file.
    pub fn bytes(&self, at: u64, n: u64) -> Option<&[u8]> {
        let at = usize::try_from(at).ok()?;
        let end = at.checked_add(usize::try_from(n).ok()?)?;
        self.0.get(at..end)
    }

    /// Tells the system that the first `n` bytes will soon be read in order.
    pub fn will_need(&self, n: u64) {
        // A hint: where it is refused, pages are read one by one.
        let _ = self
            .0
            .advise_range(Advice::WillNeed, 0, (n.min(self.len())) as usize);
    }
}
