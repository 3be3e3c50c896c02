//! The two meta pages: where everything begins, and which of them is current. An unverified meta is a [`RawMeta`]; only
//! [`RawMeta::validate`] turns it into a [`Meta`].
//!
//! ```text
//! 16    20       24         28     32      40        48        56          64    72         80
//! magic | version | page size | flags | root | sequence | freelist | high water | txid | checksum | record
//! ```
//!
//! The record is this engine's addition (`commit_record.rs`).

use std::path::Path;

use super::commit_record::{CommitRecord, ReadAt, Recorded};
use super::error::{Damage, Error};
use super::page::{HEADER_SIZE, Header, META};

/// The first four bytes of a meta.
pub const MAGIC: u32 = 0xED0C_DAED;
/// The only version of the format.
pub const VERSION: u32 = 2;
/// Value of `freelist` if none is written: free pages are those that no tree reaches.
pub const NO_FREELIST: u64 = u64::MAX;
/// Size of a meta in bytes, without the page header.
pub const META_SIZE: usize = 64;
/// Size of page header and meta in bytes.
pub const META_END: usize = HEADER_SIZE + META_SIZE;
/// Smallest supported page size in bytes.
pub const MIN_PAGE_SIZE: u32 = 1024;
/// Largest supported page size in bytes.
pub const MAX_PAGE_SIZE: u32 = 65_536;

/// The content of a meta page whose checksum is correct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// Page size in bytes.
    pub page_size: u32,
    /// Unused; 0 in all known files.
    pub flags: u32,
    /// Root page of the tree of buckets.
    pub root: u64,
    /// Sequence of the root bucket; unused by etcd.
    pub sequence: u64,
    /// First page of the freelist, or [`NO_FREELIST`].
    pub freelist: u64,
    /// Number of pages of the database (the high-water mark).
    pub high_water: u64,
    /// The transaction that wrote this meta.
    pub txid: u64,
}

/// Why a meta page is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetaFault {
    /// The file ends before it.
    #[error("the file ends before it")]
    Short,
    /// Wrong magic number.
    #[error("its magic number is {0:#010x} instead of {MAGIC:#010x}")]
    Magic(u32),
    /// Unsupported version of the format.
    #[error("its version is {0}, and only {VERSION} is known")]
    Version(u32),
    /// Wrong checksum.
    #[error("its checksum does not match")]
    Checksum,
    /// The meta is valid, but not all pages of its commit are in the file: a crash interrupted the commit before it was
    /// acknowledged.
    #[error("its transaction {0} was interrupted before all of its pages were written")]
    Interrupted(u64),
}

/// The bytes of a meta page, including the page header, unverified.
#[derive(Debug, Clone, Copy)]
pub struct RawMeta(pub [u8; META_END]);

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, &b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl RawMeta {
    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(std::array::from_fn(|i| self.0[HEADER_SIZE + at + i]))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|i| self.0[HEADER_SIZE + at + i]))
    }

    /// The page header.
    pub fn header(&self) -> Header {
        Header::parse(&std::array::from_fn(|i| self.0[i]))
    }

    /// Checks magic number, version and checksum, which distinguish a complete meta from a torn one.
    pub fn validate(&self) -> Result<Meta, MetaFault> {
        if self.u32(0) != MAGIC {
            return Err(MetaFault::Magic(self.u32(0)));
        }
        if self.u32(4) != VERSION {
            return Err(MetaFault::Version(self.u32(4)));
        }
        if self.u64(56) != fnv1a(&self.0[HEADER_SIZE..HEADER_SIZE + 56]) {
            return Err(MetaFault::Checksum);
        }
        Ok(Meta {
            page_size: self.u32(8),
            flags: self.u32(12),
            root: self.u64(16),
            sequence: self.u64(24),
            freelist: self.u64(32),
            high_water: self.u64(40),
            txid: self.u64(48),
        })
    }
}

