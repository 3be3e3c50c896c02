//! Applies a few changes to a database file that nobody else uses, and writes exactly the pages that Go's bbolt would
//! write: the result of `snapshot restore` is identical to etcd's. Slow for many changes, and not crash-safe: use it on
//! a copy that is renamed into place when complete. Source: bbolt v1.5.0, {bucket,node,tx,db}.go,
//! internal/freelist/array.go.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;

use super::disk::{Disk, DiskFile};
use super::edit_node::{Inode, Node};
use super::error::{Damage, Error, Result};
use super::file::FileReader;
use super::meta::{Meta, NO_FREELIST};
use super::page::{BUCKET_ELEMENT, HEADER_SIZE, Header, Page, check_pgid};
use super::page_set::PageSet;
use super::tree::{BUCKET_HEADER, MAX_DEPTH, too_deep};

/// bbolt grows a file by this many bytes once it is larger than this.
const ALLOC_SIZE: u64 = 16 << 20;
/// bbolt maps at least this many bytes, doubles that up to [`MAP_STEP`], and then grows in steps of it.
const MIN_MAP: u64 = 32 << 10;
const MAP_STEP: u64 = 1 << 30;
/// Largest page that is read, with continuation pages, in bytes.
const MAX_PAGE: u64 = 256 << 20;

/// One change to a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Creates the bucket if it does not exist.
    Create,
    /// Removes all entries.
    Clear,
    /// Writes an entry.
    Put {
        /// The key.
        key: Vec<u8>,
        /// The value.
        value: Vec<u8>,
    },
    /// Removes an entry, if it exists.
    Delete {
        /// The key.
        key: Vec<u8>,
    },
}

/// A database file being changed.
pub struct Editor {
    file: DiskFile,
    meta: Meta,
    file_len: u64,
    /// Free pages as runs: first page and number of pages.
    free: BTreeMap<u64, u64>,
    /// Number of bytes that bbolt would have mapped.
    mapped: u64,
    tx: Tx,
}

/// State of the current transaction.
#[derive(Default)]
struct Tx {
    freed: Vec<(u64, u64)>,
    written: Vec<(u64, Vec<u8>)>,
}

impl Editor {
    /// Opens and locks a file whose pages have been checked; `used` are those in use. `map_size` is the least number of
    /// bytes that bbolt would map.
    ///
    /// # Errors
    /// The file cannot be opened, is locked, or its meta pages or its freelist are damaged.
    pub(crate) fn open(path: &Path, map_size: u64, used: &PageSet) -> Result<Editor> {
        let file = Disk::default()
            .open(path)
            .map_err(|e| Error::io(path, "open", e))?;
        file.lock()?;
        let reader = FileReader::open(path)?;
        let meta = *reader.meta();
        let free = match reader.freelist()? {
            Some(ids) => runs(ids),
            None => used.gaps(2, meta.high_water).collect(),
        };
        let file_len = reader.file_len();
        let mapped = map_len(file_len.max(map_size));
        Ok(Editor {
            file,
            meta,
            file_len,
            free,
            mapped,
            tx: Tx::default(),
        })
    }

    /// The file's length in bytes.
    pub fn file_len(&self) -> u64 {
        self.file_len
    }

    /// The last transaction.
    pub fn txid(&self) -> u64 {
        self.meta.txid
    }

    /// Has the one effect of reopening the file that matters here: bbolt then maps at least `map_size` bytes.
    pub fn reopen(&mut self, map_size: u64) {
        self.mapped = map_len(self.file_len.max(map_size));
    }

