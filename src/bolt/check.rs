//! Checks a whole database: every page, every key and every rule of the format. Continues after a finding where
//! possible, visits each page once, and keeps one bit per visited page.

use std::fmt;

use super::cursor::{check_bounds, run_ahead};
use super::error::{Damage, Error, Result};
use super::file::FileReader;
use super::meta::{Metas, NO_FREELIST};
use super::page::{BUCKET_ELEMENT, FREELIST, HEADER_SIZE, META, Page, check_pgid};
use super::page_set::PageSet;
use super::tree::{Bucket, MAX_DEPTH, Root, Source, too_deep};

/// A check stops after this many findings.
pub const MAX_FINDINGS: usize = 50;

/// One defect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The page concerned, if known.
    pub page: Option<u64>,
    /// The bucket being walked, escaped as ASCII.
    pub bucket: Option<String>,
    /// Description of the defect.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(page) = self.page {
            write!(f, "page {page}: ")?;
        }
        if let Some(bucket) = &self.bucket {
            write!(f, "bucket \"{bucket}\": ")?;
        }
        f.write_str(&self.what)
    }
}

impl Finding {
    /// The finding as an error that names its file.
    pub fn in_file(&self, file: &std::path::Path) -> Error {
        let what = match &self.bucket {
            Some(b) => format!("bucket \"{b}\": {}", self.what),
            None => self.what.clone(),
        };
        Error::corrupt(file, self.page, what)
    }
}

/// Result of a check.
#[derive(Debug, Default, Clone)]
pub struct Checked {
    /// The defects, at most [`MAX_FINDINGS`]; empty if the database is intact.
    pub findings: Vec<Finding>,
    /// Number of pages in use by trees and by the freelist, including the two meta pages.
    pub used: u64,
    /// Structures that read correctly, but that bbolt never produces and that make it damage the database when it
    /// writes: branches with a single child, and children whose first key differs from their key in the branch.
    pub hazards: u64,
}

/// What a check visits, in the order of buckets and keys.
#[derive(Debug, Clone, Copy)]
pub enum Visit<'a> {
    /// The start of a bucket.
    Bucket {
        /// Its name.
        name: &'a [u8],
    },
    /// An entry of the current bucket. Entries of nested buckets are checked, but not reported.
    Entry {
        /// The page that holds it. For an inline bucket, the page that holds the bucket.
        page: u64,
        /// Element flags; 0 for a plain value.
        flags: u32,
        /// The key.
        key: &'a [u8],
        /// The value.
        value: &'a [u8],
    },
}

/// Checks all trees reachable from a source's meta, and the freelist if there is one.
///
/// # Errors
/// The file cannot be read. Defects in its contents are returned as findings.
pub fn check<S: Source>(source: S) -> Result<Checked> {
    check_with(source, &mut |_| {})
}

