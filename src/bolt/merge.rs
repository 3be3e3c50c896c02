//! Merges a batch into the trees, in one walk down to the affected leaves and back up. New pages go only to free
//! places, never over a page that a meta can reach.
//!
//! A touched page is loaded as a [`Node`] and merged with its operations here. If it has become small, it is joined
//! with a neighbour (`rebalance.rs`). Then it is written as one or more pages (`spill.rs`), which changes its parent in
//! turn.

use super::batch::{Batch, Ops};
use super::error::Result;
use super::free::{Allocation, Free, Taken};
use super::meta::{Meta, NO_FREELIST};
use super::new_pages::NewPages;
use super::node::{Body, Child, Merged, Node, Op};
use super::page::{BUCKET_ELEMENT, Element, Page};
use super::page_counts::PageCounts;
use super::tree::{
    Bucket, MAX_DEPTH, Root, Source, bucket_value, in_source, inline_bucket_value, too_deep,
};
use super::view::View;

/// Fill percentage of pages after which more keys are expected.
pub(crate) const FILL_PERCENT: usize = 90;

/// The pages that a commit will write, and the pages that it frees and takes.
pub(crate) struct Plan {
    /// The new meta with root, high-water mark and freelist. The caller sets the transaction.
    pub meta: Meta,
    pub pages: NewPages,
    pub freed: Vec<(u64, u64)>,
    pub born: Vec<u64>,
    pub page_counts: PageCounts,
    pub taken: Taken,
}

/// Merges a batch into the trees of a view. Returns `None` if nothing changes. New pages go to `pages`, which may write
/// them immediately, since no meta leads to them yet. For `last_commit_pages` and `spare_pages` see
/// [`Allocation::at_end`].
///
/// # Errors
/// [`Error::Corrupt`](super::Error::Corrupt) if a page is damaged, or [`Error::Io`](super::Error::Io). `free` is left
/// unchanged.
pub(crate) fn merge(
    view: &View,
    free: &mut Free,
    page_counts: PageCounts,
    pages: NewPages,
    batch: &Batch,
    last_commit_pages: u64,
    spare_pages: u64,
) -> Result<Option<Plan>> {
    let page_size = u64::from(view.meta.page_size);
    // Estimate how many pages the commit will take.
    let touched = (batch.ops() as u64).saturating_mul(2) + batch.bytes() / page_size + 2;
    let mut m = Merge {
        view,
        page_size: view.meta.page_size as usize,
        space: Allocation::new(free, view.meta.high_water, touched)
            .at_end(last_commit_pages, spare_pages),
        pages,
        freed: Vec::new(),
        born: Vec::new(),
        page_counts,
    };
    // Merge the batch. Unless that changes something, give back the pages that were taken.
    match m.batch(batch) {
        Ok(Some(root)) => {
            let (high_water, taken) = m.space.finish();
            let meta = Meta {
                root,
                high_water,
                freelist: NO_FREELIST,
                ..view.meta
            };
            let Merge {
                pages,
                freed,
                born,
                page_counts,
                ..
            } = m;
            Ok(Some(Plan {
                meta,
                pages,
                freed,
                born,
                page_counts,
                taken,
            }))
        }
        Ok(None) => {
            m.space.undo();
            Ok(None)
        }
        Err(e) => {
            m.space.undo();
            Err(e)
        }
    }
}

pub(super) struct Merge<'v, 'f> {
    pub view: &'v View,
    pub page_size: usize,
    pub space: Allocation<'f>,
    pub pages: NewPages,
    freed: Vec<(u64, u64)>,
    pub born: Vec<u64>,
    pub page_counts: PageCounts,
}

