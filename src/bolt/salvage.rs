//! Reads what is left of a damaged file: a walk that continues behind damage and reports which keys it has missed,
//! and a reader that needs no valid meta. Never guesses the meaning of an entry; never writes.

use std::path::Path;

use super::cursor::check_bounds;
use super::error::{Damage, Error, Result};
use super::file::FileReader;
use super::meta::{MAX_PAGE_SIZE, META_END, MIN_PAGE_SIZE, Meta, NO_FREELIST, RawMeta};
use super::page::{BRANCH, FREELIST, HEADER_SIZE, Header, LEAF, Page};
use super::page_set::PageSet;
use super::tree::{BUCKET_HEADER, Bucket, MAX_DEPTH, Root, Source};

/// The page size if the file does not state one: that of the system that wrote it, which is almost always this one.
const DEFAULT_PAGE_SIZE: u32 = 4096;
/// Number of page headers that are examined to determine the page size.
const SAMPLE: u64 = 4096;

/// Keys that a walk could not read, because a page is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The bucket, or `None` if the tree of buckets itself is damaged, so that keys of any bucket may be lost.
    pub bucket: Option<Vec<u8>>,
    /// The first key that may be lost; `None`: the first of the bucket.
    pub from: Option<Vec<u8>>,
    /// The first key after the lost ones; `None`: the end of the bucket.
    pub to: Option<Vec<u8>>,
    /// The damaged page.
    pub page: u64,
    /// What is wrong with it.
    pub what: String,
}

/// What a walk finds.
#[derive(Debug)]
pub enum FoundItem<'a> {
    /// The beginning of a bucket.
    Bucket(&'a [u8]),
    /// An entry of the current bucket. If its page is damaged, the caller must validate the entry.
    Entry {
        /// The page that contains it.
        page: u64,
        /// Whether the page is intact.
        sound: bool,
        /// Offset of the value in the file, in bytes.
        at: u64,
        /// The key.
        key: &'a [u8],
        /// The value.
        value: &'a [u8],
    },
}

/// Receives what a walk finds.
type Visitor<'a> = dyn FnMut(FoundItem<'_>) + 'a;

impl FileReader {
    /// Readers of what is left of a file: one for each valid meta page, the newest first, no matter what else is wrong
    /// with the file; and one for the pages alone. All use the same open file.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::NotBolt`] if it is not a regular file or shorter
    /// than a page.
    pub fn open_damaged(path: &Path) -> Result<(Vec<FileReader>, FileReader)> {
        let (raw, metas) = FileReader::open_raw(path)?;
        let len = raw.file_len();
        let mut metas: Vec<Meta> = metas.into_iter().flatten().collect();
        let page_size = page_size_of(&raw, metas.first())?;
        if metas.iter().all(|meta| meta.page_size != page_size) {
            metas = metas_at(&raw, page_size)?;
        }
        metas.sort_by_key(|meta| std::cmp::Reverse(meta.txid));
        let pages = len / u64::from(page_size);
        if pages < 3 {
            return Err(Error::NotBolt {
                file: path.to_path_buf(),
                what: "it is too short".into(),
            });
        }
        // A meta with a wrong page size may be right otherwise.
        let states = metas.iter().map(|meta| {
            let high_water = meta.high_water.min(pages);
            raw.with_meta(Meta {
                page_size,
                high_water,
                ..*meta
            })
        });
        let states = states.collect();
        let all = raw.with_meta(Meta {
            page_size,
            flags: 0,
            root: 0,
            sequence: 0,
            freelist: NO_FREELIST,
            high_water: pages,
            txid: 0,
        });
        Ok((states, all))
    }

    /// Walks all buckets and reports every readable entry. Returns what could not be read.
    ///
    /// # Errors
    /// Only if the operating system fails to read.
    pub fn walk_damaged(&self, visit: &mut Visitor<'_>) -> Result<Vec<Lost>> {
        let mut walk = Walk {
            reader: self,
            visit,
            reached: PageSet::default(),
            bucket: None,
            base: (0, 0),
            lost: Vec::new(),
        };
        walk.reached.insert(0, 2);
        walk.subtree(self.meta().root, None, None, 0)?;
        Ok(walk.lost)
    }
}