impl Meta {
    /// Encodes the meta as page `slot` (0 or 1): a whole page with its header.
    pub fn encode(&self, slot: u64) -> Vec<u8> {
        let mut b = vec![0; self.page_size as usize];
        b[..HEADER_SIZE].copy_from_slice(
            &Header {
                id: slot,
                flags: META,
                count: 0,
                overflow: 0,
            }
            .encode(),
        );
        let m = &mut b[HEADER_SIZE..META_END];
        m[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        m[4..8].copy_from_slice(&VERSION.to_le_bytes());
        m[8..12].copy_from_slice(&self.page_size.to_le_bytes());
        m[12..16].copy_from_slice(&self.flags.to_le_bytes());
        let fields = [
            self.root,
            self.sequence,
            self.freelist,
            self.high_water,
            self.txid,
        ];
        for (at, v) in (16..).step_by(8).zip(fields) {
            m[at..at + 8].copy_from_slice(&v.to_le_bytes());
        }
        let sum = fnv1a(&m[..56]);
        m[56..64].copy_from_slice(&sum.to_le_bytes());
        b
    }

    /// Offset of the high-water mark in bytes.
    pub fn size(&self) -> u64 {
        self.high_water.saturating_mul(u64::from(self.page_size))
    }

    fn check_page_size(&self, slot: u64) -> Result<(), Damage> {
        let ps = self.page_size;
        if !ps.is_power_of_two() || !(MIN_PAGE_SIZE..=MAX_PAGE_SIZE).contains(&ps) {
            return Err(Damage::at(
                slot,
                format!("the meta says a page size of {ps} bytes"),
            ));
        }
        Ok(())
    }

    /// Checks the meta of page `slot` against the length of its file in bytes.
    pub fn check(&self, slot: u64, file_len: u64) -> Result<(), Damage> {
        self.check_page_size(slot)?;
        let (ps, hw) = (self.page_size, self.high_water);
        if self.root < 2 || self.root >= hw {
            let what = format!(
                "the meta names page {} as root, but the database has {hw} pages",
                self.root
            );
            return Err(Damage::at(slot, what));
        }
        match hw.checked_mul(u64::from(ps)) {
            Some(n) if n <= file_len => Ok(()),
            _ => {
                let what = format!(
                    "the meta says {hw} pages of {ps} bytes, but the file has only {file_len} bytes"
                );
                Err(Damage::at(slot, what))
            }
        }
    }
}

/// Both meta pages of a file, and the current one.
#[derive(Debug, Clone)]
pub struct Metas {
    /// The content of pages 0 and 1.
    pub pages: [Result<Meta, MetaFault>; 2],
    /// Their page headers.
    pub headers: [Header; 2],
    /// The current page: the valid one with the higher txid, or page 0 if both are equal.
    pub winner: u64,
    /// The current meta.
    pub meta: Meta,
    /// The record of the pages that its commit wrote, if there is one. These pages have been verified.
    pub(crate) record: Option<CommitRecord>,
}

impl Metas {
    /// Finds the meta pages of a file that `read_at` reads, and the current one: the newest whose commit is complete.
    ///
    /// Page 0 says where page 1 is. If page 0 is invalid, page 1 is searched for at every page size, and is accepted if
    /// it states that page size.
    pub(crate) fn find(file: &Path, read_at: &mut ReadAt<'_>) -> Result<Metas, Error> {
        let mut read = |at| {
            let mut b = [0; META_END];
            Ok::<_, Error>(read_at(at, &mut b)?.then_some(RawMeta(b)))
        };
        // Read meta page 0, and page 1 where page 0 says that it is.
        let empty = RawMeta([0; META_END]);
        let raw0 = read(0)?;
        let page0 = raw0.map_or(Err(MetaFault::Short), |m| m.validate());
        let mut raw1 = None;
        let mut page1 = Err(MetaFault::Short);
        if let Ok(m) = page0 {
            m.check_page_size(0).map_err(|d| d.in_file(file))?;
            raw1 = read(u64::from(m.page_size))?;
            page1 = raw1.map_or(Err(MetaFault::Short), |m| m.validate());
        }
        // If page 1 was not found there, search for it at every page size. If both pages are invalid, report the one at the
        // usual page size.
        if page1.is_err() {
            let mut size = MIN_PAGE_SIZE;
            while size <= MAX_PAGE_SIZE {
                if let Some(raw) = read(u64::from(size))?
                    && let Ok(m) = raw.validate()
                    && m.page_size == size
                {
                    (raw1, page1) = (Some(raw), Ok(m));
                    break;
                }
                if raw1.is_none() && page0.is_err() && size == 4096 {
                    (raw1, page1) = match read(u64::from(size))? {
                        Some(raw) => (Some(raw), raw.validate()),
                        None => (None, Err(MetaFault::Short)),
                    };
                }
                size *= 2;
            }
        }
        let headers = [
            raw0.unwrap_or(empty).header(),
            raw1.unwrap_or(empty).header(),
        ];
        // Determine which meta is newer.
        let newest = match (&page0, &page1) {
            (Ok(a), Ok(b)) if a.page_size != b.page_size => {
                let what = format!(
                    "meta page 0 says a page size of {} bytes, meta page 1 one of {} bytes",
                    a.page_size, b.page_size
                );
                return Err(Error::corrupt(file, None, what));
            }
            (Ok(a), Ok(b)) if b.txid > a.txid => 1,
            _ => 0,
        };
        // The newest meta is current if its commit is complete, otherwise the older one.
        let mut pages = [page0, page1];
        for slot in [newest, 1 - newest] {
            let Ok(meta) = pages[slot] else { continue };
            match complete(&meta, slot as u64, read_at)? {
                Complete::Yes(record) => {
                    return Ok(Metas {
                        pages,
                        headers,
                        winner: slot as u64,
                        meta,
                        record,
                    });
                }
                Complete::No => pages[slot] = Err(MetaFault::Interrupted(meta.txid)),
            }
        }
        let [page0, page1] = pages.map(|page| page.err().unwrap_or(MetaFault::Short));
        Err(no_meta(file, &page0, &page1))
    }

