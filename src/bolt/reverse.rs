//! Walks a bucket from its last entry to its first. Checks pages as a cursor of a strict source does, and also holds
//! one page per level.

use super::cursor::{Entry, check_bounds};
use super::error::Result;
use super::page::Page;
use super::tree::{Bucket, MAX_DEPTH, Root, Source, in_source, too_deep};

/// The entries of a bucket in reverse order; created by [`Bucket::iter_rev`].
pub struct Reverse<S: Source> {
    source: S,
    stack: Vec<Frame<S>>,
    done: bool,
}

struct Frame<S: Source> {
    page: Page<S::Buf>,
    /// Number of elements still to be visited; they precede this index.
    left: usize,
    upper: Option<S::Buf>,
}

impl<S: Source> Bucket<S> {
    /// All entries in reverse order.
    pub fn iter_rev(&self) -> Result<Reverse<S>> {
        let source = self.source();
        let mut reverse = Reverse {
            source,
            stack: Vec::with_capacity(8),
            done: false,
        };
        let page = match self.root() {
            Root::Inline(page) => page.clone(),
            Root::Page(pgid) => source.page(*pgid, || 1)?,
        };
        reverse.push(page, None, None)?;
        Ok(reverse)
    }
}

impl<S: Source> Reverse<S> {
    fn push(
        &mut self,
        page: Page<S::Buf>,
        lower: Option<&[u8]>,
        upper: Option<S::Buf>,
    ) -> Result<()> {
        let fail = in_source(self.source);
        if self.stack.len() >= MAX_DEPTH {
            return Err(fail(page.damage(too_deep())));
        }
        page.check_tree_page().map_err(fail)?;
        page.verify(false).map_err(fail)?;
        check_bounds(&page, lower, upper.as_deref()).map_err(fail)?;
        let left = page.count();
        self.stack.push(Frame { page, left, upper });
        Ok(())
    }

    fn step(&mut self) -> Result<Option<Entry<S::Buf>>> {
        let fail = in_source(self.source);
        while let Some(top) = self.stack.last_mut() {
            let Some(i) = top.left.checked_sub(1) else {
                self.stack.pop();
                continue;
            };
            top.left = i;
            if top.page.is_leaf() {
                let (flags, key, value) = top.page.leaf(i).map_err(fail)?;
                return Ok(Some(Entry { flags, key, value }));
            }
            let (key, child) = top.page.branch(i).map_err(fail)?;
            let upper = if i + 1 < top.page.count() {
                Some(top.page.branch(i + 1).map_err(fail)?.0)
            } else {
                top.upper.clone()
            };
            top.page
                .check_child(i, child, self.source.meta().high_water)
                .map_err(fail)?;
            let page = self.source.page(child, || 1)?;
            self.push(page, Some(&key), upper)?;
        }
        Ok(None)
    }
}

impl<S: Source> Iterator for Reverse<S> {
    type Item = Result<Entry<S::Buf>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.step().transpose();
        self.done = !matches!(item, Some(Ok(_)));
        item
    }
}
