//! A batch merged into the trees: one walk down to the leaves it touches and back up, in memory alone.
//! What comes out are the bytes of new pages and the numbers of old ones; nothing is written here.
//!
//! A touched page is loaded as a [`Node`], merged with its operations, settled with a neighbour if it has
//! become thin, and written in one or more pieces; its parent is a touched page in turn.

use super::batch::{Batch, Ops};
use super::error::Result;
use super::free::{Allocation, Free, Taken};
use super::meta::{Meta, NO_FREELIST};
use super::page::{BUCKET_ELEMENT, ELEMENT_SIZE, Element, HEADER_SIZE, MAX_ELEMENTS, Page, encode};
use super::shape::Shape;
use super::tree::{BUCKET_HEADER, Bucket, MAX_DEPTH, Root, Source, in_source};
use super::view::View;

/// How full pages are made where there is more to come, in parts of a hundred.
pub(crate) const FILL_PERCENT: usize = 90;
/// Most bytes of neighbouring pages that are gathered for one write.
const RUN_BYTES: usize = 1 << 20;

/// Pages in a row, to be written at once.
pub(crate) struct Run {
    pub first: u64,
    pub bytes: Vec<u8>,
}

/// What a commit is to write, and what becomes of the pages.
pub(crate) struct Plan {
    /// Root, high-water mark and freelist of the new meta; its transaction is the caller's affair.
    pub meta: Meta,
    pub runs: Vec<Run>,
    pub freed: Vec<(u64, u64)>,
    pub born: Vec<u64>,
    pub shape: Shape,
    pub taken: Taken,
}

/// One operation on a tree.
#[derive(Clone, Copy)]
struct Op<'n> {
    key: &'n [u8],
    value: Option<&'n [u8]>,
    flags: u32,
}

impl<'n> Op<'n> {
    fn element(&self) -> Option<Element<'n>> {
        self.value.map(|value| Element {
            flags: self.flags,
            pgid: 0,
            key: self.key,
            value,
        })
    }
}

/// A page's elements, taken apart to be changed.
struct Node<'n> {
    leaf: bool,
    /// Whether it grew at its end, so that more is to be expected there.
    grows: bool,
    elements: Vec<Element<'n>>,
}

impl Node<'_> {
    fn size(&self) -> usize {
        HEADER_SIZE + self.elements.iter().map(Element::size).sum::<usize>()
    }
}

