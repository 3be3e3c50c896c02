//! Joins changed nodes that have become small with a neighbour. Works on nodes in memory; `spill.rs` writes them.

use super::error::{Error, Result};
use super::merge::{FILL_PERCENT, Merge};
use super::node::{Body, Child, Node};
use super::page::{ELEMENT_SIZE, Element, HEADER_SIZE, Page};
use super::tree::{Source, in_source};

impl<'v> Merge<'v, '_> {
    /// Reads the elements of a leaf.
    pub(super) fn elements(&self, page: &Page<&'v [u8]>) -> Result<Vec<Element<'v>>> {
        let fail = in_source(self.view);
        let mut elements = Vec::with_capacity(page.count() + 1);
        for i in 0..page.count() {
            elements.push(Element::of_leaf(page, i).map_err(fail)?);
        }
        Ok(elements)
    }

    /// Reads a page as a node.
    pub(super) fn node(&self, page: &Page<&'v [u8]>) -> Result<Node<'v>> {
        if page.is_leaf() {
            return Ok(Node::leaf(false, self.elements(page)?));
        }
        let mut children = Vec::with_capacity(page.count());
        for i in 0..page.count() {
            let (key, pgid) = page.branch(i).map_err(in_source(self.view))?;
            children.push(Child::Clean { key, pgid });
        }
        Ok(Node {
            grows: false,
            body: Body::Branch(children),
        })
    }

    /// Number of bytes in use on a page.
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

    /// Number of bytes up to which pages are filled if more keys are expected.
    pub(super) fn fill(&self) -> usize {
        self.page_size * FILL_PERCENT / 100
    }

    /// Size of a node as a single page in bytes; for a branch, before its children are split.
    pub(super) fn size(&self, node: &Node<'_>) -> Result<usize> {
        Ok(HEADER_SIZE
            + match &node.body {
                Body::Leaf(elements) => elements.iter().map(Element::size).sum::<usize>(),
                Body::Branch(children) => children
                    .iter()
                    .map(|k| ELEMENT_SIZE + k.first_key().len())
                    .sum(),
                Body::Patched { page, .. } => return self.used(page),
            })
    }

    /// Whether a changed node should be joined with a neighbour, and whether it must be, since bbolt does not accept a
    /// branch with a single child.
    pub(super) fn is_thin(&self, node: &Node<'_>) -> Result<(bool, bool)> {
        let alone = matches!(&node.body, Body::Branch(children) if children.len() < 2);
        let small = match &node.body {
            Body::Patched { .. } => false,
            _ => self.size(node)? < self.page_size / 4,
        };
        Ok((alone || small, alone))
    }

    /// Joins small changed children with a neighbour, and drops empty ones.
    pub(super) fn settle<'n>(&mut self, children: Vec<Child<'n>>) -> Result<Vec<Child<'n>>>
    where
        'v: 'n,
    {
        let mut done: Vec<Child<'n>> = Vec::with_capacity(children.len());
        // Drop nodes without elements.
        for child in children {
            if matches!(&child, Child::Dirty(n) if n.is_empty()) {
                continue;
                // Join the child with its left neighbour, if one of them is small.
            }
            match done.pop() {
                None => done.push(child),
                Some(last) => match self.join(last, child)? {
                    (one, None) => done.push(one),
                    (one, Some(two)) => done.extend([one, two]),
                },
            }
        }
        Ok(done)
    }

    /// Joins two neighbours if one of them is small and both fit into one page, or if they must be joined.
    pub(super) fn join<'n>(
        &mut self,
        left: Child<'n>,
        right: Child<'n>,
    ) -> Result<(Child<'n>, Option<Child<'n>>)>
    where
        'v: 'n,
    {
        // Only changed children are candidates.
        let thin = |child: &Child<'n>| match child {
            Child::Clean { .. } => Ok((false, false)),
            Child::Dirty(node) => self.is_thin(node),
        };
        let ((thin_left, must_left), (thin_right, must_right)) = (thin(&left)?, thin(&right)?);
        if !thin_left && !thin_right {
            return Ok((left, Some(right)));
        }
        // Joining is optional if both have more than one child, so the result must fit into a page.
        let fits = self.child_size(&left)? + self.child_size(&right)? - HEADER_SIZE <= self.fill();
        if !fits && !must_left && !must_right {
            return Ok((left, Some(right)));
        }
        // Append the right node's elements to the left node's.
        let (left, right) = (self.load(left)?, self.load(right)?);
        let grows = left.grows || right.grows;
        let body = match (left.body, right.body) {
            (Body::Leaf(mut a), Body::Leaf(b)) => {
                a.extend(b);
                Body::Leaf(a)
            }
            // A branch that had a single child may now give it a neighbour, so join the children again.
            (Body::Branch(mut a), Body::Branch(b)) => {
                a.extend(b);
                Body::Branch(self.settle(a)?)
            }
            _ => {
                let what = "a branch has leaves and branches as children";
                return Err(Error::corrupt(self.view.file(), None, what));
            }
        };
        Ok((Child::Dirty(Node { grows, body }), None))
    }

    pub(super) fn child_size(&self, child: &Child<'_>) -> Result<usize> {
        match child {
            Child::Dirty(node) => self.size(node),
            Child::Clean { pgid, .. } => self.used(&self.view.page(*pgid, || 1)?),
        }
    }

    pub(super) fn load<'n>(&mut self, child: Child<'n>) -> Result<Node<'n>>
    where
        'v: 'n,
    {
        match child {
            Child::Dirty(Node {
                grows,
                body: Body::Patched { page, patches, .. },
            }) => {
                let mut patches = patches.into_iter().peekable();
                let mut children = Vec::with_capacity(page.count());
                for i in 0..page.count() {
                    let (key, pgid) = page.branch(i).map_err(in_source(self.view))?;
                    children.push(match patches.next_if(|p| p.0 == i) {
                        Some((_, node)) => Child::Dirty(node),
                        None => Child::Clean { key, pgid },
                    });
                }
                Ok(Node {
                    grows,
                    body: Body::Branch(children),
                })
            }
            Child::Dirty(node) => Ok(node),
            Child::Clean { pgid, .. } => {
                let page = self.view.page(pgid, || 1)?;
                page.check_tree_page().map_err(in_source(self.view))?;
                self.free(&page);
                self.node(&page)
            }
        }
    }
}