/// The valid metas of a file with this page size, the newest first.
fn metas_at(reader: &FileReader, page_size: u32) -> Result<Vec<Meta>> {
    let mut metas = Vec::new();
    for at in [0, u64::from(page_size)] {
        let mut raw = [0; META_END];
        if at + META_END as u64 <= reader.file_len() {
            reader.read_raw(at, &mut raw)?;
        }
        metas.extend(RawMeta(raw).validate().ok());
    }
    metas.sort_by_key(|meta| std::cmp::Reverse(meta.txid));
    Ok(metas)
}

/// The page size in the meta, unless many more page headers are valid with another one.
fn page_size_of(reader: &FileReader, meta: Option<&Meta>) -> Result<u32> {
    let (mut best, mut said) = ((0, DEFAULT_PAGE_SIZE), 0);
    let mut size = MIN_PAGE_SIZE;
    while size <= MAX_PAGE_SIZE {
        let right = right_headers(reader, size)?;
        if right > best.0 {
            best = (right, size);
        }
        if meta.is_some_and(|meta| meta.page_size == size) {
            said = right;
        }
        size *= 2;
    }
    match meta {
        Some(meta) if said > 0 && said >= best.0 / 2 => Ok(meta.page_size),
        _ => Ok(best.1),
    }
}

/// Number of pages of this size, starting after the metas, that have a valid header.
fn right_headers(reader: &FileReader, size: u32) -> Result<u64> {
    let pages = (reader.file_len() / u64::from(size)).min(SAMPLE);
    let mut right = 0;
    for pgid in 2..pages {
        let mut header = [0; HEADER_SIZE];
        reader.read_raw(pgid * u64::from(size), &mut header)?;
        let header = Header::parse(&header);
        let known = matches!(header.flags, BRANCH | LEAF | FREELIST);
        right += u64::from(known && header.id == pgid);
    }
    Ok(right)
}

/// Start of a page in the file and in memory, in bytes.
fn base_of(page: &Page<bytes::Bytes>, page_size: u64) -> (u64, usize) {
    (page.pgid() * page_size, page.data().as_ptr() as usize)
}

/// Offset of a part of a page in the file, in bytes.
fn place(base: (u64, usize), part: &[u8]) -> u64 {
    base.0 + (part.as_ptr() as usize).saturating_sub(base.1) as u64
}

/// The readable elements of a leaf that a scan has found: flags, key, value, and the offset of the value in the file.
pub fn readable_elements(
    page: &Page<bytes::Bytes>,
    page_size: u32,
) -> impl Iterator<Item = (u32, bytes::Bytes, bytes::Bytes, u64)> {
    let base = base_of(page, page_size.into());
    let readable = (0..page.count()).filter_map(|i| page.leaf(i).ok());
    readable.map(move |(flags, key, value)| {
        let at = place(base, &value);
        (flags, key, value, at)
    })
}

/// The records of an inline bucket whose value is at offset `at` of the file: key, value, and offset of the value.
/// Empty if it is not inline or is damaged.
pub fn inline_records(value: &bytes::Bytes, at: u64) -> Vec<(bytes::Bytes, bytes::Bytes, u64)> {
    let Some(root) = value.first_chunk::<8>() else {
        return Vec::new();
    };
    if u64::from_le_bytes(*root) != 0 || value.len() < BUCKET_HEADER {
        return Vec::new();
    }
    let Ok(page) = Page::new_inline(0, value.slice(BUCKET_HEADER..)) else {
        return Vec::new();
    };
    if page.verify(true).is_err() {
        return Vec::new();
    }
    let base = (at, value.as_ptr() as usize);
    let elements = (0..page.count()).filter_map(|i| page.leaf(i).ok());
    let records = elements.filter(|(flags, ..)| *flags == 0);
    records
        .map(|(_, key, value)| {
            let at = place(base, &value);
            (key, value, at)
        })
        .collect()
}