    /// Applies changes as one transaction. [`Editor::finish`] syncs the file.
    ///
    /// # Errors
    /// The file cannot be read or written, or a page is damaged. The file is then unusable.
    pub fn commit(&mut self, changes: &BTreeMap<&[u8], Vec<Edit>>) -> Result<()> {
        let mut meta = Meta {
            txid: self.meta.txid + 1,
            ..self.meta
        };
        let before = meta.high_water;
        let mut root = None;
        // Write each changed bucket, and store its new root in the tree of buckets.
        for (name, edits) in changes {
            let tree = match &mut root {
                Some(tree) => tree,
                None => root.insert(self.node(meta.root)?),
            };
            if let Some(value) = self.bucket(&mut meta, tree, name, edits)? {
                let entry = Inode {
                    flags: BUCKET_ELEMENT,
                    key: Bytes::copy_from_slice(name),
                    value: value.into(),
                    pgid: 0,
                };
                tree.put(entry, &mut |pgid| self.node(pgid))?;
            }
        }
        // Write the tree of buckets.
        if let Some(tree) = root.filter(|tree| tree.dirty) {
            meta.root = self.spill(&mut meta, tree)?;
        }
        // Free the pages of the old freelist. Like etcd's bbolt, write none.
        if meta.freelist != NO_FREELIST {
            let header = self.page(meta.freelist)?.header();
            self.tx.freed.push((meta.freelist, header.pages()));
            meta.freelist = NO_FREELIST;
        }
        if meta.high_water > before {
            self.grow(&meta)?;
        }
        // Write the pages, then the meta.
        let page_size = u64::from(meta.page_size);
        for (pgid, bytes) in std::mem::take(&mut self.tx.written) {
            self.file.write_at(pgid * page_size, &bytes)?;
        }
        let slot = meta.txid % 2;
        self.file.write_at(slot * page_size, &meta.encode(slot))?;
        self.meta = meta;
        for (first, pages) in std::mem::take(&mut self.tx.freed) {
            self.release(first, pages);
        }
        Ok(())
    }

    /// Syncs the file.
    ///
    /// # Errors
    /// The sync failed.
    pub fn finish(self) -> Result<()> {
        self.file.sync()
    }

    /// Changes one bucket. Returns its new entry in the tree of buckets, or `None` if nothing changed.
    fn bucket(
        &mut self,
        meta: &mut Meta,
        tree: &mut Node,
        name: &[u8],
        edits: &[Edit],
    ) -> Result<Option<Vec<u8>>> {
        let found = tree.find(name, &mut |pgid| self.node(pgid))?;
        let (mut node, sequence, created) = match &found {
            Some(entry) => {
                let (node, sequence) = self.open_bucket(meta, entry)?;
                (node, sequence, false)
            }
            None if edits.contains(&Edit::Create) => (Node::leaf(), 0, true),
            None => return Err(Error::Invalid("a change names a bucket that is not there")),
        };
        for edit in edits {
            match edit {
                Edit::Create => {}
                Edit::Clear => self.clear(&mut node)?,
                Edit::Put { key, value } => node.put(
                    Inode {
                        flags: 0,
                        key: key.clone().into(),
                        value: value.clone().into(),
                        pgid: 0,
                    },
                    &mut |pgid| self.node(pgid),
                )?,
                Edit::Delete { key } => self.delete(&mut node, key)?,
            }
        }
        if !node.dirty && !created {
            return Ok(None);
        }
        // Store a small bucket inline; write the pages of a larger one.
        let mut value = vec![0; BUCKET_HEADER];
        value[8..].copy_from_slice(&sequence.to_le_bytes());
        if node.leaf && node.is_inlineable(meta.page_size as usize / 4) {
            self.free_node(&mut node);
            node.encode_inline(&mut value);
        } else {
            let pgid = self.spill(meta, node)?;
            value[..8].copy_from_slice(&pgid.to_le_bytes());
        }
        Ok(Some(value))
    }

