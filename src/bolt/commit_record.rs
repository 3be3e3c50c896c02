//! The record of which pages a commit wrote, with a digest of them, stored behind the meta. It lets a commit write
//! pages and meta together and sync once: after a crash, opening checks whether all pages are on disk. This file knows
//! the layout and the digest; `meta.rs` decides which meta is valid.
//!
//! The record follows bbolt's 64 bytes in the meta page, which bbolt zeroes and never reads. The `count` of the page
//! header, which bbolt does not use for meta pages either, says that there is a record:
//!
//! ```text
//! 10             80      84      88       96         104
//! | count = MARK | magic | count | digest | checksum | count times: first page u64, number of pages u32 |
//! ```
//!
//! The digest is XXH3-64 over the bytes of the pages in the order of the list. The checksum is XXH3-64 over the meta
//! (bytes 16 to 80), the record up to the checksum, and the list. A record thus belongs to one transaction, and a
//! record with missing sectors is detected. A meta without a record was written after its pages had been synced.
//!
//! A torn commit is mistaken for a complete one only if a 64-bit hash collides: in one of 2^64 crashes during a commit.

use std::hash::Hasher;

use twox_hash::XxHash3_64;

use super::error::Result;
use super::meta::META_END;
use super::page::HEADER_SIZE;

/// Value of `count` in the header of a meta page that has a record.
pub(crate) const MARK: u16 = 0x5243;
/// The first four bytes of a record.
const MAGIC: u32 = 0x4452_4352;
/// Offset of the list of runs in a meta page, in bytes.
const LIST: usize = META_END + 24;
/// Size of one run in the list, in bytes.
const RUN_SIZE: usize = 12;
/// A record covers at most this many bytes of pages. Writing more takes longer than a second sync would, and opening
/// after a crash has to read all of them.
const MAX_BYTES: u64 = 16 << 20;
/// Bytes read at a time when computing a digest.
const CHUNK: usize = 256 << 10;

/// Reads bytes at an offset of a file. Returns false if the file ends before them.
pub(crate) type ReadAt<'a> = dyn FnMut(u64, &mut [u8]) -> Result<bool> + 'a;

/// What one commit wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommitRecord {
    /// First page and number of pages of each run, in the order of the digest.
    runs: Vec<(u64, u32)>,
    digest: u64,
}

/// What was found behind a meta.
pub(crate) enum Recorded {
    /// No record: the pages had been synced before the meta was written.
    Nothing,
    /// A record that is incomplete, or belongs to another meta.
    Torn,
    /// A complete record.
    Record(CommitRecord),
}

impl CommitRecord {
    /// The runs in order: first page, number of pages.
    pub fn runs(&self) -> impl Iterator<Item = (u64, u64)> {
        self.runs.iter().map(|(first, n)| (*first, u64::from(*n)))
    }

    /// Adds the record to a meta page, in which it must fit (see [`Recorder::finish`]).
    pub fn add_to(&self, page: &mut [u8]) {
        page[10..12].copy_from_slice(&MARK.to_le_bytes());
        page[META_END..META_END + 4].copy_from_slice(&MAGIC.to_le_bytes());
        let count = self.runs.len() as u32;
        page[META_END + 4..META_END + 8].copy_from_slice(&count.to_le_bytes());
        page[META_END + 8..META_END + 16].copy_from_slice(&self.digest.to_le_bytes());
        for (at, (first, n)) in (LIST..).step_by(RUN_SIZE).zip(&self.runs) {
            page[at..at + 8].copy_from_slice(&first.to_le_bytes());
            page[at + 8..at + 12].copy_from_slice(&n.to_le_bytes());
        }
        let sum = checksum(page, self.runs.len());
        page[META_END + 16..LIST].copy_from_slice(&sum.to_le_bytes());
    }

