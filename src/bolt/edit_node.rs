//! The nodes that an [`Editor`](super::editor::Editor) changes: pages in memory, split as bbolt splits them.
//! Pure: reads and writes no file. Source: bbolt v1.5.0, node.go.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::error::{Damage, Error, Result};
use super::page::{ELEMENT_SIZE, Element, HEADER_SIZE, MAX_ELEMENTS, Page, encode};
use super::tree::MAX_DEPTH;

/// bbolt begins the next page when one is half full, unless it is told otherwise.
const HALF: usize = 2;
/// Fewest elements that bbolt leaves in a page when it splits one.
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
    /// Its page, and how many it takes with its continuation; 0 for a new or an inline one.
    pub pgid: u64,
    pub pages: u64,
    pub leaf: bool,
    pub inodes: Vec<Inode>,
    /// Children that were changed, by the keys that this node has for them.
    pub children: BTreeMap<Bytes, Node>,
    pub dirty: bool,
}

/// Reads the node of a page.
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

    /// The node of a page whose elements have been verified.
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

    /// The element that holds `key`, or would.
    fn child_index(&self, key: &[u8]) -> usize {
        self.inodes
            .partition_point(|i| *i.key <= *key)
            .saturating_sub(1)
    }

    /// The entry of `key`, as it is with the changes made so far.
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

    /// Writes an entry into the leaf that it belongs to.
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

    /// Puts the pieces that a child was written as in the place of the child that it knows as `key`.
    pub fn replace_child(&mut self, key: &[u8], pieces: Vec<Inode>) {
        let at = self.inodes.partition_point(|i| *i.key < *key);
        let end = self.inodes.len().min(at + 1);
        self.inodes.splice(at..end, pieces);
    }

    /// Bytes that it takes as a page.
    pub fn size(&self) -> usize {
        HEADER_SIZE + self.inodes.iter().map(Inode::size).sum::<usize>()
    }

    /// Whether it fits into its parent, of whose page it may take `most` bytes.
    pub fn is_inlineable(&self, most: usize) -> bool {
        let plain = |i: &Inode| i.flags & super::page::BUCKET_ELEMENT == 0;
        self.size() <= most && self.inodes.iter().all(plain)
    }

    /// Cuts the node into pieces that fit pages, each about half full but the last.
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

    /// The node as page `pgid`.
    pub fn encode(&self, page_size: usize, pgid: u64) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&mut out, page_size, pgid, self.leaf, &self.elements());
        out
    }

    /// Appends the node as the page image of an inline bucket.
    pub fn encode_inline(&self, out: &mut Vec<u8>) {
        let mut page = Vec::new();
        // A page of just the right size: nothing is filled up behind it.
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

/// Where the first piece ends: as many elements as stay below `threshold` bytes, at least two, and two must
/// be left.
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
