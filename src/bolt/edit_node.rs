//! The nodes that an [`Editor`](super::editor::Editor) changes: pages in memory, split as bbolt splits them. Does no
//! I/O. Source: bbolt v1.5.0, node.go.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::error::{Damage, Error, Result};
use super::page::{ELEMENT_SIZE, Element, HEADER_SIZE, MAX_ELEMENTS, Page, encode};
use super::tree::MAX_DEPTH;

/// bbolt's default fill percent is 50: it starts the next page when one is half full.
const HALF: usize = 2;
/// bbolt leaves at least this many elements on a page when it splits one.
const MIN_KEYS: usize = 2;

/// One element of a node.
#[derive(Clone, Debug)]
pub(super) struct Inode {
    pub flags: u32,
    pub key: Bytes,
    pub value: Bytes,
    pub pgid: u64,
}

impl Inode {
    fn size(&self) -> usize {
        ELEMENT_SIZE + self.key.len() + self.value.len()
    }
}

/// A page in memory.
pub(super) struct Node {
    /// Its first page and number of pages; 0 for a new node or an inline bucket.
    pub pgid: u64,
    pub pages: u64,
    pub leaf: bool,
    pub inodes: Vec<Inode>,
    /// Modified children, by their keys in this node.
    pub children: BTreeMap<Bytes, Node>,
    pub dirty: bool,
}

/// Loads the node of a page.
type Load<'a> = dyn FnMut(u64) -> Result<Node> + 'a;

impl Node {
    /// A new, empty leaf.
    pub fn leaf() -> Node {
        Node {
            pgid: 0,
            pages: 0,
            leaf: true,
            inodes: Vec::new(),
            children: BTreeMap::new(),
            dirty: false,
        }
    }

    /// Builds the node of a page whose elements have been verified.
    pub fn read(page: &Page<Bytes>) -> Result<Node, Damage> {
        let mut inodes = Vec::with_capacity(page.count());
        for i in 0..page.count() {
            inodes.push(if page.is_leaf() {
                let (flags, key, value) = page.leaf(i)?;
                Inode {
                    flags,
                    key,
                    value,
                    pgid: 0,
                }
            } else {
                let (key, pgid) = page.branch(i)?;
                Inode {
                    flags: 0,
                    key,
                    value: Bytes::new(),
                    pgid,
                }
            });
        }
        let (pgid, pages) = match page.is_inline() {
            true => (0, 0),
            false => (page.pgid(), page.header().pages()),
        };
        Ok(Node {
            pgid,
            pages,
            leaf: page.is_leaf(),
            inodes,
            children: BTreeMap::new(),
            dirty: false,
        })
    }

    /// Index of the element whose subtree contains `key`.
    fn child_index(&self, key: &[u8]) -> usize {
        self.inodes
            .partition_point(|i| *i.key <= *key)
            .saturating_sub(1)
    }

    /// The entry of `key`, including changes made so far.
    pub fn find(&self, key: &[u8], load: &mut Load<'_>) -> Result<Option<Inode>> {
        self.find_below(key, load, 0)
    }

    fn find_below(&self, key: &[u8], load: &mut Load<'_>, depth: usize) -> Result<Option<Inode>> {
        if depth >= MAX_DEPTH {
            return Err(Error::Invalid("a tree that is too deep"));
        }
        if self.leaf {
            return Ok(self.inodes.iter().find(|i| *i.key == *key).cloned());
        }
        let Some(inode) = self.inodes.get(self.child_index(key)) else {
            return Ok(None);
        };
        match self.children.get(&inode.key) {
            Some(child) => child.find_below(key, load, depth + 1),
            None => load(inode.pgid)?.find_below(key, load, depth + 1),
        }
    }

    /// Inserts or replaces an entry in its leaf.
    pub fn put(&mut self, entry: Inode, load: &mut Load<'_>) -> Result<()> {
        self.put_below(entry, load, 0)
    }