    /// Parses the record in a meta page of a database of `high_water` pages.
    pub fn parse(page: &[u8], high_water: u64) -> Recorded {
        let u32_at = |at: usize| page.get(at..at + 4)?.first_chunk().copied();
        let u32_at = |at| u32_at(at).map_or(0, u32::from_le_bytes);
        let u64_at = |at: usize| page.get(at..at + 8)?.first_chunk().copied();
        let u64_at = |at| u64_at(at).map_or(0, u64::from_le_bytes);
        let marked = page.get(10..12) == Some(&MARK.to_le_bytes()[..]);
        // Either mark is enough, so that no torn write can make a record disappear.
        match (marked, u32_at(META_END) == MAGIC) {
            (false, false) => return Recorded::Nothing,
            (true, false) => return Recorded::Torn,
            (_, true) => {}
        }
        let count = u32_at(META_END + 4) as usize;
        if count > capacity(page.len()) || checksum(page, count) != u64_at(META_END + 16) {
            return Recorded::Torn;
        }
        let list = (LIST..).step_by(RUN_SIZE).take(count);
        let runs: Vec<_> = list.map(|at| (u64_at(at), u32_at(at + 8))).collect();
        let inside = |&(first, n): &(u64, u32)| {
            first >= 2 && n > 0 && first.checked_add(n.into()).is_some_and(|e| e <= high_water)
        };
        let pages: u64 = runs.iter().map(|(_, n)| u64::from(*n)).sum();
        // This engine writes no record that covers more than MAX_BYTES.
        if !runs.iter().all(inside) || pages.saturating_mul(page.len() as u64) > MAX_BYTES {
            return Recorded::Torn;
        }
        Recorded::Record(CommitRecord {
            runs,
            digest: u64_at(META_END + 8),
        })
    }

    /// Whether the file contains the pages that the commit wrote.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn is_on_disk(&self, page_size: u32, read: &mut ReadAt<'_>) -> Result<bool> {
        let mut hash = XxHash3_64::new();
        let mut buffer = vec![0; CHUNK];
        for (first, n) in self.runs() {
            let mut at = first * u64::from(page_size);
            let end = (first + n) * u64::from(page_size);
            while at < end {
                let len = (end - at).min(CHUNK as u64) as usize;
                if !read(at, &mut buffer[..len])? {
                    return Ok(false);
                }
                hash.write(&buffer[..len]);
                at += len as u64;
            }
        }
        Ok(hash.finish() == self.digest)
    }
}

/// Number of runs that fit into a meta page of this size.
fn capacity(page_size: usize) -> usize {
    page_size.saturating_sub(LIST) / RUN_SIZE
}

fn checksum(page: &[u8], count: usize) -> u64 {
    let mut hash = XxHash3_64::new();
    hash.write(&page[HEADER_SIZE..META_END + 16]);
    hash.write(&page[LIST..LIST + count * RUN_SIZE]);
    hash.finish()
}

/// Removes the mark and the magic number of a record from the beginning of a meta page. The commit is durable, so later
/// damage to its pages does not come from a crash during the commit.
pub(crate) fn clear(page: &mut [u8]) {
    page[10..12].fill(0);
    page[META_END..META_END + 4].fill(0);
}

/// Builds the record of a commit while its pages are written.
pub(crate) struct Recorder {
    page_size: u32,
    runs: Vec<(u64, u32)>,
    bytes: u64,
    hash: XxHash3_64,
}

impl Recorder {
    pub fn new(page_size: u32) -> Recorder {
        Recorder {
            page_size,
            runs: Vec::new(),
            bytes: 0,
            hash: XxHash3_64::new(),
        }
    }

    fn fits(&self) -> bool {
        self.bytes <= MAX_BYTES && self.runs.len() <= capacity(self.page_size as usize)
    }

    /// Adds whole pages, written from page `first` on.
    pub fn wrote(&mut self, first: u64, bytes: &[u8]) {
        if !self.fits() {
            return;
        }
        self.bytes += bytes.len() as u64;
        let pages = (bytes.len() / self.page_size as usize) as u32;
        match self.runs.last_mut() {
            Some((start, n)) if *start + u64::from(*n) == first => *n += pages,
            _ => self.runs.push((first, pages)),
        }
        if self.fits() {
            self.hash.write(bytes);
        }
    }

