//! Buckets as trees of pages, and the sources that the pages are read from.
//! Looks up single keys; [`Cursor`] walks in order. Nothing is written here.

use std::ops::Bound;
use std::path::Path;

use super::cursor::{Cursor, Entry, Range};
use super::error::{Damage, Error, Result};
use super::meta::Meta;
use super::page::{BUCKET_ELEMENT, Buf, Element, HEADER_SIZE, Page, check_pgid, encode_inline};

/// Deepest tree that is followed. A tree of two elements a page would be that deep with 2^64 leaves.
pub(crate) const MAX_DEPTH: usize = 64;
/// Bytes of a bucket's root page number and sequence, before an inline page image.
pub(crate) const BUCKET_HEADER: usize = 16;

/// Largest leaf that is stored inline in its bucket's value, in parts of a page, as in bbolt 1.5.0 (`bucket.go`).
const INLINE_PART: usize = 4;

/// The value of a bucket whose tree begins at page `root`.
pub(crate) fn bucket_value(root: u64, sequence: u64) -> Vec<u8> {
    let mut value = Vec::with_capacity(BUCKET_HEADER);
    value.extend_from_slice(&root.to_le_bytes());
    value.extend_from_slice(&sequence.to_le_bytes());
    value
}

/// The value of a bucket that is stored inline, or `None` if its elements need a page of their own: they are
/// too large, or a bucket is among them.
pub(crate) fn inline_bucket_value(
    page_size: usize,
    sequence: u64,
    elements: &[Element<'_>],
) -> Option<Vec<u8>> {
    let size = HEADER_SIZE + elements.iter().map(Element::size).sum::<usize>();
    if size > page_size / INLINE_PART || elements.iter().any(|e| e.flags & BUCKET_ELEMENT != 0) {
        return None;
    }
    let mut value = bucket_value(0, sequence);
    encode_inline(&mut value, elements);
    Some(value)
}

/// Something that pages can be read from: a mapped database, or a file.
pub trait Source: Copy {
    /// How it hands out bytes.
    type Buf: Buf;
    /// Whether pages come from somebody else, so that each is verified as a whole whenever it is met.
    const STRICT: bool;

    /// The meta that counts.
    fn meta(&self) -> &Meta;
    /// The file's name, for errors.
    fn file(&self) -> &Path;
    /// Page `pgid` with its continuation; its number and its header have been checked against the file.
    /// `ahead` tells how many pages, from this one on, will be wanted next; it is asked only if that helps.
    fn page(&self, pgid: u64, ahead: impl FnOnce() -> u64) -> Result<Page<Self::Buf>>;
}

/// Where a bucket's tree begins.
#[derive(Clone)]
pub(crate) enum Root<B> {
    /// A page of the file.
    Page(u64),
    /// A leaf inside the bucket's own value.
    Inline(Page<B>),
}

/// A bucket: a tree of keys and values.
#[derive(Clone)]
pub struct Bucket<S: Source> {
    source: S,
    root: Root<S::Buf>,
    sequence: u64,
}

impl<S: Source> Bucket<S> {
    /// The tree of buckets itself.
    pub(crate) fn top(source: S) -> Bucket<S> {
        let meta = source.meta();
        Bucket {
            source,
            root: Root::Page(meta.root),
            sequence: meta.sequence,
        }
    }

    /// The bucket called `name` in the tree of buckets.
    pub(crate) fn open(source: S, name: &[u8]) -> Result<Option<Bucket<S>>> {
        match Bucket::top(source).find(name)? {
            Some((pgid, e)) => Bucket::from_entry(source, pgid, &e).map(Some),
            None => Ok(None),
        }
    }

    /// The bucket that an entry of the tree of buckets, found in page `pgid`, stands for.
    pub(crate) fn from_entry(source: S, pgid: u64, e: &Entry<S::Buf>) -> Result<Bucket<S>> {
        let name = || e.key.escape_ascii();
        if e.flags & BUCKET_ELEMENT == 0 {
            let d = Damage::at(
                pgid,
                format!(
                    "the entry \"{}\" among the buckets is not marked as a bucket",
                    name()
                ),
            );
            return Err(d.in_file(source.file()));
        }
        Bucket::from_value(source, pgid, &e.value).map_err(|d| {
            Damage {
                what: format!("bucket \"{}\": {}", name(), d.what),
                ..d
            }
            .in_file(source.file())
        })
    }

    fn from_value(source: S, pgid: u64, value: &S::Buf) -> Result<Bucket<S>, Damage> {
        let Some(h) = value.first_chunk::<BUCKET_HEADER>() else {
            return Err(Damage::at(
                pgid,
                format!(
                    "its value has {} bytes instead of {BUCKET_HEADER}",
                    value.len()
                ),
            ));
        };
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| h[at + i]));
        let root = match word(0) {
            0 if value.len() < BUCKET_HEADER + HEADER_SIZE => {
                return Err(Damage::at(
                    pgid,
                    "its value is too short for an inline bucket",
                ));
            }
            0 => Root::Inline(Page::new_inline(
                pgid,
                value.cut(BUCKET_HEADER..value.len()),
            )?),
            id => {
                check_pgid(id, source.meta().high_water, "its value").map_err(|d| Damage {
                    page: Some(pgid),
                    ..d
                })?;
                Root::Page(id)
            }
        };
        Ok(Bucket {
            source,
            root,
            sequence: word(8),
        })
    }

    pub(crate) fn source(&self) -> S {
        self.source
    }

    pub(crate) fn root(&self) -> &Root<S::Buf> {
        &self.root
    }

    /// The bucket's sequence number, which etcd does not use.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The value of `key`; of a nested bucket, none.
    pub fn get(&self, key: &[u8]) -> Result<Option<S::Buf>> {
        Ok(self
            .find(key)?
            .filter(|(_, e)| !e.is_bucket())
            .map(|(_, e)| e.value))
    }

    /// The entry of `key`, and the page it stands in.
    fn find(&self, key: &[u8]) -> Result<Option<(u64, Entry<S::Buf>)>> {
        if S::STRICT {
            // A cursor checks every page it comes by.
            let mut cursor = self.seek(key)?;
            let entry = cursor.next_entry()?.filter(|e| *e.key == *key);
            return Ok(entry.map(|e| (cursor.pgid(), e)));
        }
        let fail = in_source(self.source);
        let mut page = match &self.root {
            Root::Page(pgid) => self.source.page(*pgid, || 1)?,
            Root::Inline(page) => page.clone(),
        };
        for _ in 0..MAX_DEPTH {
            page.check_tree_page().map_err(fail)?;
            if page.is_leaf() {
                let i = page.lower(key, false).map_err(fail)?;
                if i == page.count() {
                    return Ok(None);
                }
                let (flags, found, value) = page.leaf(i).map_err(fail)?;
                let entry = Entry {
                    flags,
                    key: found,
                    value,
                };
                return Ok((*entry.key == *key).then(|| (page.pgid(), entry)));
            }
            // The child to follow is the last whose key is not above; below all keys it is the first.
            let i = page.lower(key, true).map_err(fail)?.saturating_sub(1);
            page = self.source.page(page.child(i).map_err(fail)?, || 1)?;
        }
        Err(fail(page.damage(format!(
            "the tree is more than {MAX_DEPTH} levels deep here"
        ))))
    }

    /// A cursor before the first entry whose key is `key` or above.
    pub fn seek(&self, key: &[u8]) -> Result<Cursor<S>> {
        Cursor::seek(self, key)
    }

    /// All entries in order.
    pub fn iter(&self) -> Result<Range<S>> {
        self.range(Bound::Included(&[]), Bound::Unbounded)
    }

    /// The entries from `start` to `end`, in order.
    pub fn range(&self, start: Bound<&[u8]>, end: Bound<&[u8]>) -> Result<Range<S>> {
        Range::new(self, start, end)
    }

    /// The last entry.
    pub fn last(&self) -> Result<Option<Entry<S::Buf>>> {
        Cursor::last(self)
    }
}

/// The buckets of a database, in order of their names; made by `buckets()` of a reader.
pub struct Buckets<S: Source>(pub(crate) Cursor<S>);

impl<S: Source> Buckets<S> {
    pub(crate) fn new(source: S) -> Result<Buckets<S>> {
        Ok(Buckets(Bucket::top(source).seek(&[])?))
    }
}

impl<S: Source> Iterator for Buckets<S> {
    /// Name and bucket; an entry that is not marked as a bucket is an error that names it.
    type Item = Result<(S::Buf, Bucket<S>)>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.0.next_entry() {
            Ok(None) => None,
            Ok(Some(e)) => {
                Some(Bucket::from_entry(self.0.source(), self.0.pgid(), &e).map(|b| (e.key, b)))
            }
            Err(e) => Some(Err(e)),
        }
    }
}

/// A damage of a source's page as an error that names the file.
pub(crate) fn in_source<S: Source>(source: S) -> impl Fn(Damage) -> Error + Copy {
    move |d| d.in_file(source.file())
}
