//! Changed pages that have become thin go together with a neighbour.
//! Decides in memory, from the sizes of nodes; what comes out is written by `spill`.

use super::error::{Error, Result};
use super::merge::{FILL_PERCENT, Merge};
use super::node::{Body, Kid, Node};
use super::page::{ELEMENT_SIZE, Element, HEADER_SIZE, Page};
use super::tree::{Source, in_source};

impl<'v> Merge<'v, '_> {
    /// The elements of a leaf.
    pub(super) fn elements(&self, page: &Page<&'v [u8]>) -> Result<Vec<Element<'v>>> {
        let fail = in_source(self.view);
        let mut elements = Vec::with_capacity(page.count() + 1);
        for i in 0..page.count() {
            elements.push(Element::of_leaf(page, i).map_err(fail)?);
        }
        Ok(elements)
    }

    /// A page as a node.
    pub(super) fn node(&self, page: &Page<&'v [u8]>) -> Result<Node<'v>> {
        if page.is_leaf() {
            return Ok(Node::leaf(false, self.elements(page)?));
        }
        let mut kids = Vec::with_capacity(page.count());
        for i in 0..page.count() {
            let (key, pgid) = page.branch(i).map_err(in_source(self.view))?;
            kids.push(Kid::Clean { key, pgid });
        }
        Ok(Node {
            grows: false,
            body: Body::Branch(kids),
        })
    }

    /// Bytes of a page that hold something.
    pub(super) fn used(&self, page: &Page<&[u8]>) -> Result<usize> {
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
    pub(super) fn fill(&self) -> usize {
        self.page_size * FILL_PERCENT / 100
    }

    /// Bytes that a node takes as one page; of a branch, before its children are split.
    pub(super) fn size(&self, node: &Node<'_>) -> Result<usize> {
        Ok(HEADER_SIZE
            + match &node.body {
                Body::Leaf(elements) => elements.iter().map(Element::size).sum::<usize>(),
                Body::Branch(kids) => kids
                    .iter()
                    .map(|k| ELEMENT_SIZE + k.first_key().len())
                    .sum(),
                Body::Patched { page, .. } => return self.used(page),
            })
    }

    /// Whether a changed node should go together with a neighbour, and whether it must: bbolt takes no
    /// branch of one child.
    pub(super) fn is_thin(&self, node: &Node<'_>) -> Result<(bool, bool)> {
        let alone = matches!(&node.body, Body::Branch(kids) if kids.len() < 2);
        let small = match &node.body {
            Body::Patched { .. } => false,
            _ => self.size(node)? < self.page_size / 4,
        };
        Ok((alone || small, alone))
    }

    /// Joins thin changed children with a neighbour, and drops the empty ones.
    pub(super) fn settle<'n>(&mut self, kids: Vec<Kid<'n>>) -> Result<Vec<Kid<'n>>>
    where
        'v: 'n,
    {
        let mut done: Vec<Kid<'n>> = Vec::with_capacity(kids.len());
        for kid in kids {
            if matches!(&kid, Kid::Dirty(n) if n.is_empty()) {
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
        Ok(done)
    }

    /// Two neighbours, as one if one of them is thin and goes into the other.
    pub(super) fn join<'n>(
        &mut self,
        left: Kid<'n>,
        right: Kid<'n>,
    ) -> Result<(Kid<'n>, Option<Kid<'n>>)>
    where
        'v: 'n,
    {
        let thin = |kid: &Kid<'n>| match kid {
            Kid::Clean { .. } => Ok((false, false)),
            Kid::Dirty(node) => self.is_thin(node),
        };
        let ((thin_left, must_left), (thin_right, must_right)) = (thin(&left)?, thin(&right)?);
        if !thin_left && !thin_right {
            return Ok((left, Some(right)));
        }
        let fits = self.kid_size(&left)? + self.kid_size(&right)? - HEADER_SIZE <= self.fill();
        if !fits && !must_left && !must_right {
            return Ok((left, Some(right)));
        }
        let (left, right) = (self.load(left)?, self.load(right)?);
        let grows = left.grows || right.grows;
        let body = match (left.body, right.body) {
            (Body::Leaf(mut a), Body::Leaf(b)) => {
                a.extend(b);
                Body::Leaf(a)
            }
            // Children that had no neighbour before may have one now.
            (Body::Branch(mut a), Body::Branch(b)) => {
                a.extend(b);
                Body::Branch(self.settle(a)?)
            }
            _ => {
                let what = "a branch has leaves and branches as children";
                return Err(Error::corrupt(self.view.file(), None, what));
            }
        };
        Ok((Kid::Dirty(Node { grows, body }), None))
    }

    pub(super) fn kid_size(&self, kid: &Kid<'_>) -> Result<usize> {
        match kid {
            Kid::Dirty(node) => self.size(node),
            Kid::Clean { pgid, .. } => self.used(&self.view.page(*pgid, || 1)?),
        }
    }

    pub(super) fn load<'n>(&mut self, kid: Kid<'n>) -> Result<Node<'n>>
    where
        'v: 'n,
    {
        match kid {
            Kid::Dirty(Node {
                grows,
                body: Body::Patched { page, patches, .. },
            }) => {
                let mut patches = patches.into_iter().peekable();
                let mut kids = Vec::with_capacity(page.count());
                for i in 0..page.count() {
                    let (key, pgid) = page.branch(i).map_err(in_source(self.view))?;
                    kids.push(match patches.next_if(|p| p.0 == i) {
                        Some((_, node)) => Kid::Dirty(node),
                        None => Kid::Clean { key, pgid },
                    });
                }
                Ok(Node {
                    grows,
                    body: Body::Branch(kids),
                })
            }
            Kid::Dirty(node) => Ok(node),
            Kid::Clean { pgid, .. } => {
                let page = self.view.page(pgid, || 1)?;
                page.check_tree_page().map_err(in_source(self.view))?;
                self.free(&page);
                self.node(&page)
            }
        }
    }
}
