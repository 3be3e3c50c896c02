//! Counts the pages of the trees by kind and finds the free pages, both of which opening for writing needs. Reads the
//! header and element table of each page once, but no keys or values of the buckets.

use super::check::read_freelist;
use super::error::{Error, Result};
use super::free::Free;
use super::meta::NO_FREELIST;
use super::page::{BUCKET_ELEMENT, Page};
use super::page_set::PageSet;
use super::tree::{Bucket, MAX_DEPTH, Root, Source, in_source, too_deep};

/// The number of pages in trees, by kind.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageCounts {
    /// Leaves of one page.
    pub leaves: u64,
    /// Branches of one page.
    pub branches: u64,
    /// Total number of pages of all larger leaves and branches.
    pub big: u64,
    /// Size in pages of the largest of these; never lowered while the database is open.
    pub biggest: u64,
    /// Maximum depth of the trees, including the tree of buckets; never lowered either.
    pub depth: u64,
}

impl PageCounts {
    /// Counts a page of a tree.
    pub fn add(&mut self, leaf: bool, pages: u64) {
        if pages > 1 {
            self.biggest = self.biggest.max(pages);
        }
        *self.counter(leaf, pages) += if pages > 1 { pages } else { 1 };
    }

    /// Removes a page of a tree from the counts.
    pub fn remove(&mut self, leaf: bool, pages: u64) {
        let n = if pages > 1 { pages } else { 1 };
        let counter = self.counter(leaf, pages);
        *counter = counter.saturating_sub(n);
    }

    fn counter(&mut self, leaf: bool, pages: u64) -> &mut u64 {
        match (pages > 1, leaf) {
            (true, _) => &mut self.big,
            (false, true) => &mut self.leaves,
            (false, false) => &mut self.branches,
        }
    }
}

/// The result of a walk over all trees.
pub(crate) struct Scan {
    pub page_counts: PageCounts,
    pub free: Free,
    /// First page and number of pages of the stored freelist.
    pub freelist: Option<(u64, u64)>,
}

/// Walks all trees, including nested buckets, which etcd does not use.
///
/// # Errors
/// [`Error::Corrupt`] if a page is reached twice, is not a tree page, or is also in the freelist.
pub(crate) fn scan<S: Source>(source: S) -> Result<Scan> {
    let meta = *source.meta();
    let mut walk = Walk {
        source,
        reached: PageSet::default(),
        page_counts: PageCounts::default(),
    };
    walk.reached.insert(0, 2);
    walk.tree(meta.root, 1, true)?;
    let mut freelist = None;
    if meta.freelist != NO_FREELIST {
        let (pages, ids) = read_freelist(source)?;
        if let Some(id) = ids.iter().find(|id| walk.reached.contains(**id)) {
            let what = "it is in use, but the freelist names it";
            return Err(Error::corrupt(source.file(), Some(*id), what));
        }
        walk.reach(meta.freelist, pages)?;
        freelist = Some((meta.freelist, pages));
    }
    let mut free = Free::default();
    for (start, n) in walk.reached.gaps(2, meta.high_water) {
        free.add(start, n);
    }
    Ok(Scan {
        page_counts: walk.page_counts,
        free,
        freelist,
    })
}

struct Walk<S: Source> {
    source: S,
    reached: PageSet,
    page_counts: PageCounts,
}

impl<S: Source> Walk<S> {
    fn reach(&mut self, pgid: u64, pages: u64) -> Result<()> {
        match self.reached.insert(pgid, pages) {
            None => Ok(()),
            Some(twice) => Err(Error::corrupt(
                self.source.file(),
                Some(twice),
                "it is reached twice",
            )),
        }
    }

    fn tree(&mut self, pgid: u64, depth: usize, top: bool) -> Result<()> {
        let fail = in_source(self.source);
        let page = self.source.page(pgid, || 1)?;
        page.check_tree_page().map_err(fail)?;
        if depth > MAX_DEPTH {
            return Err(fail(page.damage(too_deep())));
        }
        let pages = page.header().pages();
        self.reach(pgid, pages)?;
        self.page_counts.add(page.is_leaf(), pages);
        self.page_counts.depth = self.page_counts.depth.max(depth as u64);
        if page.is_leaf() {
            return self.leaf(&page, depth, top);
        }
        for i in 0..page.count() {
            let child = page.child(i).map_err(fail)?;
            page.check_child(i, child, self.source.meta().high_water)
                .map_err(fail)?;
            self.tree(child, depth + 1, top)?;
        }
        Ok(())
    }

    fn leaf(&mut self, page: &Page<S::Buf>, depth: usize, top: bool) -> Result<()> {
        for i in 0..page.count() {
            let flags = page.flags(i).map_err(in_source(self.source))?;
            if flags & BUCKET_ELEMENT == 0 && !top {
                continue;
            }
            let (flags, key, value) = page.leaf(i).map_err(in_source(self.source))?;
            let entry = super::cursor::Entry { flags, key, value };
            match Bucket::from_entry(self.source, page.pgid(), &entry)?.root() {
                Root::Page(root) => self.tree(*root, depth + 1, false)?,
                Root::Inline(inline) => self.leaf(inline, depth, false)?,
            }
        }
        Ok(())
    }
}