    /// The root node of a bucket, given its entry, and its sequence.
    fn open_bucket(&self, meta: &Meta, entry: &Inode) -> Result<(Node, u64)> {
        let fail = |d: Damage| d.in_file(self.file.path());
        let Some((head, rest)) = entry.value.split_first_chunk::<BUCKET_HEADER>() else {
            let what = "the value of a bucket is too short";
            return Err(fail(Damage::at(meta.root, what)));
        };
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| head[at + i]));
        let node = match word(0) {
            0 => {
                let page =
                    Page::new_inline(meta.root, entry.value.slice_ref(rest)).map_err(fail)?;
                Node::read(&page).map_err(fail)?
            }
            pgid => self.node(pgid)?,
        };
        Ok((node, word(8)))
    }

    /// Removes all entries and frees the pages below the root.
    fn clear(&mut self, node: &mut Node) -> Result<()> {
        if node.leaf {
            node.dirty |= !node.inodes.is_empty();
            node.inodes.clear();
            return Ok(());
        }
        self.free_below(node, 0)?;
        self.free_node(node);
        *node = Node {
            dirty: true,
            ..Node::leaf()
        };
        Ok(())
    }

    /// Removes one entry. A tree of several pages is rebuilt from the remaining entries, because which pages bbolt
    /// would merge depends on the random order of a Go map.
    fn delete(&mut self, node: &mut Node, key: &[u8]) -> Result<()> {
        if node.find(key, &mut |pgid| self.node(pgid))?.is_none() {
            return Ok(());
        }
        if node.leaf {
            node.dirty = true;
            node.inodes.retain(|i| i.key != key);
            return Ok(());
        }
        let mut left = Vec::new();
        self.entries(node, 0, &mut left)?;
        left.retain(|i| i.key != key);
        self.clear(node)?;
        node.inodes = left;
        Ok(())
    }

    fn entries(&self, node: &Node, depth: usize, out: &mut Vec<Inode>) -> Result<()> {
        if node.leaf {
            out.extend(node.inodes.iter().cloned());
            return Ok(());
        }
        self.check_depth(node, depth)?;
        for inode in &node.inodes {
            match node.children.get(&inode.key) {
                Some(child) => self.entries(child, depth + 1, out)?,
                None => self.entries(&self.node(inode.pgid)?, depth + 1, out)?,
            }
        }
        Ok(())
    }

    fn free_below(&mut self, node: &Node, depth: usize) -> Result<()> {
        self.check_depth(node, depth)?;
        for inode in &node.inodes {
            let mut child = self.node(inode.pgid)?;
            if !child.leaf {
                self.free_below(&child, depth + 1)?;
            }
            self.free_node(&mut child);
        }
        Ok(())
    }

    fn check_depth(&self, node: &Node, depth: usize) -> Result<()> {
        if depth < MAX_DEPTH {
            return Ok(());
        }
        Err(Damage::at(node.pgid, too_deep()).in_file(self.file.path()))
    }

    fn free_node(&mut self, node: &mut Node) {
        if node.pgid != 0 {
            self.tx.freed.push((node.pgid, node.pages));
            node.pgid = 0;
        }
    }

    /// Writes a tree's changed nodes to new pages and returns its root page.
    fn spill(&mut self, meta: &mut Meta, node: Node) -> Result<u64> {
        let mut pieces = self.spill_node(meta, node)?;
        // If the root was split, add new roots above it until one page is left.
        loop {
            match &pieces[..] {
                [only] => return Ok(only.pgid),
                [] => return Err(Error::Invalid("a tree without a page")),
                _ => {
                    let root = Node {
                        inodes: std::mem::take(&mut pieces),
                        leaf: false,
                        ..Node::leaf()
                    };
                    pieces = self.spill_node(meta, root)?;
                }
            }
        }
    }

    /// Writes the changed nodes at and below a node. Returns the branch elements for its parent.
    fn spill_node(&mut self, meta: &mut Meta, mut node: Node) -> Result<Vec<Inode>> {
        for (key, child) in std::mem::take(&mut node.children) {
            let pieces = self.spill_node(meta, child)?;
            node.replace_child(&key, pieces);
        }
        let page_size = meta.page_size as usize;
        let mut parts = node.split(page_size);
        self.free_node(&mut node);
        let mut pieces = Vec::with_capacity(parts.len());
        for part in &mut parts {
            let pages = part.size().div_ceil(page_size) as u64;
            let pgid = self.allocate(meta, pages);
            let key = part.inodes.first().map(|i| i.key.clone());
            self.tx.written.push((pgid, part.encode(page_size, pgid)));
            pieces.push(Inode {
                flags: 0,
                key: key.unwrap_or_default(),
                value: Bytes::new(),
                pgid,
            });
        }
        Ok(pieces)
    }

    /// Allocates the first run of free pages that is long enough, or new pages at the end.
    fn allocate(&mut self, meta: &mut Meta, pages: u64) -> u64 {
        let run = self.free.iter().find(|(_, len)| **len >= pages);
        if let Some((&first, &len)) = run {
            self.free.remove(&first);
            if len > pages {
                self.free.insert(first + pages, len - pages);
            }
            return first;
        }
        let first = meta.high_water;
        let least = (first + pages + 1) * u64::from(meta.page_size);
        if least >= self.mapped {
            self.mapped = map_len(self.file_len.max(least));
        }
        meta.high_water += pages;
        first
    }

    fn release(&mut self, first: u64, pages: u64) {
        let (mut first, mut end) = (first, first + pages);
        if let Some((&before, &len)) = self.free.range(..first).next_back()
            && before + len == first
        {
            self.free.remove(&before);
            first = before;
        }
        if let Some(len) = self.free.remove(&end) {
            end += len;
        }
        self.free.insert(first, end - first);
    }

    /// Extends the file to the length that bbolt would give it.
    fn grow(&mut self, meta: &Meta) -> Result<()> {
        let least = (meta.high_water + 1) * u64::from(meta.page_size);
        if least <= self.file_len {
            return Ok(());
        }
        self.file_len = if self.mapped <= ALLOC_SIZE {
            self.mapped
        } else {
            least + ALLOC_SIZE
        };
        self.file.extend(self.file_len)
    }

    fn node(&self, pgid: u64) -> Result<Node> {
        let page = self.page(pgid)?;
        page.verify(true)
            .and_then(|()| Node::read(&page))
            .map_err(|d| d.in_file(self.file.path()))
    }

    /// A page as of before this transaction.
    fn page(&self, pgid: u64) -> Result<Page<Bytes>> {
        let fail = |d: Damage| d.in_file(self.file.path());
        check_pgid(pgid, self.meta.high_water, "the tree").map_err(fail)?;
        let at = pgid * u64::from(self.meta.page_size);
        let mut head = [0; HEADER_SIZE];
        self.file.read_at(at, &mut head)?;
        let header = Header::parse(&head);
        header.check(pgid, self.meta.high_water).map_err(fail)?;
        let len = header.pages() * u64::from(self.meta.page_size);
        if len > MAX_PAGE {
            let what = format!("it is {len} bytes long, more than is read at once");
            return Err(fail(Damage::at(pgid, what)));
        }
        let mut data = vec![0; usize::try_from(len).unwrap_or_default()];
        self.file.read_at(at, &mut data)?;
        Page::new(pgid, data.into()).map_err(fail)
    }
}