    /// The transaction that a crash interrupted, if there is one.
    pub fn interrupted(&self) -> Option<u64> {
        self.pages.iter().find_map(|page| match page {
            Err(MetaFault::Interrupted(txid)) => Some(*txid),
            _ => None,
        })
    }
}

/// Whether the commit that wrote a meta is complete, and its record if it has one.
enum Complete {
    Yes(Option<CommitRecord>),
    No,
}

/// Reads the record of the meta of page `slot` and verifies the pages that it names.
fn complete(meta: &Meta, slot: u64, read_at: &mut ReadAt<'_>) -> Result<Complete, Error> {
    if meta.check_page_size(slot).is_err() {
        // The caller rejects such a meta with its own message.
        return Ok(Complete::Yes(None));
    }
    let mut page = vec![0; meta.page_size as usize];
    if !read_at(slot * u64::from(meta.page_size), &mut page)? {
        // The file ends inside the page, which the caller reports.
        return Ok(Complete::Yes(None));
    }
    match CommitRecord::parse(&page, meta.high_water) {
        Recorded::Nothing => Ok(Complete::Yes(None)),
        Recorded::Record(record) if record.is_on_disk(meta.page_size, read_at)? => {
            Ok(Complete::Yes(Some(record)))
        }
        Recorded::Record(_) | Recorded::Torn => Ok(Complete::No),
    }
}

fn no_meta(file: &Path, page0: &MetaFault, page1: &MetaFault) -> Error {
    let foreign = |f: &MetaFault| matches!(f, MetaFault::Short | MetaFault::Magic(_));
    match (page0, page1) {
        (MetaFault::Version(v), MetaFault::Version(_)) => Error::NotBolt {
            file: file.to_path_buf(),
            what: format!("its version is {v}, and only {VERSION} is known"),
        },
        (MetaFault::Short, _) => Error::NotBolt {
            file: file.to_path_buf(),
            what: "it is too short".into(),
        },
        (a, b) if foreign(a) && foreign(b) => Error::NotBolt {
            file: file.to_path_buf(),
            what: format!("in meta page 0, {a}"),
        },
        (a, b) => Error::corrupt(
            file,
            None,
            format!("neither meta page is valid: of page 0, {a}; of page 1, {b}"),
        ),
    }
}