/// Like [`check`], and calls `visit` for every entry, so that callers that need all entries read the file only once.
pub fn check_with<S: Source>(source: S, visit: &mut dyn FnMut(Visit<'_>)) -> Result<Checked> {
    Ok(walk(source, visit)?.0)
}

/// Like [`check_with`], and returns the set of pages in use.
pub(crate) fn walk<S: Source>(
    source: S,
    visit: &mut dyn FnMut(Visit<'_>),
) -> Result<(Checked, PageSet)> {
    let mut c = Checker {
        source,
        visit,
        reached: PageSet::default(),
        out: Checked::default(),
        bucket: None,
    };
    c.reached.insert(0, 2);
    c.root_tree()?;
    c.freelist()?;
    c.out.used = c.reached.len();
    Ok((c.out, c.reached))
}

impl FileReader {
    /// Checks everything: both meta pages, all trees and the freelist.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn check(&self) -> Result<Checked> {
        self.check_with(&mut |_| {})
    }

    /// Like [`FileReader::check`], and calls `visit` for every entry.
    pub fn check_with(&self, visit: &mut dyn FnMut(Visit<'_>)) -> Result<Checked> {
        Ok(self.check_with_pages(visit)?.0)
    }

    /// Like [`FileReader::check_with`], and returns the set of pages in use.
    pub(crate) fn check_with_pages(
        &self,
        visit: &mut dyn FnMut(Visit<'_>),
    ) -> Result<(Checked, PageSet)> {
        let (mut checked, used) = walk(self, visit)?;
        let mut findings = check_metas(self.metas());
        findings.append(&mut checked.findings);
        checked.findings = findings;
        Ok((checked, used))
    }

    /// The page numbers in the freelist; `None` if the file has none.
    ///
    /// # Errors
    /// The freelist cannot be read or is damaged.
    pub(crate) fn freelist(&self) -> Result<Option<Vec<u64>>> {
        if self.meta().freelist == NO_FREELIST {
            return Ok(None);
        }
        Ok(Some(read_freelist(self)?.1))
    }
}

/// Defects of the meta pages. An invalid meta page is normal after a crash, and is not a defect.
pub(crate) fn check_metas(metas: &Metas) -> Vec<Finding> {
    let mut out = Vec::new();
    for (slot, (meta, header)) in (0u64..).zip(metas.pages.iter().zip(&metas.headers)) {
        let Ok(meta) = meta else { continue };
        let mut finding = |what| {
            out.push(Finding {
                page: Some(slot),
                bucket: None,
                what,
            })
        };
        if header.id != slot {
            finding(format!("its header says page {}", header.id));
        }
        if header.flags != META {
            finding(format!(
                "a meta page was expected, but its flags are {:#x}",
                header.flags
            ));
        }
        if meta.flags != 0 {
            finding(format!(
                "the meta's flags are {:#x} instead of 0",
                meta.flags
            ));
        }
    }
    if let [Ok(a), Ok(b)] = &metas.pages
        && a.txid == b.txid
    {
        out.push(Finding {
            page: None,
            bucket: None,
            what: format!("both meta pages say transaction {}", a.txid),
        });
    }
    if metas.meta.txid == u64::MAX {
        let what = format!(
            "the meta says transaction {}, which is the highest possible number",
            u64::MAX
        );
        out.push(Finding {
            page: Some(metas.winner),
            bucket: None,
            what,
        });
    }
    out
}

struct Checker<'v, S: Source> {
    source: S,
    visit: &'v mut dyn FnMut(Visit<'_>),
    reached: PageSet,
    out: Checked,
    bucket: Option<String>,
}

/// The kind of tree being walked.
#[derive(Clone, Copy, PartialEq)]
enum Tree {
    Top,
    Bucket,
    Nested,
}

impl<S: Source> Checker<'_, S> {
    fn full(&self) -> bool {
        self.out.findings.len() >= MAX_FINDINGS
    }

    fn find(&mut self, d: Damage) {
        if !self.full() {
            self.out.findings.push(Finding {
                page: d.page,
                bucket: self.bucket.clone(),
                what: d.what,
            });
        }
    }

    /// Turns damage into a finding. Returns any other error.
    fn note<T>(&mut self, r: Result<T>) -> Result<Option<T>> {
        match r {
            Ok(t) => Ok(Some(t)),
            Err(Error::Corrupt { page, what, .. }) => {
                self.find(Damage { page, what });
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    fn root_tree(&mut self) -> Result<()> {
        let root = self.source.meta().root;
        self.subtree(Tree::Top, root, None, None, 0, 1)
    }

    /// Marks a page and its continuation pages as reached. Returns false if one of them was already reached.
    fn reach(&mut self, pgid: u64, pages: u64) -> bool {
        match self.reached.insert(pgid, pages) {
            None => true,
            Some(twice) => {
                self.find(Damage::at(twice, "it is reached twice"));
                false
            }
        }
    }

    fn subtree(
        &mut self,
        tree: Tree,
        pgid: u64,
        lower: Option<&[u8]>,
        upper: Option<&[u8]>,
        depth: usize,
        ahead: u64,
    ) -> Result<()> {
        if self.full() {
            return Ok(());
        }
        // Stop at a page that was already reached: following a cycle would never end.
        if self.reached.contains(pgid) {
            self.find(Damage::at(pgid, "it is reached twice"));
            return Ok(());
        }
        let page = self.source.page(pgid, || ahead);
        match self.note(page)? {
            Some(page) if self.reach(pgid, page.header().pages()) => {
                self.page(tree, &page, lower, upper, depth)
            }
            _ => Ok(()),
        }
    }

    fn page(
        &mut self,
        tree: Tree,
        page: &Page<S::Buf>,
        lower: Option<&[u8]>,
        upper: Option<&[u8]>,
        depth: usize,
    ) -> Result<()> {
        if depth >= MAX_DEPTH {
            self.find(page.damage(too_deep()));
            return Ok(());
        }
        // Check the page by itself, and against the keys that its parents have for it.
        let sound = page.verify(true);
        if let Err(d) = sound.and_then(|()| check_bounds(page, lower, upper)) {
            self.find(d);
            return Ok(());
        }
        if let (Some(lower), true) = (lower, page.count() > 0) {
            self.out.hazards += u64::from(page.key(0).is_ok_and(|k| k != lower));
        }
        if page.is_leaf() {
            self.leaf(tree, page, depth)
        } else {
            self.branch(tree, page, upper, depth)
        }
    }

    fn branch(
        &mut self,
        tree: Tree,
        page: &Page<S::Buf>,
        upper: Option<&[u8]>,
        depth: usize,
    ) -> Result<()> {
        let file = self.source.file().to_path_buf();
        let high_water = self.source.meta().high_water;
        self.out.hazards += u64::from(page.count() == 1);
        // Announce each run of pages once; later children of a run need no announcement.
        let mut announced = 0;
        for i in 0..page.count() {
            let (key, child) = page.branch(i).map_err(|d| d.in_file(&file))?;
            if let Err(d) = page.check_child(i, child, high_water) {
                self.find(d);
                continue;
            }
            let next = match i + 1 < page.count() {
                true => Some(page.branch(i + 1).map_err(|d| d.in_file(&file))?.0),
                false => None,
            };
            let mut ahead = 1;
            if child >= announced {
                ahead = run_ahead(page, i, child);
                announced = child + ahead;
            }
            // The next key in this branch bounds the child's keys; for the last child, the parent's bound does.
            self.subtree(
                tree,
                child,
                Some(&key),
                next.as_deref().or(upper),
                depth + 1,
                ahead,
            )?;
        }
        Ok(())
    }

    fn leaf(&mut self, tree: Tree, page: &Page<S::Buf>, depth: usize) -> Result<()> {
        let file = self.source.file().to_path_buf();
        for i in 0..page.count() {
            if tree == Tree::Bucket {
                // Report the entries of top-level buckets. Plain values need no further check.
                let (flags, key, value) = page.leaf_ref(i).map_err(|d| d.in_file(&file))?;
                (self.visit)(Visit::Entry {
                    page: page.pgid(),
                    flags,
                    key,
                    value,
                });
                if flags & BUCKET_ELEMENT == 0 {
                    continue;
                }
            }
            let (flags, key, value) = page.leaf(i).map_err(|d| d.in_file(&file))?;
            let entry = super::cursor::Entry { flags, key, value };
            if tree == Tree::Top {
                (self.visit)(Visit::Bucket { name: &entry.key });
            } else if !entry.is_bucket() {
                continue;
            }
            // Check the tree of the bucket that the entry holds.
            let bucket = Bucket::from_entry(self.source, page.pgid(), &entry);
            let Some(bucket) = self.note(bucket)? else {
                continue;
            };
            let below = if tree == Tree::Top {
                Tree::Bucket
            } else {
                Tree::Nested
            };
            let outer = self.bucket.clone();
            if tree == Tree::Top {
                self.bucket = Some(entry.key.escape_ascii().to_string());
            }
            match bucket.root() {
                Root::Page(pgid) => self.subtree(below, *pgid, None, None, depth + 1, 1)?,
                Root::Inline(p) => self.inline(below, p, depth)?,
            }
            self.bucket = outer;
        }
        Ok(())
    }

    fn inline(&mut self, tree: Tree, page: &Page<S::Buf>, depth: usize) -> Result<()> {
        self.page(tree, page, None, None, depth + 1)
    }

    /// Compares the freelist with the pages reached from the trees.
    fn freelist(&mut self) -> Result<()> {
        let meta = *self.source.meta();
        if meta.freelist == NO_FREELIST {
            return Ok(());
        }
        let ids = read_freelist(self.source);
        let Some((pages, ids)) = self.note(ids)? else {
            return Ok(());
        };
        let before = self.out.findings.len();
        self.reach(meta.freelist, pages);
        let mut free = PageSet::default();
        for id in ids {
            // Every page in the freelist must be named once and be unused.
            if free.insert(id, 1).is_some() {
                self.find(Damage::at(
                    meta.freelist,
                    format!("the freelist names page {id} twice"),
                ));
            } else if self.reached.contains(id) {
                self.find(Damage::at(id, "it is in use, but the freelist names it"));
            }
        }
        // If there is damage, pages below it were not reached, and unreferenced pages mean nothing.
        if before > 0 || self.out.findings.len() > before {
            return Ok(());
        }
        let lost = meta.high_water - self.reached.len() - free.len();
        if lost > 0 {
            let first =
                (2..meta.high_water).find(|id| !self.reached.contains(*id) && !free.contains(*id));
            let what =
                format!("{lost} pages are neither in use nor in the freelist, this one first");
            self.find(Damage { page: first, what });
        }
        Ok(())
    }
}

/// Reads the freelist that the meta names. Returns the number of pages it takes, and the page numbers in it.
pub(crate) fn read_freelist<S: Source>(source: S) -> Result<(u64, Vec<u64>)> {
    let meta = source.meta();
    let fail = |what: String| Error::corrupt(source.file(), Some(meta.freelist), what);
    if check_pgid(meta.freelist, meta.high_water, "the meta").is_err() {
        let what = format!(
            "the meta names it as freelist, but the database has pages 2 to {}",
            meta.high_water - 1
        );
        return Err(fail(what));
    }
    let page = source.page(meta.freelist, || 1)?;
    let header = page.header();
    if header.flags != FREELIST {
        return Err(fail(format!(
            "the meta names it as freelist, but its flags are {:#x}",
            header.flags
        )));
    }
    let mut words = page.data()[HEADER_SIZE..]
        .chunks_exact(8)
        .map(|c| u64::from_le_bytes(std::array::from_fn(|i| c[i])));
    let count = match header.count {
        0xFFFF => words.next().unwrap_or(0),
        n => u64::from(n),
    };
    if count > words.len() as u64 {
        return Err(fail(format!(
            "the freelist says {count} pages, which is more than it has room for"
        )));
    }
    let ids: Vec<u64> = words.take(count as usize).collect();
    match ids.iter().find(|id| **id < 2 || **id >= meta.high_water) {
        Some(id) => Err(fail(format!(
            "the freelist names page {id}, but the database has pages 2 to {}",
            meta.high_water - 1
        ))),
        None => Ok((header.pages(), ids)),
    }
}
