//! Nodes become pages: split where one page does not hold them, from the leaves up to a root.

use super::error::Result;
use super::merge::Merge;
use super::node::{Body, Kid, Node};
use super::page::{Element, HEADER_SIZE, MAX_ELEMENTS};

impl<'v> Merge<'v, '_> {
    /// Merges the pages at the top of a tree where they have become small, and drops a root that is a branch
    /// with one child in favour of that child. Nothing is written.
    pub(super) fn settle_root<'n>(&mut self, kids: Vec<Kid<'n>>) -> Result<Vec<Kid<'n>>>
    where
        'v: 'n,
    {
        let mut kids = self.settle(kids)?;
        while let [
            Kid::Dirty(Node {
                body: Body::Branch(below),
                ..
            }),
        ] = &mut kids[..]
            && below.len() == 1
        {
            kids = std::mem::take(below);
        }
        Ok(kids)
    }

    /// Writes a tree from its leaves up to its root; the page of the root.
    pub(super) fn top(&mut self, kids: Vec<Kid<'_>>) -> Result<u64> {
        let mut elements = Vec::new();
        self.write_kids(&kids, &mut elements)?;
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

    /// Appends a branch element for each child, after writing those that have changed.
    pub(super) fn write_kids<'n>(
        &mut self,
        kids: &[Kid<'n>],
        out: &mut Vec<Element<'n>>,
    ) -> Result<()> {
        for kid in kids {
            match kid {
                Kid::Clean { key, pgid } => out.push(Element {
                    flags: 0,
                    pgid: *pgid,
                    key,
                    value: &[],
                }),
                Kid::Dirty(node) => self.write(node, out)?,
            }
        }
        Ok(())
    }

    /// Writes a node and what has changed below it; appends a branch element for each page it takes.
    pub(super) fn write<'n>(&mut self, node: &Node<'n>, out: &mut Vec<Element<'n>>) -> Result<()> {
        match &node.body {
            Body::Leaf(elements) => self.write_pieces(true, node.grows, elements, out),
            Body::Branch(kids) => {
                let mut elements = Vec::with_capacity(kids.len() + 2);
                self.write_kids(kids, &mut elements)?;
                self.write_pieces(false, node.grows, &elements, out)
            }
            Body::Patched {
                page,
                first,
                patches,
            } => {
                let mut children = Vec::with_capacity(patches.len());
                let mut written = Vec::with_capacity(1);
                for (i, node) in patches {
                    self.write(node, &mut written)?;
                    children.extend(written.drain(..).map(|e| (*i, e.pgid)));
                }
                let pages = page.header().pages();
                let pgid = self.space.take(pages);
                self.born.push(pgid);
                self.shape.add(false, pages);
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

    /// Writes a node's elements in as many pages as they need; appends one branch element for each.
    pub(super) fn write_pieces<'n>(
        &mut self,
        leaf: bool,
        grows: bool,
        elements: &[Element<'n>],
        out: &mut Vec<Element<'n>>,
    ) -> Result<()> {
        let content = elements.iter().map(Element::size).sum::<usize>();
        let limit = match grows {
            _ if HEADER_SIZE + content <= self.page_size => usize::MAX,
            true => self.fill(),
            // As many pieces as at 90 %, but all about as full: each will take more.
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

    /// How many of the elements go into the next page.
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
        // A branch of one element is not left over.
        match elements.len() - n {
            1 if !leaf && n > 2 => n - 1,
            1 if !leaf => n + 1,
            _ => n,
        }
    }

    /// Makes one page, with its continuation; its number.
    pub(super) fn page(&mut self, leaf: bool, elements: &[Element<'_>]) -> Result<u64> {
        let size = HEADER_SIZE + elements.iter().map(Element::size).sum::<usize>();
        let pages = size.div_ceil(self.page_size) as u64;
        let pgid = self.space.take(pages);
        self.born.push(pgid);
        self.shape.add(leaf, pages);
        self.pages.add(pgid, pages, leaf, elements)?;
        Ok(pgid)
    }
}
