//! A batch merged into the trees: one walk down to the leaves it touches and back up.
//! No page that a meta leads to is written: new pages go to places that were free.
//!
//! A touched page is loaded as a [`Node`] and merged with its operations here, goes together with a neighbour
//! if it has become thin (`rebalance`), and becomes one page or several (`spill`); its parent is a touched
//! page in turn.

use super::batch::{Batch, Ops};
use super::error::Result;
use super::free::{Allocation, Free, Taken};
use super::meta::{Meta, NO_FREELIST};
use super::new_pages::NewPages;
use super::node::{Body, Kid, Merged, Node, Op};
use super::page::{BUCKET_ELEMENT, Element, Page};
use super::shape::Shape;
use super::tree::{Bucket, MAX_DEPTH, Root, Source, bucket_value, in_source, inline_bucket_value};
use super::view::View;

/// How full pages are made where there is more to come, in parts of a hundred.
pub(crate) const FILL_PERCENT: usize = 90;

/// What a commit is to write, and what becomes of the pages.
pub(crate) struct Plan {
    /// Root, high-water mark and freelist of the new meta; its transaction is the caller's affair.
    pub meta: Meta,
    pub pages: NewPages,
    pub freed: Vec<(u64, u64)>,
    pub born: Vec<u64>,
    pub shape: Shape,
    pub taken: Taken,
}