    fn put_below(&mut self, entry: Inode, load: &mut Load<'_>, depth: usize) -> Result<()> {
        if depth >= MAX_DEPTH {
            return Err(Error::Invalid("a tree that is too deep"));
        }
        self.dirty = true;
        if self.leaf {
            match self.inodes.binary_search_by(|i| i.key.cmp(&entry.key)) {
                Ok(at) => self.inodes[at] = entry,
                Err(at) => self.inodes.insert(at, entry),
            }
            return Ok(());
        }
        let at = self.child_index(&entry.key);
        let Some(inode) = self.inodes.get(at) else {
            return Err(Error::Invalid("a branch without elements"));
        };
        let child = match self.children.entry(inode.key.clone()) {
            std::collections::btree_map::Entry::Occupied(e) => e.into_mut(),
            std::collections::btree_map::Entry::Vacant(e) => e.insert(load(inode.pgid)?),
        };
        child.put_below(entry, load, depth + 1)
    }

    /// Replaces the element of the child under `key` by the nodes that the child was split into.
    pub fn replace_child(&mut self, key: &[u8], pieces: Vec<Inode>) {
        let at = self.inodes.partition_point(|i| *i.key < *key);
        let end = self.inodes.len().min(at + 1);
        self.inodes.splice(at..end, pieces);
    }

    /// Size as a page, in bytes.
    pub fn size(&self) -> usize {
        HEADER_SIZE + self.inodes.iter().map(Inode::size).sum::<usize>()
    }

    /// Whether the node can be stored inline, given that it may take at most `most` bytes.
    pub fn is_inlineable(&self, most: usize) -> bool {
        let plain = |i: &Inode| i.flags & super::page::BUCKET_ELEMENT == 0;
        self.size() <= most && self.inodes.iter().all(plain)
    }

    /// Splits the node into nodes that fit into pages, each about half full except the last.
    pub fn split(&mut self, page_size: usize) -> Vec<Node> {
        let mut out = Vec::new();
        let mut rest = std::mem::take(&mut self.inodes);
        let piece = |inodes| Node {
            leaf: self.leaf,
            inodes,
            ..Node::leaf()
        };
        loop {
            let size = HEADER_SIZE + rest.iter().map(Inode::size).sum::<usize>();
            if rest.len() <= 2 * MIN_KEYS || (size < page_size && rest.len() <= MAX_ELEMENTS) {
                break;
            }
            let tail = rest.split_off(split_index(&rest, page_size / HALF));
            out.push(piece(std::mem::replace(&mut rest, tail)));
        }
        out.push(piece(rest));
        out
    }

    /// Encodes the node as page `pgid`.
    pub fn encode(&self, page_size: usize, pgid: u64) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&mut out, page_size, pgid, self.leaf, &self.elements());
        out
    }

    /// Appends the node as the page image of an inline bucket.
    pub fn encode_inline(&self, out: &mut Vec<u8>) {
        let mut page = Vec::new();
        // The page is exactly as long as its content, without padding.
        encode(&mut page, self.size(), 0, true, &self.elements());
        out.extend_from_slice(&page);
    }

    fn elements(&self) -> Vec<Element<'_>> {
        self.inodes
            .iter()
            .map(|i| Element {
                flags: i.flags,
                pgid: i.pgid,
                key: &i.key,
                value: &i.value,
            })
            .collect()
    }
}

/// Index at which the first page ends: as many elements as fit into `threshold` bytes, but at least two, leaving at
/// least two.
fn split_index(inodes: &[Inode], threshold: usize) -> usize {
    let mut size = HEADER_SIZE;
    let mut index = 0;
    for (i, inode) in inodes.iter().enumerate().take(inodes.len() - MIN_KEYS) {
        index = i;
        if i >= MIN_KEYS && size + inode.size() > threshold {
            break;
        }
        size += inode.size();
    }
    index.max(1)
}
