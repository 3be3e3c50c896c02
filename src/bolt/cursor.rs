//! Walks a tree in key order. Page numbers may be wrong, so depth is bounded, and in a strict source each page must
//! stay within the key range that its parents give it. A walk therefore cannot loop or visit a page twice.

use std::ops::Bound;

use super::error::{Damage, Result};
use super::page::{BUCKET_ELEMENT, Buf, Page};
use super::tree::{Bucket, MAX_DEPTH, Root, Source, in_source, too_deep};

/// At most this many pages are announced to the source for reading ahead.
const MAX_AHEAD: u64 = 64;
/// Children are read together if no more than this many pages lie between them.
const MAX_GAP: u64 = 2;

/// One element of a leaf.
#[derive(Debug, Clone)]
pub struct Entry<B> {
    /// Element flags: 1 for a bucket, 0 for a plain value.
    pub flags: u32,
    /// The key.
    pub key: B,
    /// The value.
    pub value: B,
}

impl<B> Entry<B> {
    /// Whether the value is a bucket.
    pub fn is_bucket(&self) -> bool {
        self.flags & BUCKET_ELEMENT != 0
    }
}

struct Frame<B> {
    page: Page<B>,
    /// Index of the next element.
    next: usize,
    /// Exclusive upper bound on the keys of this page; only set in a strict source.
    upper: Option<B>,
}

/// A position in a bucket that moves forward.
pub struct Cursor<S: Source> {
    source: S,
    stack: Vec<Frame<S::Buf>>,
}

impl<S: Source> Cursor<S> {
    fn at_root(bucket: &Bucket<S>) -> Result<Cursor<S>> {
        let mut cursor = Cursor {
            source: bucket.source(),
            stack: Vec::with_capacity(8),
        };
        match bucket.root() {
            Root::Inline(page) => cursor.push(page.clone(), None, None)?,
            Root::Page(pgid) => {
                let page = cursor.source.page(*pgid, || 1)?;
                cursor.push(page, None, None)?;
            }
        }
        Ok(cursor)
    }

    pub(crate) fn seek(bucket: &Bucket<S>, key: &[u8]) -> Result<Cursor<S>> {
        let mut cursor = Cursor::at_root(bucket)?;
        let fail = in_source(cursor.source);
        loop {
            let Some(top) = cursor.stack.last_mut() else {
                return Ok(cursor);
            };
            if top.page.is_leaf() {
                top.next = top.page.lower(key, false).map_err(fail)?;
                return Ok(cursor);
            }
            // Descend into the last child whose key is not greater than `key`, or the first child.
            top.next = top.page.lower(key, true).map_err(fail)?.saturating_sub(1);
            cursor.descend(false)?;
        }
    }

    pub(crate) fn last(bucket: &Bucket<S>) -> Result<Option<Entry<S::Buf>>> {
        let mut cursor = Cursor::at_root(bucket)?;
        loop {
            let Some(top) = cursor.stack.last_mut() else {
                return Ok(None);
            };
            top.next = top.page.count().saturating_sub(1);
            if top.page.is_leaf() {
                return cursor.next_entry();
            }
            cursor.descend(false)?;
        }
    }

    /// The page of the last entry returned.
    pub(crate) fn pgid(&self) -> u64 {
        self.stack.last().map_or(0, |f| f.page.pgid())
    }

    pub(crate) fn source(&self) -> S {
        self.source
    }

    /// Pushes a page onto the stack. All its keys must lie between `lower` and `upper`.
    fn push(
        &mut self,
        page: Page<S::Buf>,
        lower: Option<S::Buf>,
        upper: Option<S::Buf>,
    ) -> Result<()> {
        let fail = in_source(self.source);
        if self.stack.len() >= MAX_DEPTH {
            return Err(fail(page.damage(too_deep())));
        }
        page.check_tree_page().map_err(fail)?;
        if S::STRICT {
            page.verify(false).map_err(fail)?;
            check_bounds(&page, lower.as_deref(), upper.as_deref()).map_err(fail)?;
        }
        self.stack.push(Frame {
            page,
            next: 0,
            upper,
        });
        Ok(())
    }

    /// Descends to the next child of the top branch. `walking` means that its neighbours will be needed too; a lookup
    /// of one key reads only the pages on its path.
    fn descend(&mut self, walking: bool) -> Result<()> {
        let Some(top) = self.stack.last_mut() else {
            return Ok(());
        };
        let fail = in_source(self.source);
        let i = top.next;
        top.next += 1;
        let (key, child) = top.page.branch(i).map_err(fail)?;
        top.page
            .check_child(i, child, self.source.meta().high_water)
            .map_err(fail)?;
        let (mut lower, mut upper) = (None, None);
        if S::STRICT {
            lower = Some(key);
            upper = match i + 1 < top.page.count() {
                true => Some(top.page.branch(i + 1).map_err(fail)?.0),
                false => top.upper.clone(),
            };
        }
        let page = (self.source).page(child, || match walking {
            true => run_ahead(&top.page, i, child),
            false => 1,
        })?;
        self.push(page, lower, upper)
    }