    /// Returns the record, or `None` if it does not fit into a meta page or covers too much.
    pub fn finish(self) -> Option<CommitRecord> {
        self.fits().then(|| CommitRecord {
            digest: self.hash.finish(),
            runs: self.runs,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::meta::{Meta, NO_FREELIST};
    use super::*;

    const PAGE_SIZE: u32 = 1024;

    fn meta(txid: u64) -> Meta {
        Meta {
            page_size: PAGE_SIZE,
            flags: 0,
            root: 3,
            sequence: 0,
            freelist: NO_FREELIST,
            high_water: 200,
            txid,
        }
    }

    fn page(txid: u64, runs: u64) -> Vec<u8> {
        let mut recorder = Recorder::new(PAGE_SIZE);
        for i in 0..runs {
            recorder.wrote(3 + 2 * i, &[txid as u8; PAGE_SIZE as usize]);
        }
        let mut page = meta(txid).encode(txid % 2);
        recorder.finish().unwrap().add_to(&mut page);
        page
    }

    fn parsed(page: &[u8]) -> Option<CommitRecord> {
        match CommitRecord::parse(page, 200) {
            Recorded::Record(record) => Some(record),
            _ => None,
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let page = page(6, 70);
        let record = parsed(&page).unwrap();
        assert_eq!(record.runs().count(), 70);
        assert_eq!(record.runs().last(), Some((141, 1)));
        let mut file = vec![6; 200 * PAGE_SIZE as usize];
        let on_disk = |file: &[u8]| {
            record.is_on_disk(PAGE_SIZE, &mut |at, into| {
                into.copy_from_slice(&file[at as usize..][..into.len()]);
                Ok(true)
            })
        };
        assert!(on_disk(&file).unwrap());
        // Page 4 does not belong to the commit.
        file[4 * 1024] = 0;
        assert!(on_disk(&file).unwrap());
        file[141 * 1024 + 1023] ^= 0x80;
        assert!(!on_disk(&file).unwrap());
        assert!(!record.is_on_disk(PAGE_SIZE, &mut |_, _| Ok(false)).unwrap());
    }

    /// If the power fails while a page is being overwritten, only its beginning, its end or single sectors are new.
    #[test]
    fn a_torn_page_never_looks_like_one_without_a_record() {
        let (old, new) = (page(4, 60), page(6, 70));
        let plain = meta(4).encode(0);
        for before in [&old, &plain, &vec![0; 1024]] {
            for cut in 0..1024 {
                for torn in [
                    [&new[..cut], &before[cut..]].concat(),
                    [&before[..cut], &new[cut..]].concat(),
                ] {
                    // Where the meta is that of transaction 6 by its checksum, only its own record counts.
                    if torn[16..80] == new[16..80] {
                        let whole = torn[80..80 + 24 + 70 * 12] == new[80..80 + 24 + 70 * 12];
                        match CommitRecord::parse(&torn, 200) {
                            Recorded::Nothing => panic!("cut at {cut}: the record is gone"),
                            Recorded::Torn => assert!(!whole, "cut at {cut}"),
                            Recorded::Record(r) => {
                                assert!(whole && r.runs().count() == 70, "cut at {cut}");
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_torn_removal_of_the_record_is_harmless() {
        let old = page(6, 70);
        let mut new = old.clone();
        clear(&mut new);
        assert!(matches!(CommitRecord::parse(&new, 200), Recorded::Nothing));
        for cut in 0..512 {
            let torn = [&new[..cut], &old[cut..]].concat();
            assert!(!matches!(CommitRecord::parse(&torn, 200), Recorded::Torn));
        }
    }

    #[test]
    fn commits_too_large_for_a_record_have_none() {
        let mut recorder = Recorder::new(PAGE_SIZE);
        let most = capacity(PAGE_SIZE as usize) as u64;
        for i in 0..most {
            recorder.wrote(3 + 2 * i, &[1; PAGE_SIZE as usize]);
        }
        // A run that continues the last one takes no room.
        recorder.wrote(3 + 2 * most - 1, &[1; PAGE_SIZE as usize]);
        assert!(recorder.fits());
        recorder.wrote(3, &[1; PAGE_SIZE as usize]);
        assert_eq!(recorder.finish(), None);
        let mut recorder = Recorder::new(PAGE_SIZE);
        recorder.wrote(3, &vec![1; MAX_BYTES as usize]);
        assert!(recorder.fits());
        recorder.wrote(3 + (MAX_BYTES >> 10), &[1; PAGE_SIZE as usize]);
        assert_eq!(recorder.finish(), None);
    }

    #[test]
    fn an_implausible_record_is_torn() {
        for (runs, high_water) in [
            (vec![(1, 1)], 200),
            (vec![(199, 2)], 200),
            (vec![(5, 0)], 200),
            (vec![(u64::MAX, 1)], 200),
            (vec![(2, 1 << 15)], 1 << 40),
        ] {
            let mut page = meta(6).encode(0);
            CommitRecord { runs, digest: 0 }.add_to(&mut page);
            assert!(matches!(
                CommitRecord::parse(&page, high_water),
                Recorded::Torn
            ));
        }
    }
}