/// Number of bytes that bbolt maps for a file of `len` bytes.
fn map_len(len: u64) -> u64 {
    if len <= MAP_STEP {
        len.next_power_of_two().max(MIN_MAP)
    } else {
        len.next_multiple_of(MAP_STEP)
    }
}

/// Groups page numbers into runs.
fn runs(mut ids: Vec<u64>) -> BTreeMap<u64, u64> {
    ids.sort_unstable();
    ids.dedup();
    let mut out = BTreeMap::new();
    let mut last: Option<(u64, u64)> = None;
    for id in ids {
        last = match last {
            Some((first, len)) if first + len == id => Some((first, len + 1)),
            other => {
                out.extend(other);
                Some((id, 1))
            }
        };
    }
    out.extend(last);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_mappings() {
        assert_eq!(runs(vec![9, 3, 4, 5, 8]), BTreeMap::from([(3, 3), (8, 2)]));
        assert_eq!(runs(Vec::new()), BTreeMap::new());
        assert_eq!(map_len(0), 32 << 10);
        assert_eq!(map_len((32 << 10) + 1), 64 << 10);
        assert_eq!(map_len(1 << 30), 1 << 30);
        assert_eq!(map_len((1 << 30) + 1), 2 << 30);
        assert_eq!(map_len(10 << 30), 10 << 30);
    }
}