/// Merges a batch into the trees of a view; `None` if it changes nothing. New pages go to `pages`, which may
/// write them at once: nobody reads them before a meta leads there. `usual` and `room` as [`Allocation::at_end`] has them.
///
/// # Errors
/// [`Error::Corrupt`](super::Error::Corrupt) if a page that is met is damaged, and failures of writing. `free` is then as it was.
pub(crate) fn merge(
    view: &View,
    free: &mut Free,
    shape: Shape,
    pages: NewPages,
    batch: &Batch,
    usual: u64,
    room: u64,
) -> Result<Option<Plan>> {
    let page_size = u64::from(view.meta.page_size);
    let touched = (batch.ops() as u64).saturating_mul(2) + batch.bytes() / page_size + 2;
    let mut m = Merge {
        view,
        page_size: view.meta.page_size as usize,
        space: Allocation::new(free, view.meta.high_water, touched).at_end(usual, room),
        pages,
        freed: Vec::new(),
        born: Vec::new(),
        shape,
    };
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
                shape,
                ..
            } = m;
            Ok(Some(Plan {
                meta,
                pages,
                freed,
                born,
                shape,
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
    pub shape: Shape,
}

impl<'v> Merge<'v, '_> {
    /// The new root of the tree of buckets, if it has changed.
    fn batch(&mut self, batch: &Batch) -> Result<Option<u64>> {
        let mut values: Vec<(&[u8], Option<Vec<u8>>)> = Vec::new();
        for (name, ops) in batch.buckets() {
            if let Some(value) = self.bucket(name, ops)? {
                values.push((name, value));
            }
        }
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

    /// The new value of a bucket's entry: `None` if it stays as it is, `Some(None)` if the entry is deleted.
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
        let goes = ops.exists == Some(false);
        let starts = ops.cleared || old.is_none();
        if let Some(old) = old.as_ref().filter(|_| ops.cleared) {
            self.drop_bucket(old, 0)?;
        }
        if goes || starts && ops.exists.is_none() && !ops.has_puts() {
            return Ok(old.map(|_| None));
        }
        let (kids, sequence) = match old.filter(|_| !starts) {
            None => {
                let elements = list.iter().filter_map(Op::element).collect();
                (vec![Kid::Dirty(Node::leaf(true, elements))], 0)
            }
            Some(_) if list.is_empty() => return Ok(None),
            Some(old) => {
                let kids = match old.root() {
                    Root::Page(id) => self.changed_root(*id, &list)?,
                    Root::Inline(page) => self.changed_inline_root(page, &list)?,
                };
                match kids {
                    None => return Ok(None),
                    Some(kids) => (kids, old.sequence()),
                }
            }
        };
        self.bucket_value(kids, sequence).map(|v| Some(Some(v)))
    }

    /// The root of a tree after operations, not yet written; `None` if it stays as it is.
    fn changed_root<'n>(&mut self, root: u64, ops: &[Op<'n>]) -> Result<Option<Vec<Kid<'n>>>>
    where
        'v: 'n,
    {
        let mut kids = Vec::new();
        self.subtree(&[], root, ops, 0, &mut kids)?;
        let same = matches!(kids[..], [Kid::Clean { pgid, .. }] if pgid == root);
        Ok((!same).then_some(kids))
    }

    /// The same for the leaf of an inline bucket.
    fn changed_inline_root<'n>(
        &mut self,
        page: &Page<&'v [u8]>,
        ops: &[Op<'n>],
    ) -> Result<Option<Vec<Kid<'n>>>>
    where
        'v: 'n,
    {
        let node = match self.leaf(page, ops)? {
            Merged::Same => return Ok(None),
            // An inline leaf has no page that could stay beside the new one.
            Merged::Grown(new) => {
                let mut elements = self.elements(page)?;
                elements.extend(new);
                Node::leaf(true, elements)
            }
            Merged::Changed(node) => node,
        };
        Ok(Some(vec![Kid::Dirty(node)]))
    }

    /// Writes a bucket's tree, unless it is small enough to be stored inline; the value of its entry.
    fn bucket_value<'n>(&mut self, kids: Vec<Kid<'n>>, sequence: u64) -> Result<Vec<u8>>
    where
        'v: 'n,
    {
        let kids = self.settle_root(kids)?;
        let inline = match &kids[..] {
            [] => inline_bucket_value(self.page_size, sequence, &[]),
            [
                Kid::Dirty(Node {
                    body: Body::Leaf(elements),
                    ..
                }),
            ] => inline_bucket_value(self.page_size, sequence, elements),
            _ => None,
        };
        match inline {
            Some(value) => Ok(value),
            None => Ok(bucket_value(self.top(kids)?, sequence)),
        }
    }

    /// Frees all pages of a bucket and of those nested in it.
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
            return Err(fail(page.damage(format!(
                "the tree is more than {MAX_DEPTH} levels deep here"
            ))));
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

    /// Notes that the commit takes the place of a page.
    pub(super) fn free(&mut self, page: &Page<&'v [u8]>) {
        let pages = page.header().pages();
        self.freed.push((page.pgid(), pages));
        self.shape.remove(page.is_leaf(), pages);
    }

    /// Applies operations to the tree under page `root`; the page that is its root afterwards.
    fn tree<'n>(&mut self, root: u64, ops: &[Op<'n>]) -> Result<u64>
    where
        'v: 'n,
    {
        let mut kids = Vec::new();
        self.subtree(&[], root, ops, 0, &mut kids)?;
        let kids = self.settle_root(kids)?;
        self.top(kids)
    }

    /// Applies operations below one child of a branch; what becomes of the child is appended to `kids`.
    fn subtree<'n>(
        &mut self,
        key: &'n [u8],
        pgid: u64,
        ops: &[Op<'n>],
        depth: usize,
        kids: &mut Vec<Kid<'n>>,
    ) -> Result<()>
    where
        'v: 'n,
    {
        let fail = in_source(self.view);
        let page = self.view.page(pgid, || 1)?;
        page.check_tree_page().map_err(fail)?;
        if depth > MAX_DEPTH {
            return Err(fail(page.damage(format!(
                "the tree is more than {MAX_DEPTH} levels deep here"
            ))));
        }
        if page.is_branch() {
            match self.branch(&page, ops, depth)? {
                Some(node) => kids.push(Kid::Dirty(node)),
                None => kids.push(Kid::Clean { key, pgid }),
            }
            return Ok(());
        }
        match self.leaf(&page, ops)? {
            Merged::Same => kids.push(Kid::Clean { key, pgid }),
            Merged::Grown(new) => {
                // A root has no key yet, and gets a neighbour here.
                let key = page.leaf(0).map_err(fail)?.1;
                kids.extend([Kid::Clean { key, pgid }, Kid::Dirty(Node::leaf(true, new))]);
            }
            Merged::Changed(node) => {
                self.free(&page);
                kids.push(Kid::Dirty(node));
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
        // What becomes of the children that are touched: the index of each, and where its results end.
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
        if results.iter().all(|k| matches!(k, Kid::Clean { .. })) {
            return Ok(None);
        }
        self.free(page);
        if count > 1 && self.can_patch(page, &touched, &results)? {
            let patches = touched
                .iter()
                .zip(results)
                .filter_map(|((i, _), kid)| match kid {
                    Kid::Clean { .. } => None,
                    Kid::Dirty(node) => Some((*i, node)),
                });
            let body = Body::Patched {
                page: page.clone(),
                first: page.branch(0).map_err(fail)?.0,
                patches: patches.collect(),
            };
            return Ok(Some(Node { grows: false, body }));
        }
        let grows = matches!(results.last(), Some(Kid::Dirty(n)) if n.grows && touched.last().is_some_and(|t| t.0 + 1 == count));
        let mut kids = Vec::with_capacity(count + results.len());
        let mut results = results.into_iter();
        let mut touched = touched.into_iter().peekable();
        let mut taken = 0;
        for i in 0..count {
            match touched.next_if(|t| t.0 == i) {
                Some((_, end)) => {
                    kids.extend(results.by_ref().take(end - taken));
                    taken = end;
                }
                None => {
                    let (key, pgid) = page.branch(i).map_err(fail)?;
                    kids.push(Kid::Clean { key, pgid });
                }
            }
        }
        Ok(Some(Node {
            grows,
            body: Body::Branch(self.settle(kids)?),
        }))
    }

    /// Whether each touched child of a branch stays one page under the key that it has. That key must be its
    /// first: bbolt finds a child's place in its branch by it.
    fn can_patch(
        &self,
        page: &Page<&'v [u8]>,
        touched: &[(usize, usize)],
        results: &[Kid<'_>],
    ) -> Result<bool> {
        if touched.len() != results.len() {
            return Ok(false);
        }
        for ((i, _), kid) in touched.iter().zip(results) {
            let Kid::Dirty(node) = kid else { continue };
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
        if let (Some(first), true) = (ops.first(), count > 0)
            && first.key > page.key(count - 1).map_err(fail)?
        {
            let new: Vec<Element> = ops.iter().filter_map(Op::element).collect();
            // A leaf that has no room for the first new element stays as it is, beside a new one: what
            // stands before an append is not written again, above all no large value.
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
        let grows = i == count && ops.last().is_some_and(|op| op.value.is_some());
        for i in i..count {
            elements.push(Element::of_leaf(page, i).map_err(fail)?);
        }
        Ok(Merged::Changed(Node::leaf(grows, elements)))
    }
}