impl<'v> Merge<'v, '_> {
    /// Applies the batch. Returns the new root of the tree of buckets, if it changed.
    fn batch(&mut self, batch: &Batch) -> Result<Option<u64>> {
        // Apply the operations to each bucket.
        let mut values: Vec<(&[u8], Option<Vec<u8>>)> = Vec::new();
        for (name, ops) in batch.buckets() {
            if let Some(value) = self.bucket(name, ops)? {
                values.push((name, value));
            }
        }
        // Store the new roots in the tree of buckets.
        let ops: Vec<Op> = values
            .iter()
            .map(|(key, value)| Op {
                key,
                value: value.as_deref(),
                flags: BUCKET_ELEMENT,
            })
            .collect();
        let root = self.view.meta.root;
        let new = if ops.is_empty() {
            root
        } else {
            self.tree(root, &ops)?
        };
        Ok((new != root).then_some(new))
    }

    /// Applies operations to a bucket. Returns the new value of its entry: `None` if unchanged, `Some(None)` if the
    /// entry is deleted.
    fn bucket(&mut self, name: &[u8], ops: &Ops) -> Result<Option<Option<Vec<u8>>>> {
        let old = Bucket::open(self.view, name)?;
        let list: Vec<Op> = ops
            .iter()
            .map(|(key, v)| Op {
                key,
                value: v.map(|v| &v[..]),
                flags: 0,
            })
            .collect();
        // Free the pages of a bucket that is deleted or cleared.
        let goes = ops.exists == Some(false);
        let starts = ops.cleared || old.is_none();
        if let Some(old) = old.as_ref().filter(|_| ops.cleared) {
            self.drop_bucket(old, 0)?;
        }
        if goes || starts && ops.exists.is_none() && !ops.has_puts() {
            return Ok(old.map(|_| None));
        }
        // Build a new tree from the puts, or merge the operations into the existing tree.
        let (children, sequence) = match old.filter(|_| !starts) {
            None => {
                let elements = list.iter().filter_map(Op::element).collect();
                (vec![Child::Dirty(Node::leaf(true, elements))], 0)
            }
            Some(_) if list.is_empty() => return Ok(None),
            Some(old) => {
                let children = match old.root() {
                    Root::Page(id) => self.changed_root(*id, &list)?,
                    Root::Inline(page) => self.changed_inline_root(page, &list)?,
                };
                match children {
                    None => return Ok(None),
                    Some(children) => (children, old.sequence()),
                }
            }
        };
        self.bucket_value(children, sequence).map(|v| Some(Some(v)))
    }

    /// Applies operations to a tree. Returns its new root, not yet written; `None` if unchanged.
    fn changed_root<'n>(&mut self, root: u64, ops: &[Op<'n>]) -> Result<Option<Vec<Child<'n>>>>
    where
        'v: 'n,
    {
        let mut children = Vec::new();
        self.subtree(&[], root, ops, 0, &mut children)?;
        let same = matches!(children[..], [Child::Clean { pgid, .. }] if pgid == root);
        Ok((!same).then_some(children))
    }

    /// Applies operations to the leaf of an inline bucket. Returns its new root; `None` if unchanged.
    fn changed_inline_root<'n>(
        &mut self,
        page: &Page<&'v [u8]>,
        ops: &[Op<'n>],
    ) -> Result<Option<Vec<Child<'n>>>>
    where
        'v: 'n,
    {
        let node = match self.leaf(page, ops)? {
            Merged::Same => return Ok(None),
            // An inline leaf cannot stay next to the new one; append to it.
            Merged::Grown(new) => {
                let mut elements = self.elements(page)?;
                elements.extend(new);
                Node::leaf(true, elements)
            }
            Merged::Changed(node) => node,
        };
        Ok(Some(vec![Child::Dirty(node)]))
    }

    /// Writes a bucket's tree, unless it is small enough to be stored inline. Returns the value of its entry.
    fn bucket_value<'n>(&mut self, children: Vec<Child<'n>>, sequence: u64) -> Result<Vec<u8>>
    where
        'v: 'n,
    {
        let children = self.settle_root(children)?;
        let inline = match &children[..] {
            [] => inline_bucket_value(self.page_size, sequence, &[]),
            [
                Child::Dirty(Node {
                    body: Body::Leaf(elements),
                    ..
                }),
            ] => inline_bucket_value(self.page_size, sequence, elements),
            _ => None,
        };
        match inline {
            Some(value) => Ok(value),
            None => Ok(bucket_value(self.write_tree(children)?, sequence)),
        }
    }

    /// Frees all pages of a bucket and of its nested buckets.
    fn drop_bucket(&mut self, bucket: &Bucket<&'v View>, depth: usize) -> Result<()> {
        match bucket.root() {
            Root::Page(id) => {
                let page = self.view.page(*id, || 1)?;
                self.drop_tree(&page, depth)
            }
            Root::Inline(_) => Ok(()),
        }
    }

    fn drop_tree(&mut self, page: &Page<&'v [u8]>, depth: usize) -> Result<()> {
        let fail = in_source(self.view);
        page.check_tree_page().map_err(fail)?;
        if depth > MAX_DEPTH {
            return Err(fail(page.damage(too_deep())));
        }
        self.free(page);
        for i in 0..page.count() {
            if page.is_branch() {
                let child = self.view.page(page.child(i).map_err(fail)?, || 1)?;
                self.drop_tree(&child, depth + 1)?;
            } else if page.flags(i).map_err(fail)? & BUCKET_ELEMENT != 0 {
                let (flags, key, value) = page.leaf(i).map_err(fail)?;
                let entry = super::cursor::Entry { flags, key, value };
                let nested = Bucket::from_entry(self.view, page.pgid(), &entry)?;
                self.drop_bucket(&nested, depth + 1)?;
            }
        }
        Ok(())
    }

    /// Marks a page as replaced by this commit.
    pub(super) fn free(&mut self, page: &Page<&'v [u8]>) {
        let pages = page.header().pages();
        self.freed.push((page.pgid(), pages));
        self.page_counts.remove(page.is_leaf(), pages);
    }

    /// Applies operations to the tree under page `root` and writes it; returns the new root page.
    fn tree<'n>(&mut self, root: u64, ops: &[Op<'n>]) -> Result<u64>
    where
        'v: 'n,
    {
        let mut children = Vec::new();
        self.subtree(&[], root, ops, 0, &mut children)?;
        let children = self.settle_root(children)?;
        self.write_tree(children)
    }

    /// Applies operations below one child of a branch. Appends what replaces the child to `children`.
    fn subtree<'n>(
        &mut self,
        key: &'n [u8],
        pgid: u64,
        ops: &[Op<'n>],
        depth: usize,
        children: &mut Vec<Child<'n>>,
    ) -> Result<()>
    where
        'v: 'n,
    {
        let fail = in_source(self.view);
        let page = self.view.page(pgid, || 1)?;
        page.check_tree_page().map_err(fail)?;
        if depth > MAX_DEPTH {
            return Err(fail(page.damage(too_deep())));
        }
        if page.is_branch() {
            match self.branch(&page, ops, depth)? {
                Some(node) => children.push(Child::Dirty(node)),
                None => children.push(Child::Clean { key, pgid }),
            }
            return Ok(());
        }
        match self.leaf(&page, ops)? {
            Merged::Same => children.push(Child::Clean { key, pgid }),
            Merged::Grown(new) => {
                // A root has no key yet; it gets one now that it has a neighbour.
                let key = page.leaf(0).map_err(fail)?.1;
                children.extend([
                    Child::Clean { key, pgid },
                    Child::Dirty(Node::leaf(true, new)),
                ]);
            }
            Merged::Changed(node) => {
                self.free(&page);
                children.push(Child::Dirty(node));
            }
        }
        Ok(())
    }

    fn branch<'n>(
        &mut self,
        page: &Page<&'v [u8]>,
        ops: &[Op<'n>],
        depth: usize,
    ) -> Result<Option<Node<'n>>>
    where
        'v: 'n,
    {
        let fail = in_source(self.view);
        let count = page.count();
        // Apply the operations below each child that they affect. Record the child's index and where its results end.
        let mut touched: Vec<(usize, usize)> = Vec::new();
        let mut results = Vec::new();
        let mut rest = ops;
        while let Some(op) = rest.first() {
            let i = page.lower(op.key, true).map_err(fail)?.saturating_sub(1);
            let (key, pgid) = page.branch(i).map_err(fail)?;
            let mine;
            (mine, rest) = if i + 1 < count {
                let next = page.key(i + 1).map_err(fail)?;
                rest.split_at(rest.partition_point(|op| op.key < next))
            } else {
                (rest, &[][..])
            };
            if mine.is_empty() {
                return Err(fail(page.damage("its keys are not in order")));
            }
            self.subtree(key, pgid, mine, depth + 1, &mut results)?;
            touched.push((i, results.len()));
        }
        // If nothing changed below, keep this page.
        if results.iter().all(|k| matches!(k, Child::Clean { .. })) {
            return Ok(None);
        }
        // If only page numbers change, copy the page and patch them.
        self.free(page);
        if count > 1 && self.can_patch(page, &touched, &results)? {
            let patches = touched
                .iter()
                .zip(results)
                .filter_map(|((i, _), child)| match child {
                    Child::Clean { .. } => None,
                    Child::Dirty(node) => Some((*i, node)),
                });
            let body = Body::Patched {
                page: page.clone(),
                first: page.branch(0).map_err(fail)?.0,
                patches: patches.collect(),
            };
            return Ok(Some(Node { grows: false, body }));
        }
        // Otherwise build the new list of children from the unchanged ones and the results, and join small ones with
        // their neighbours.
        let grows = matches!(results.last(), Some(Child::Dirty(n)) if n.grows && touched.last().is_some_and(|t| t.0 + 1 == count));
        let mut children = Vec::with_capacity(count + results.len());
        let mut results = results.into_iter();
        let mut touched = touched.into_iter().peekable();
        let mut taken = 0;
        for i in 0..count {
            match touched.next_if(|t| t.0 == i) {
                Some((_, end)) => {
                    children.extend(results.by_ref().take(end - taken));
                    taken = end;
                }
                None => {
                    let (key, pgid) = page.branch(i).map_err(fail)?;
                    children.push(Child::Clean { key, pgid });
                }
            }
        }
        Ok(Some(Node {
            grows,
            body: Body::Branch(self.settle(children)?),
        }))
    }

    /// Whether each affected child remains a single page under the same key, so that only page numbers change in the
    /// branch. The key must equal the child's first key, by which bbolt finds the child.
    fn can_patch(
        &self,
        page: &Page<&'v [u8]>,
        touched: &[(usize, usize)],
        results: &[Child<'_>],
    ) -> Result<bool> {
        if touched.len() != results.len() {
            return Ok(false);
        }
        for ((i, _), child) in touched.iter().zip(results) {
            let Child::Dirty(node) = child else { continue };
            let one = match &node.body {
                Body::Leaf(elements) => {
                    let size = self.size(node)?;
                    elements.len() == 1 || (size >= self.page_size / 4 && size <= self.page_size)
                }
                Body::Branch(_) => false,
                Body::Patched { .. } => true,
            };
            if !one
                || node.is_empty()
                || node.first_key() != page.key(*i).map_err(in_source(self.view))?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Applies operations to the elements of a leaf.
    fn leaf<'n>(&mut self, page: &Page<&'v [u8]>, ops: &[Op<'n>]) -> Result<Merged<'n>>
    where
        'v: 'n,
    {
        let fail = in_source(self.view);
        let count = page.count();
        // Appending to the leaf is the common case.
        if let (Some(first), true) = (ops.first(), count > 0)
            && first.key > page.key(count - 1).map_err(fail)?
        {
            let new: Vec<Element> = ops.iter().filter_map(Op::element).collect();
            // Leave a full leaf unchanged and put the appended elements on a new one. This avoids rewriting the
            // existing elements, in particular large values.
            return Ok(match new.first() {
                None => Merged::Same,
                Some(e)
                    if page.data().len() > self.page_size
                        || self.used(page)? + e.size() > self.page_size =>
                {
                    Merged::Grown(new)
                }
                Some(_) => {
                    let mut elements = self.elements(page)?;
                    elements.extend(new);
                    Merged::Changed(Node::leaf(true, elements))
                }
            });
        }
        // Merge the elements with the operations, both of which are in key order.
        let mut elements = Vec::with_capacity(count + ops.len());
        let mut changed = false;
        let mut i = 0;
        for op in ops {
            let mut found = false;
            while i < count {
                let element = Element::of_leaf(page, i).map_err(fail)?;
                if element.key > op.key {
                    break;
                }
                i += 1;
                if element.key == op.key {
                    found = true;
                    break;
                }
                elements.push(element);
            }
            changed |= found || op.value.is_some();
            elements.extend(op.element());
        }
        if !changed {
            return Ok(Merged::Same);
        }
        // If the last operation put the last key, more keys are expected after it.
        let grows = i == count && ops.last().is_some_and(|op| op.value.is_some());
        for i in i..count {
            elements.push(Element::of_leaf(page, i).map_err(fail)?);
        }
        Ok(Merged::Changed(Node::leaf(grows, elements)))
    }
}
