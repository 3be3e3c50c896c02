//! Buckets as trees of pages, and the sources from which pages are read. Looks up single keys; a [`Cursor`] walks in
//! order. Writes nothing.

use std::ops::Bound;
use std::path::Path;

use super::cursor::{Cursor, Entry, Range};
use super::error::{Damage, Error, Result};
use super::meta::Meta;
use super::page::{BUCKET_ELEMENT, Buf, Element, HEADER_SIZE, Page, check_pgid, encode_inline};

/// Maximum depth of a tree. A tree with two elements per page reaches it with 2^64 leaves.
pub(crate) const MAX_DEPTH: usize = 64;

/// What is wrong with a page below [`MAX_DEPTH`].
pub(super) fn too_deep() -> String {
    format!("the tree is more than {MAX_DEPTH} levels deep here")
}

/// Size of a bucket's root page number and sequence, which precede an inline page, in bytes.
pub(crate) const BUCKET_HEADER: usize = 16;

/// A leaf of up to this fraction of a page is stored inline in its bucket's entry, as in bbolt 1.5.0 (`bucket.go`).
const INLINE_PART: usize = 4;

/// The entry of a bucket whose root is page `root`.
pub(crate) fn bucket_value(root: u64, sequence: u64) -> Vec<u8> {
    let mut value = Vec::with_capacity(BUCKET_HEADER);
    value.extend_from_slice(&root.to_le_bytes());
    value.extend_from_slice(&sequence.to_le_bytes());
    value
}

/// The entry of a bucket stored inline, or `None` if its elements need their own page because they are too large or
/// contain a bucket.
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

/// Where pages are read from: a mapped database, or a file.
pub trait Source: Copy {
    /// The type of byte slices it returns.
    type Buf: Buf;
    /// Whether the pages are untrusted, so that each page is verified completely whenever it is read.
    const STRICT: bool;

    /// The current meta.
    fn meta(&self) -> &Meta;
    /// Path of the file, for errors.
    fn file(&self) -> &Path;
    /// Reads page `pgid` with its continuation pages, and checks its number and header. `ahead` returns how many pages
    /// from this one on will be needed next; it is called only if that helps.
    fn page(&self, pgid: u64, ahead: impl FnOnce() -> u64) -> Result<Page<Self::Buf>>;
}

/// The root of a bucket's tree.
#[derive(Clone)]
pub(crate) enum Root<B> {
    /// A page of the file.
    Page(u64),
    /// A leaf inside the bucket's entry.
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
    /// The tree of buckets.
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

    /// The bucket whose entry in the tree of buckets was found in page `pgid`.
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

    /// The value of `key`; `None` if it is a nested bucket.
    pub fn get(&self, key: &[u8]) -> Result<Option<S::Buf>> {
        Ok(self
            .find(key)?
            .filter(|(_, e)| !e.is_bucket())
            .map(|(_, e)| e.value))
    }

    /// The entry of `key`, and the page that holds it.
    fn find(&self, key: &[u8]) -> Result<Option<(u64, Entry<S::Buf>)>> {
        if S::STRICT {
            // A cursor verifies every page on the way.
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
            // Descend into the last child whose key is not greater than `key`, or the first child.
            let i = page.lower(key, true).map_err(fail)?.saturating_sub(1);
            page = self.source.page(page.child(i).map_err(fail)?, || 1)?;
        }
        Err(fail(page.damage(too_deep())))
    }

    /// A cursor positioned before the first key greater than or equal to `key`.
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

/// The buckets of a database, ordered by name; created by `buckets()` of a reader.
pub struct Buckets<S: Source>(pub(crate) Cursor<S>);

impl<S: Source> Buckets<S> {
    pub(crate) fn new(source: S) -> Result<Buckets<S>> {
        Ok(Buckets(Bucket::top(source).seek(&[])?))
    }
}

impl<S: Source> Iterator for Buckets<S> {
    /// Name and bucket. An entry that is not marked as a bucket is an error that names it.
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

/// Turns damage in a source's page into an error that names the file.
pub(crate) fn in_source<S: Source>(source: S) -> impl Fn(Damage) -> Error + Copy {
    move |d| d.in_file(source.file())
}