struct Walk<'a, 's> {
    reader: &'a FileReader,
    visit: &'a mut Visitor<'s>,
    reached: PageSet,
    /// The current bucket; `None` in the tree of buckets.
    bucket: Option<Vec<u8>>,
    /// Start of the current page, or of the page that contains an inline one, in the file and in memory, in bytes.
    base: (u64, usize),
    lost: Vec<Lost>,
}

impl Walk<'_, '_> {
    fn lose(&mut self, damage: Damage, from: Option<&[u8]>, to: Option<&[u8]>) {
        self.lost.push(Lost {
            bucket: self.bucket.clone(),
            from: from.map(<[u8]>::to_vec),
            to: to.map(<[u8]>::to_vec),
            page: damage.page.unwrap_or(0),
            what: damage.what,
        });
    }

    fn subtree(
        &mut self,
        pgid: u64,
        lower: Option<&[u8]>,
        upper: Option<&[u8]>,
        depth: usize,
    ) -> Result<()> {
        let page = match self.reader.page(pgid, || 1) {
            Ok(page) => page,
            Err(Error::Corrupt { page, what, .. }) => {
                let page = page.or(Some(pgid));
                self.lose(Damage { page, what }, lower, upper);
                return Ok(());
            }
            Err(other) => return Err(other),
        };
        if let Some(twice) = self.reached.insert(pgid, page.header().pages()) {
            self.lose(Damage::at(twice, "it is reached twice"), lower, upper);
            return Ok(());
        }
        let page_size = u64::from(self.reader.page_size());
        let before = std::mem::replace(&mut self.base, base_of(&page, page_size));
        let done = self.page(&page, lower, upper, depth);
        self.base = before;
        done
    }

    fn page(
        &mut self,
        page: &Page<bytes::Bytes>,
        lower: Option<&[u8]>,
        upper: Option<&[u8]>,
        depth: usize,
    ) -> Result<()> {
        if depth >= MAX_DEPTH {
            let what = format!("the tree is more than {MAX_DEPTH} levels deep here");
            self.lose(page.damage(what), lower, upper);
            return Ok(());
        }
        let sound = page.verify(true);
        let sound = sound.and_then(|()| check_bounds(page, lower, upper));
        let is_sound = sound.is_ok();
        if let Err(damage) = sound {
            self.lose(damage, lower, upper);
            if !page.is_leaf() {
                return Ok(());
            }
        }
        if page.is_leaf() {
            return self.leaf(page, is_sound, depth);
        }
        for i in 0..page.count() {
            // All elements of an intact page are readable.
            let Ok((key, child)) = page.branch(i) else {
                continue;
            };
            let next = match i + 1 < page.count() {
                true => page.branch(i + 1).ok().map(|(key, _)| key),
                false => None,
            };
            let (lower, upper) = (Some(&key[..]), next.as_deref().or(upper));
            self.subtree(child, lower, upper, depth + 1)?;
        }
        Ok(())
    }

    fn leaf(&mut self, page: &Page<bytes::Bytes>, sound: bool, depth: usize) -> Result<()> {
        for i in 0..page.count() {
            let Ok((flags, key, value)) = page.leaf(i) else {
                continue;
            };
            if self.bucket.is_some() {
                if flags == 0 {
                    let page = page.pgid();
                    let at = place(self.base, &value);
                    (self.visit)(FoundItem::Entry {
                        page,
                        sound,
                        at,
                        key: &key,
                        value: &value,
                    });
                } else if sound {
                    let what = format!("element {i} is a bucket where a record should be");
                    self.lose(page.damage(what), Some(&key), Some(&key));
                }
                continue;
            }
            let entry = super::cursor::Entry {
                flags,
                key: key.clone(),
                value,
            };
            match Bucket::from_entry(self.reader, page.pgid(), &entry) {
                Ok(bucket) => {
                    (self.visit)(FoundItem::Bucket(&key));
                    self.bucket = Some(key.to_vec());
                    match bucket.root() {
                        Root::Inline(page) => self.page(page, None, None, depth + 1)?,
                        Root::Page(pgid) => self.subtree(*pgid, None, None, 0)?,
                    }
                    self.bucket = None;
                }
                // This is not a page of the tree of buckets, or its name is unreliable.
                Err(Error::Corrupt { what, .. }) => self.lose(page.damage(what), None, None),
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }
}