    // The following functions are inlined by force. Their results are large; passing them through memory makes each
    // entry wait for the previous one, which doubles the duration of a scan.

    /// Moves to the next leaf element and returns its page and index.
    #[allow(clippy::type_complexity, reason = "a name would say no more")]
    #[inline(always)]
    fn advance(&mut self) -> Result<Option<(&Page<S::Buf>, usize)>> {
        let inside = |f: &Frame<S::Buf>| f.page.is_leaf() && f.next < f.page.count();
        if !self.stack.last().is_some_and(inside) {
            self.next_leaf()?;
        }
        match self.stack.last_mut() {
            Some(top) if top.next < top.page.count() => {
                top.next += 1;
                Ok(Some((&top.page, top.next - 1)))
            }
            _ => Ok(None),
        }
    }

    /// Drops finished pages and descends to the next leaf, if there is one.
    #[inline(never)]
    fn next_leaf(&mut self) -> Result<()> {
        while let Some(top) = self.stack.last() {
            if top.next >= top.page.count() {
                if self.stack.len() == 1 {
                    break;
                }
                self.stack.pop();
            } else if top.page.is_leaf() {
                break;
            } else {
                self.descend(true)?;
            }
        }
        Ok(())
    }

    /// The next entry, as a slice of the source's buffer.
    #[inline(always)]
    pub fn next_entry(&mut self) -> Result<Option<Entry<S::Buf>>> {
        let source = self.source;
        match self.advance()? {
            None => Ok(None),
            Some((page, i)) => {
                let (flags, key, value) = page.leaf(i).map_err(in_source(source))?;
                Ok(Some(Entry { flags, key, value }))
            }
        }
    }
}

/// Checks a page against the key range that its parents give it.
pub(crate) fn check_bounds<B: Buf>(
    page: &Page<B>,
    lower: Option<&[u8]>,
    upper: Option<&[u8]>,
) -> Result<(), Damage> {
    let count = page.count();
    if count == 0 {
        return match lower {
            Some(_) => Err(page.damage("a leaf page without elements")),
            None => Ok(()),
        };
    }
    if lower.is_some_and(|low| page.key(0).is_ok_and(|k| k < low)) {
        return Err(page.damage("its first key is below the key that its parent has for it"));
    }
    if let Some(up) = upper
        && page.key(count - 1)? >= up
    {
        return Err(
            page.damage("its last key is not below the key that its parent has for the next page")
        );
    }
    Ok(())
}

/// Number of pages, starting with `child` (element `i`), that this element and the following ones refer to without a
/// large gap.
pub(crate) fn run_ahead<B: Buf>(page: &Page<B>, i: usize, child: u64) -> u64 {
    let mut last = child;
    for j in i + 1..page.count() {
        match page.child(j) {
            Ok(next) if next > last && next - last <= MAX_GAP && next - child < MAX_AHEAD => {
                last = next
            }
            _ => break,
        }
    }
    last - child + 1
}

/// The entries between two keys, in order.
pub struct Range<S: Source> {
    cursor: Cursor<S>,
    end: Bound<Vec<u8>>,
    skip: Option<Vec<u8>>,
    done: bool,
}

impl<S: Source> Range<S> {
    pub(crate) fn new(
        bucket: &Bucket<S>,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
    ) -> Result<Range<S>> {
        let (from, skip) = match start {
            Bound::Unbounded => (&[][..], None),
            Bound::Included(k) => (k, None),
            Bound::Excluded(k) => (k, Some(k.to_vec())),
        };
        Ok(Range {
            cursor: bucket.seek(from)?,
            end: end.map(<[u8]>::to_vec),
            skip,
            done: false,
        })
    }

    #[inline(always)]
    fn step(&mut self) -> Result<Option<Entry<S::Buf>>> {
        let mut entry = self.cursor.next_entry()?;
        if self.skip.is_some()
            && let Some(skip) = self.skip.take()
            && entry.as_ref().is_some_and(|e| *e.key == *skip)
        {
            entry = self.cursor.next_entry()?;
        }
        Ok(entry.filter(|e| match &self.end {
            Bound::Unbounded => true,
            Bound::Included(end) => *e.key <= **end,
            Bound::Excluded(end) => *e.key < **end,
        }))
    }
}

impl<S: Source> Iterator for Range<S> {
    type Item = Result<Entry<S::Buf>>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.step().transpose();
        self.done = !matches!(item, Some(Ok(_)));
        item
    }
}