/// A child of a branch: as it was, or changed and not yet written.
enum Kid<'n> {
    Clean { key: &'n [u8], pgid: u64 },
    Dirty(Node<'n>),
}

/// Merges a batch into the trees of a view; `None` if it changes nothing.
///
/// # Errors
/// [`Error::Corrupt`] if a page that is met is damaged. `free` is then as it was.
pub(crate) fn merge(
    view: &View,
    free: &mut Free,
    shape: Shape,
    batch: &Batch,
) -> Result<Option<Plan>> {
    let touched =
        (batch.ops() as u64).saturating_mul(2) + batch.bytes() / u64::from(view.meta.page_size) + 2;
    let mut m = Merge {
        view,
        page_size: view.meta.page_size as usize,
        pages: Allocation::new(free, view.meta.high_water, touched),
        runs: Vec::new(),
        expected: touched,
        freed: Vec::new(),
        born: Vec::new(),
        shape,
    };
    match m.batch(batch) {
        Ok(Some(root)) => {
            let (high_water, taken) = m.pages.finish();
            let meta = Meta {
                root,
                high_water,
                freelist: NO_FREELIST,
                ..view.meta
            };
            Ok(Some(Plan {
                meta,
                runs: m.runs,
                freed: m.freed,
                born: m.born,
                shape: m.shape,
                taken,
            }))
        }
        Ok(None) => {
            m.pages.undo();
            Ok(None)
        }
        Err(e) => {
            m.pages.undo();
            Err(e)
        }
    }
}

struct Merge<'v, 'f> {
    view: &'v View,
    page_size: usize,
    pages: Allocation<'f>,
    runs: Vec<Run>,
    /// About how many pages are still to come.
    expected: u64,
    freed: Vec<(u64, u64)>,
    born: Vec<u64>,
    shape: Shape,
}

/// A bucket's value in the tree of buckets.
type BucketHead = [u8; BUCKET_HEADER];

impl<'v> Merge<'v, '_> {
    /// The new root of the tree of buckets, if it has changed.
    fn batch(&mut self, batch: &Batch) -> Result<Option<u64>> {
        let mut heads: Vec<(&[u8], Option<BucketHead>)> = Vec::new();
        for (name, ops) in batch.buckets() {
            if let Some(head) = self.bucket(name, ops)? {
                heads.push((name, head));
            }
        }
        let ops: Vec<Op> = heads
            .iter()
            .map(|(key, head)| Op {
                key,
                value: head.as_ref().map(|h| &h[..]),
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

    /// What becomes of a bucket's entry: `None` if nothing, `Some(None)` if it goes.
    fn bucket(&mut self, name: &[u8], ops: &Ops) -> Result<Option<Option<BucketHead>>> {
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
        let (root, sequence) = match old.filter(|_| !starts) {
            None => {
                let elements = list.iter().filter_map(Op::element).collect();
                (
                    self.top(vec![Kid::Dirty(Node {
                        leaf: true,
                        grows: true,
                        elements,
                    })])?,
                    0,
                )
            }
            Some(_) if list.is_empty() => return Ok(None),
            Some(old) => match old.root() {
                Root::Page(id) => match self.tree(*id, &list)? {
                    new if new == *id => return Ok(None),
                    new => (new, old.sequence()),
                },
                // From now on a page of its own: the bucket's value need not be copied again and again.
                Root::Inline(page) => match self.leaf(page, &list)? {
                    Merged::Same => return Ok(None),
                    Merged::Grown(node) => {
                        let mut all = self.node(page)?;
                        all.grows = true;
                        all.elements.extend(node.elements);
                        (self.top(vec![Kid::Dirty(all)])?, old.sequence())
                    }
                    Merged::Changed(node) => (self.top(vec![Kid::Dirty(node)])?, old.sequence()),
                },
            },
        };
        let mut head = [0; BUCKET_HEADER];
        head[..8].copy_from_slice(&root.to_le_bytes());
        head[8..].copy_from_slice(&sequence.to_le_bytes());
        Ok(Some(Some(head)))
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
    fn free(&mut self, page: &Page<&'v [u8]>) {
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
            Merged::Grown(node) => kids.extend([Kid::Clean { key, pgid }, Kid::Dirty(node)]),
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
        let mut kids = Vec::with_capacity(page.count() + 2);
        let mut rest = ops;
        let mut changed = false;
        for i in 0..page.count() {
            let (key, pgid) = page.branch(i).map_err(fail)?;
            let mine;
            (mine, rest) = match i + 1 < page.count() {
                false => (rest, &[][..]),
                true if rest.is_empty() => (rest, rest),
                true => {
                    let next = page.key(i + 1).map_err(fail)?;
                    rest.split_at(rest.partition_point(|op| op.key < next))
                }
            };
            if mine.is_empty() {
                kids.push(Kid::Clean { key, pgid });
                continue;
            }
            let before = kids.len();
            self.subtree(key, pgid, mine, depth + 1, &mut kids)?;
            changed |= kids[before..].iter().any(|k| matches!(k, Kid::Dirty(_)));
        }
        if !changed {
            return Ok(None);
        }
        self.free(page);
        let grows = matches!(kids.last(), Some(Kid::Dirty(n)) if n.grows);
        let elements = self.settle(kids)?;
        Ok(Some(Node {
            leaf: false,
            grows,
            elements,
        }))
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
                    Merged::Grown(Node {
                        leaf: true,
                        grows: true,
                        elements: new,
                    })
                }
                Some(_) => {
                    let mut node = self.node(page)?;
                    node.elements.extend(new);
                    node.grows = true;
                    Merged::Changed(node)
                }
            });
        }
        let mut elements = Vec::with_capacity(count + ops.len());
        let mut changed = false;
        let mut i = 0;
        for op in ops {
            let mut found = false;
            while i < count {
                let (flags, key, value) = page.leaf(i).map_err(fail)?;
                if key > op.key {
                    break;
                }
                i += 1;
                if key == op.key {
                    found = true;
                    break;
                }
                elements.push(Element {
                    flags,
                    pgid: 0,
                    key,
                    value,
                });
            }
            changed |= found || op.value.is_some();
            elements.extend(op.element());
        }
        if !changed {
            return Ok(Merged::Same);
        }
        let grows = i == count && ops.last().is_some_and(|op| op.value.is_some());
        for i in i..count {
            let (flags, key, value) = page.leaf(i).map_err(fail)?;
            elements.push(Element {
                flags,
                pgid: 0,
                key,
                value,
            });
        }
        Ok(Merged::Changed(Node {
            leaf: true,
            grows,
            elements,
        }))
    }

    /// The elements of a page.
    fn node(&self, page: &Page<&'v [u8]>) -> Result<Node<'v>> {
        let fail = in_source(self.view);
        let mut elements = Vec::with_capacity(page.count() + 1);
        for i in 0..page.count() {
            elements.push(if page.is_leaf() {
                let (flags, key, value) = page.leaf(i).map_err(fail)?;
                Element {
                    flags,
                    pgid: 0,
                    key,
                    value,
                }
            } else {
                let (key, pgid) = page.branch(i).map_err(fail)?;
                Element {
                    flags: 0,
                    pgid,
                    key,
                    value: &[],
                }
            });
        }
        Ok(Node {
            leaf: page.is_leaf(),
            grows: false,
            elements,
        })
    }

    /// Bytes of a page that hold something.
    fn used(&self, page: &Page<&'v [u8]>) -> Result<usize> {
        let fail = in_source(self.view);
        let mut used = HEADER_SIZE;
        for i in 0..page.count() {
            used += ELEMENT_SIZE
                + match page.is_leaf() {
                    true => page
                        .leaf(i)
                        .map(|(_, k, v)| k.len() + v.len())
                        .map_err(fail)?,
                    false => page.key(i).map(<[u8]>::len).map_err(fail)?,
                };
        }
        Ok(used)
    }

    /// Bytes up to which pages are filled where there is more to come.
    fn fill(&self) -> usize {
        self.page_size * FILL_PERCENT / 100
    }

    /// Whether a changed node should go together with a neighbour, and whether it must.
    fn is_thin(&self, node: &Node<'_>) -> (bool, bool) {
        let alone = !node.leaf && node.elements.len() < 2;
        (alone || node.size() < self.page_size / 4, alone)
    }

    /// Joins thin changed children with a neighbour, writes the changed ones, and returns the elements of
    /// the branch above them.
    fn settle<'n>(&mut self, kids: Vec<Kid<'n>>) -> Result<Vec<Element<'n>>>
    where
        'v: 'n,
    {
        let mut done: Vec<Kid<'n>> = Vec::with_capacity(kids.len());
        for kid in kids {
            if matches!(&kid, Kid::Dirty(n) if n.elements.is_empty()) {
                continue;
            }
            match done.pop() {
                None => done.push(kid),
                Some(last) => match self.join(last, kid)? {
                    (one, None) => done.push(one),
                    (one, Some(two)) => done.extend([one, two]),
                },
            }
        }
        let mut elements = Vec::with_capacity(done.len() + 2);
        for kid in done {
            match kid {
                Kid::Clean { key, pgid } => elements.push(Element {
                    flags: 0,
                    pgid,
                    key,
                    value: &[],
                }),
                Kid::Dirty(node) => self.write(&node, &mut elements),
            }
        }
        Ok(elements)
    }

    /// Two neighbours, as one if the one is thin and goes into the other.
    fn join<'n>(&mut self, left: Kid<'n>, right: Kid<'n>) -> Result<(Kid<'n>, Option<Kid<'n>>)>
    where
        'v: 'n,
    {
        let thin = |kid: &Kid<'n>| match kid {
            Kid::Clean { .. } => (false, false),
            Kid::Dirty(node) => self.is_thin(node),
        };
        let ((thin_left, must_left), (thin_right, must_right)) = (thin(&left), thin(&right));
        if !thin_left && !thin_right {
            return Ok((left, Some(right)));
        }
        let fits = self.kid_size(&left)? + self.kid_size(&right)? - HEADER_SIZE <= self.fill();
        if !fits && !must_left && !must_right {
            return Ok((left, Some(right)));
        }
        let mut node = self.load(left)?;
        let right = self.load(right)?;
        node.grows |= right.grows;
        node.elements.extend(right.elements);
        Ok((Kid::Dirty(node), None))
    }

    fn kid_size(&self, kid: &Kid<'_>) -> Result<usize> {
        match kid {
            Kid::Dirty(node) => Ok(node.size()),
            Kid::Clean { pgid, .. } => self.used(&self.view.page(*pgid, || 1)?),
        }
    }

    fn load<'n>(&mut self, kid: Kid<'n>) -> Result<Node<'n>>
    where
        'v: 'n,
    {
        match kid {
            Kid::Dirty(node) => Ok(node),
            Kid::Clean { pgid, .. } => {
                let page = self.view.page(pgid, || 1)?;
                page.check_tree_page().map_err(in_source(self.view))?;
                self.free(&page);
                self.node(&page)
            }
        }
    }

    /// Writes a tree's upper end; the page that is its root.
    fn top(&mut self, kids: Vec<Kid<'_>>) -> Result<u64> {
        // A branch with one child is no root: the child is.
        if let [Kid::Dirty(node)] = &kids[..]
            && let (false, [only]) = (node.leaf, &node.elements[..])
        {
            return Ok(only.pgid);
        }
        let mut elements = match &kids[..] {
            [Kid::Dirty(node)] if node.elements.is_empty() => Vec::new(),
            [Kid::Clean { pgid, .. }] => return Ok(*pgid),
            _ => self.settle(kids)?,
        };
        loop {
            match &elements[..] {
                [] => return Ok(self.page(true, &[])),
                [one] => return Ok(one.pgid),
                _ => {
                    let node = Node {
                        leaf: false,
                        grows: true,
                        elements,
                    };
                    elements = Vec::new();
                    self.write(&node, &mut elements);
                }
            }
        }
    }

    /// Writes a node in as many pieces as it needs; appends one branch element for each.
    fn write<'n>(&mut self, node: &Node<'n>, out: &mut Vec<Element<'n>>) {
        let size = node.size();
        let limit = match node.grows {
            _ if size <= self.page_size => usize::MAX,
            true => self.fill(),
            // As many pieces as at 90 %, but all about as full: each will take more.
            false => {
                let content = self.fill() - HEADER_SIZE;
                let pieces = (size - HEADER_SIZE).div_ceil(content);
                HEADER_SIZE + (size - HEADER_SIZE).div_ceil(pieces)
            }
        };
        let mut rest = &node.elements[..];
        while !rest.is_empty() {
            let n = self.piece(rest, node.leaf, limit);
            let piece;
            (piece, rest) = rest.split_at(n);
            let pgid = self.page(node.leaf, piece);
            out.push(Element {
                flags: 0,
                pgid,
                key: piece[0].key,
                value: &[],
            });
        }
    }

    /// How many of the elements go into the next page.
    fn piece(&self, elements: &[Element<'_>], leaf: bool, limit: usize) -> usize {
        let least = if leaf { 1 } else { 2 };
        let mut size = HEADER_SIZE;
        let mut n = 0;
        for e in elements {
            if n >= least && (size + e.size() > limit.min(self.page_size)) || n == MAX_ELEMENTS {
                break;
            }
            size += e.size();
            n += 1;
        }
        // A branch of one element is not left over.
        match elements.len() - n {
            1 if !leaf && n > 2 => n - 1,
            1 if !leaf => n + 1,
            _ => n,
        }
    }

    /// Makes one page, with its continuation; its number.
    fn page(&mut self, leaf: bool, elements: &[Element<'_>]) -> u64 {
        let size = HEADER_SIZE + elements.iter().map(Element::size).sum::<usize>();
        let pages = size.div_ceil(self.page_size) as u64;
        let pgid = self.pages.take(pages);
        self.born.push(pgid);
        self.shape.add(leaf, pages);
        let bytes = pages as usize * self.page_size;
        let page_size = self.page_size as u64;
        let fits = |r: &Run| {
            r.first + r.bytes.len() as u64 / page_size == pgid && r.bytes.len() + bytes <= RUN_BYTES
        };
        if !self.runs.last().is_some_and(fits) {
            let expected = (self.expected as usize)
                .saturating_mul(self.page_size)
                .min(RUN_BYTES);
            self.runs.push(Run {
                first: pgid,
                bytes: Vec::with_capacity(bytes.max(expected)),
            });
        }
        self.expected = self.expected.saturating_sub(pages);
        if let Some(run) = self.runs.last_mut() {
            encode(&mut run.bytes, self.page_size, pgid, leaf, elements);
        }
        pgid
    }
}

/// What operations make of a leaf.
enum Merged<'n> {
    /// Nothing changes.
    Same,
    /// The leaf stays, and a new one follows it.
    Grown(Node<'n>),
    /// The leaf is replaced.
    Changed(Node<'n>),
}
