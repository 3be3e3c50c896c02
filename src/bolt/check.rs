//! Checks a whole database: every page, every key and every rule of the format.
//! Continues after a finding where possible, visits no page twice, and keeps one bit for each page visited.

use std::fmt;

use super::cursor::{check_bounds, run_ahead};
use super::error::{Damage, Error, Result};
use super::file::FileReader;
use super::meta::{Metas, NO_FREELIST};
use super::page::{BUCKET_ELEMENT, FREELIST, HEADER_SIZE, META, Page, check_pgid};
use super::page_set::PageSet;
use super::tree::{Bucket, MAX_DEPTH, Root, Source};

/// Findings after which a check stops.
pub const MAX_FINDINGS: usize = 50;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The page concerned, where one can be named.
    pub page: Option<u64>,
    /// The bucket being walked, escaped as ASCII.
    pub bucket: Option<String>,
    /// What is wrong.
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

/// What a check has seen.
#[derive(Debug, Default, Clone)]
pub struct Checked {
    /// What is wrong, at most [`MAX_FINDINGS`]; nothing in a sound database.
    pub findings: Vec<Finding>,
    /// Pages that a tree or the freelist's own pages take, the two meta pages included.
    pub used: u64,
    /// What reads well, but bbolt never makes, and spoils the database over when it writes to it: branches of
    /// one child, and children whose first key is not the one that the branch has for them.
    pub hazards: u64,
}

/// What a check meets on its way, in order of buckets and keys.
#[derive(Debug, Clone, Copy)]
pub enum Visit<'a> {
    /// A bucket begins.
    Bucket {
        /// Its name.
        name: &'a [u8],
    },
    /// An entry of the bucket that began last. Entries of nested buckets are checked, but not shown.
    Entry {
        /// The page it stands in (for an inline bucket, the page around it).
        page: u64,
        /// Element flags; 0 for a plain value.
        flags: u32,
        /// The key.
        key: &'a [u8],
        /// The value.
        value: &'a [u8],
    },
}

/// Checks all trees that a source's meta leads to, and the freelist if there is one.
///
/// # Errors
/// Only if the file cannot be read; what is wrong with its contents is among the findings.
pub fn check<S: Source>(source: S) -> Result<Checked> {
    check_with(source, &mut |_| {})
}

/// The same, and shows every entry on the way: one walk for whoever wants to read it all anyway.
pub fn check_with<S: Source>(source: S, visit: &mut dyn FnMut(Visit<'_>)) -> Result<Checked> {
    Ok(walk(source, visit)?.0)
}

/// The same, with the set of pages in use.
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
    /// Checks everything: both meta pages, all trees, the freelist.
    ///
    /// # Errors
    /// Only if the file cannot be read.
    pub fn check(&self) -> Result<Checked> {
        self.check_with(&mut |_| {})
    }

    /// The same, and shows every entry on the way.
    pub fn check_with(&self, visit: &mut dyn FnMut(Visit<'_>)) -> Result<Checked> {
        Ok(self.check_with_pages(visit)?.0)
    }

    /// The same, with the set of pages in use.
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

    /// The pages that the list of free pages names; `None` where the file has no such list.
    ///
    /// # Errors
    /// The list cannot be read, or is damaged.
    pub(crate) fn freelist(&self) -> Result<Option<Vec<u64>>> {
        if self.meta().freelist == NO_FREELIST {
            return Ok(None);
        }
        Ok(Some(read_freelist(self)?.1))
    }
}

/// What is wrong with the meta pages. One that is not valid is normal after a crash, and no finding.
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
            "the meta says transaction {}, after which there can be none",
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

/// Where a walk stands in the forest of buckets.
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

    /// Notes what is wrong with the contents, and passes on what is not about them.
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

    /// Marks a page and its continuation as reached; false if one of them was before.
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
        // A circle must not be read again and again before it is seen to be one.
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
            self.find(page.damage(format!(
                "the tree is more than {MAX_DEPTH} levels deep here"
            )));
            return Ok(());
        }
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
        // Pages announced with an earlier child need no announcement of their own.
        let mut announced = 0;
        for i in 0..page.count() {
            let (key, child) = page.branch(i).map_err(|d| d.in_file(&file))?;
            if let Err(d) = check_pgid(child, high_water, "its parent") {
                self.find(page.damage(format!("element {i} is wrong: {}", d.what)));
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

    /// The list of free pages against what the trees reach.
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
            if free.insert(id, 1).is_some() {
                self.find(Damage::at(
                    meta.freelist,
                    format!("the freelist names page {id} twice"),
                ));
            } else if self.reached.contains(id) {
                self.find(Damage::at(id, "it is in use, but the freelist names it"));
            }
        }
        // Damage found in the trees hides pages below it: then a page that nobody has says nothing new.
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

/// The freelist that the meta names: the pages it takes, and the page numbers in it.
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
