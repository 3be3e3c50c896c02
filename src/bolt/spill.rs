//! Writes nodes as pages, from the leaves up to the root. Nodes that do not fit into one page are split.

use super::error::Result;
use super::merge::Merge;
use super::node::{Body, Child, Node};
use super::page::{Element, HEADER_SIZE, MAX_ELEMENTS};

impl<'v> Merge<'v, '_> {
    /// Joins small nodes at the top of a tree, and replaces a root branch that has a single child by that child. Writes
    /// nothing.
    pub(super) fn settle_root<'n>(&mut self, children: Vec<Child<'n>>) -> Result<Vec<Child<'n>>>
    where
        'v: 'n,
    {
        let mut children = self.settle(children)?;
        while let [
            Child::Dirty(Node {
                body: Body::Branch(below),
                ..
            }),
        ] = &mut children[..]
            && below.len() == 1
        {
            children = std::mem::take(below);
        }
        Ok(children)
    }

    /// Writes a tree from its leaves up to its root. Returns the root page.
    pub(super) fn write_tree(&mut self, children: Vec<Child<'_>>) -> Result<u64> {
        let mut elements = Vec::new();
        self.write_children(&children, &mut elements)?;
        // Add levels above until there is a single root.
        loop {
            match &elements[..] {
                [] => return self.page(true, &[]),
                [one] => return Ok(one.pgid),
                _ => {
                    let mut above = Vec::new();
                    self.write_pieces(false, true, &elements, &mut above)?;
                    elements = above;
                }
            }
        }
    }

    /// Writes the changed children and appends a branch element for each child.
    pub(super) fn write_children<'n>(
        &mut self,
        children: &[Child<'n>],
        out: &mut Vec<Element<'n>>,
    ) -> Result<()> {
        for child in children {
            match child {
                Child::Clean { key, pgid } => out.push(Element {
                    flags: 0,
                    pgid: *pgid,
                    key,
                    value: &[],
                }),
                Child::Dirty(node) => self.write(node, out)?,
            }
        }
        Ok(())
    }

    /// Writes a node and the changed nodes below it. Appends a branch element for each page.
    pub(super) fn write<'n>(&mut self, node: &Node<'n>, out: &mut Vec<Element<'n>>) -> Result<()> {
        match &node.body {
            Body::Leaf(elements) => self.write_pieces(true, node.grows, elements, out),
            Body::Branch(children) => {
                let mut elements = Vec::with_capacity(children.len() + 2);
                self.write_children(children, &mut elements)?;
                self.write_pieces(false, node.grows, &elements, out)
            }
            Body::Patched {
                page,
                first,
                patches,
            } => {
                // Write the changed children, then a copy of the page with their new numbers.
                let mut children = Vec::with_capacity(patches.len());
                let mut written = Vec::with_capacity(1);
                for (i, node) in patches {
                    self.write(node, &mut written)?;
                    children.extend(written.drain(..).map(|e| (*i, e.pgid)));
                }
                let pages = page.header().pages();
                let pgid = self.space.take(pages);
                self.born.push(pgid);
                self.page_counts.add(false, pages);
                self.pages.add_patched(pgid, page, &children)?;
                out.push(Element {
                    flags: 0,
                    pgid,
                    key: first,
                    value: &[],
                });
                Ok(())
            }
        }
    }

    /// Writes a node's elements to as many pages as needed. Appends a branch element for each page.
    pub(super) fn write_pieces<'n>(
        &mut self,
        leaf: bool,
        grows: bool,
        elements: &[Element<'n>],
        out: &mut Vec<Element<'n>>,
    ) -> Result<()> {
        // Choose how full to make each page.
        let content = elements.iter().map(Element::size).sum::<usize>();
        let limit = match grows {
            _ if HEADER_SIZE + content <= self.page_size => usize::MAX,
            true => self.fill(),
            // As many pages as at 90 %, but equally full, because any of them may grow.
            false => HEADER_SIZE + content.div_ceil(content.div_ceil(self.fill() - HEADER_SIZE)),
        };
        let mut rest = elements;
        while !rest.is_empty() {
            let piece;
            (piece, rest) = rest.split_at(self.piece(rest, leaf, limit));
            let pgid = self.page(leaf, piece)?;
            out.push(Element {
                flags: 0,
                pgid,
                key: piece[0].key,
                value: &[],
            });
        }
        Ok(())
    }

    /// Number of elements for the next page.
    pub(super) fn piece(&self, elements: &[Element<'_>], leaf: bool, limit: usize) -> usize {
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
        // Do not leave a single element for the last branch page.
        match elements.len() - n {
            1 if !leaf && n > 2 => n - 1,
            1 if !leaf => n + 1,
            _ => n,
        }
    }

    /// Writes one page with its continuation pages. Returns its number.
    pub(super) fn page(&mut self, leaf: bool, elements: &[Element<'_>]) -> Result<u64> {
        let size = HEADER_SIZE + elements.iter().map(Element::size).sum::<usize>();
        let pages = size.div_ceil(self.page_size) as u64;
        let pgid = self.space.take(pages);
        self.born.push(pgid);
        self.page_counts.add(leaf, pages);
        self.pages.add(pgid, pages, leaf, elements)?;
        Ok(pgid)
    }
}
