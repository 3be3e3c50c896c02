//! A database open for writing: one writer at a time, and any number of readers that it never blocks.
//! `commit` is the protocol; turning a batch into pages is the work of `merge.rs`.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::batch::Batch;
use super::check::{Checked, Finding, check_metas, walk};
use super::commit_record;
use super::disk::{Disk, DiskFile};
use super::error::{Error, Result};
use super::free::{Free, Pins};
use super::map::Map;
use super::merge::{Plan, merge};
use super::meta::Meta;
use super::new_pages::NewPages;
use super::open::{Opened, open, read_metas};
use super::options::Options;
use super::page_counts::PageCounts;
use super::view::{ReadTx, View};

/// Bytes that a disk writes whole or not at all.
const SECTOR: usize = 512;
/// Smallest step by which a file grows, in bytes, where the options allow that much.
const LEAST_GROWTH: u64 = 256 << 10;

/// How large a database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sizes {
    /// Bytes up to the high-water mark; etcd calls this `dbSize`.
    pub total: u64,
    /// The same less the free pages; pages that only readers still see count as used. `dbSizeInUse`.
    pub in_use: u64,
}

impl Sizes {
    pub(super) fn new(meta: &Meta, free_pages: u64) -> Sizes {
        let page_size = u64::from(meta.page_size);
        Sizes {
            total: meta.high_water * page_size,
            in_use: meta.high_water.saturating_sub(free_pages) * page_size,
        }
    }
}

/// A database open for writing. Cheap to clone: all clones are the same database.
#[derive(Clone)]
pub struct Db {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub disk: Disk,
    pub options: Options,
    pub path: std::path::PathBuf,
    pub interrupted: Option<u64>,
    pub current: Mutex<Current>,
    pub writer: Mutex<Writer>,
    /// Files that defragmentations have replaced. They stay open, and so locked, as long as the database does.
    pub replaced: Mutex<Vec<Arc<DiskFile>>>,
}

/// The committed state that new readers get.
pub(super) struct Current {
    pub view: Arc<View>,
    pub sizes: Sizes,
}

/// The writer's own state.
pub(super) struct Writer {
    pub view: Arc<View>,
    /// The meta page that holds the current meta; the next goes into the other.
    pub slot: u64,
    /// The mapping of the next view.
    pub map: Arc<Map>,
    pub free: Free,
    pub pins: Pins,
    /// Views that readers may hold, in order of their transactions; the current one is the last.
    pub alive: VecDeque<(u64, Weak<View>)>,
    /// Pages of a freelist that the current meta names. They become free with the next commit, whose meta names none.
    pub freelist: Option<(u64, u64)>,
    pub page_counts: PageCounts,
    /// Bytes at the beginning of the file for which disk blocks are known to be allocated.
    pub allocated: u64,
    /// The buffer of the last commit, to be used again.
    pub spare: Vec<u8>,
    /// Number of pages that the last commit wrote.
    pub last_commit_pages: u64,
    /// Where the digest of a snapshot begins that still stands at the end of the file, in bytes.
    pub digest_at: Option<u64>,
    /// Whether the current meta has a record of the pages that its commit wrote.
    pub has_record: bool,
}

impl Drop for Inner {
    /// Takes the record out of the last meta: its commit is durable, and damage to one of its pages must show
    /// as damage from now on, not as a commit that a crash interrupted. Nothing rests on it, so that neither a
    /// sync nor an error is due.
    fn drop(&mut self) {
        let w = self.writer.get_mut();
        let file = &w.view.store.file;
        if !w.has_record || file.check_latch().is_err() {
            return;
        }
        let at = w.slot * u64::from(w.view.meta.page_size);
        let mut sector = [0; SECTOR];
        if file.read_at(at, &mut sector).is_ok() {
            commit_record::clear(&mut sector);
            let _ = file.write_at(at, &sector);
        }
    }
}

impl Db {
    /// Opens the database at `path`, and creates it, with the directories above it, if there is none.
    ///
    /// The file is locked against other processes (flock), and leftovers of a killed process beside it,
    /// `path` with `.tmp` and more behind it, are removed.
    ///
    /// # Errors
    /// [`Error::Locked`] at once if somebody else has it open; [`Error::NotBolt`] and [`Error::Corrupt`] if
    /// it is no sound database; [`Error::Io`] with the step that failed.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Db> {
        let disk = Disk::new(options.watcher.clone());
        let Opened {
            path,
            view,
            slot,
            scan,
            digest_at,
            has_record,
            interrupted,
        } = open(&disk, path.as_ref(), &options)?;
        let writer = Writer {
            slot,
            map: view.map.clone(),
            free: scan.free,
            pins: Pins::default(),
            alive: VecDeque::from([(view.meta.txid, Arc::downgrade(&view))]),
            freelist: scan.freelist,
            page_counts: scan.page_counts,
            allocated: 0,
            spare: Vec::new(),
            last_commit_pages: 0,
            digest_at,
            has_record,
            view: view.clone(),
        };
        let current = Mutex::new(Current {
            sizes: writer.sizes(),
            view,
        });
        let writer = Mutex::new(writer);
        let inner = Inner {
            disk,
            options,
            path,
            interrupted,
            current,
            writer,
            replaced: Mutex::default(),
        };
        Ok(Db {
            inner: Arc::new(inner),
        })
    }

    /// The file's name, with links resolved.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The transaction that was being committed when a crash came before this opening, if it was found
    /// incomplete. Nobody was told that it had succeeded, and nothing of it is left.
    pub fn interrupted(&self) -> Option<u64> {
        self.inner.interrupted
    }

    /// A view of the last committed state. Never waits for a commit or for the disk.
    pub fn read(&self) -> ReadTx {
        ReadTx(self.inner.current.lock().view.clone())
    }

    /// How large the last committed state is.
    pub fn sizes(&self) -> Sizes {
        self.inner.current.lock().sizes
    }

    /// Checks that the database's name still leads to the file that is open: somebody may have renamed another
    /// file over it, or removed it. After a failure the engine refuses writes. Costs one `stat`.
    ///
    /// [`Db::claim`], [`Db::commit`] and [`Db::defragment`] check it themselves.
    ///
    /// # Errors
    /// [`Error::Replaced`].
    pub fn check_path(&self) -> Result<()> {
        let file = self.inner.writer.lock().view.store.file.clone();
        check_path(&file)
    }

    /// Makes sure that the disk has room for a batch of at most so many operations, with at most so many
    /// bytes of keys and values in all. A commit that keeps to that cannot fail for want of space.
    ///
    /// # Errors
    /// [`Error::NoSpace`] if there is none: nothing has changed, and the database goes on.
    /// [`Error::Replaced`] if the file's name leads elsewhere, and [`Error::Latched`] if nothing can be written
    /// any more.
    pub fn claim(&self, bytes: u64, ops: usize) -> Result<()> {
        let mut writer = self.inner.writer.lock();
        writer.view.store.file.check_latch()?;
        check_path(&writer.view.store.file)?;
        writer.cut_digest()?;
        self.release(&mut writer);
        let pages = writer.worst_case(bytes, ops as u64);
        let high_water = writer.view.meta.high_water.saturating_add(pages);
        writer.grow(high_water, &self.inner.options)
    }

    /// Applies a batch as a whole. When this returns, it is on the disk and new readers see it.
    ///
    /// # Errors
    /// [`Error::NoSpace`] if no space was claimed and there is none: nothing has changed. After any other
    /// failure the engine refuses writes, because nobody knows what is on the disk; readers go on with the
    /// state before.
    pub fn commit(&self, batch: &Batch) -> Result<Sizes> {
        let mut writer = self.inner.writer.lock();
        let w = &mut *writer;
        let file = w.view.store.file.clone();
        file.check_latch()?;
        check_path(&file)?;
        w.cut_digest()?;
        self.release(w);

        // Collect new pages in the buffer of the last commit.
        let pages = NewPages::new(
            file.clone(),
            w.view.meta.page_size,
            w.allocated,
            std::mem::take(&mut w.spare),
        );
        // Merge the batch into the trees. Large commits start writing pages here, none of which is in use.
        // A page that cannot be read is latched too: the same batch would fail again.
        let spare_pages = w.unclaimed(batch);
        let plan = merge(
            &w.view,
            &mut w.free,
            w.page_counts,
            pages,
            batch,
            w.last_commit_pages,
            spare_pages,
        )
        .inspect_err(|e| file.latch(e))?;
        let Some(plan) = plan else {
            return Ok(w.sizes());
        };
        let Plan {
            meta,
            pages,
            freed,
            born,
            page_counts,
            taken,
        } = plan;
        // Extend the file, write the pages and the meta, and sync.
        let written = w.grow(meta.high_water, &self.inner.options).and_then(|()| {
            let record;
            (record, w.spare) = pages.finish()?;
            let (slot, meta) = w.next_meta(meta);
            let mut page = meta.encode(slot);
            match &record {
                // Opening after a crash can tell whether all of it is on the disk: one sync is enough.
                Some(record) => record.add_to(&mut page),
                None => file.sync()?,
            }
            file.write_at(slot * u64::from(meta.page_size), &page)?;
            file.sync()?;
            w.has_record = record.is_some();
            // What is acknowledged must be found under the file's name.
            file.check_path()?;
            Ok((slot, meta))
        });
        match written {
            Ok((slot, meta)) => {
                w.page_counts = page_counts;
                w.last_commit_pages = born.len() as u64;
                Ok(self.publish(w, slot, meta, freed, born))
            }
            Err(e) => {
                taken.undo(&mut w.free);
                if !matches!(e, Error::NoSpace { .. }) {
                    file.latch(&e);
                }
                Err(e)
            }
        }
    }

    /// Makes a durable commit visible to new readers, and frees the pages that nobody needs any more.
    fn publish(
        &self,
        w: &mut Writer,
        slot: u64,
        meta: Meta,
        mut freed: Vec<(u64, u64)>,
        born: Vec<u64>,
    ) -> Sizes {
        let view = Arc::new(View {
            store: w.view.store.clone(),
            map: w.map.clone(),
            meta,
        });
        w.alive.push_back((meta.txid, Arc::downgrade(&view)));
        w.slot = slot;
        w.view = view.clone();
        self.inner.current.lock().view = view;

        let readers = w.readers();
        let older = &readers[..readers.len() - 1];
        w.pins.release(&readers, &mut w.free);
        freed.extend(w.freelist.take());
        w.pins.add(freed, older, &mut w.free);
        w.pins.forget_births(readers[0]);
        if !older.is_empty() {
            w.pins.note_births(meta.txid, born);
        }
        let sizes = w.sizes();
        self.inner.current.lock().sizes = sizes;
        sizes
    }

    /// Frees the pages that were held for readers which have ended.
    fn release(&self, w: &mut Writer) {
        let readers = w.readers();
        let before = w.pins.pages();
        w.pins.release(&readers, &mut w.free);
        if w.pins.pages() != before {
            self.inner.current.lock().sizes = w.sizes();
        }
    }

    /// Checks the last committed state and the engine's record of free pages: every page is used by exactly one
    /// tree, or free, or held for a reader.
    ///
    /// # Errors
    /// Only if the file cannot be read; what is wrong is among the findings.
    pub fn check(&self) -> Result<Checked> {
        let mut writer = self.inner.writer.lock();
        let w = &mut *writer;
        let (mut checked, mut seen) = walk(&*w.view, &mut |_| {})?;
        let mut findings = Vec::new();
        let mut find = |page, what: String| {
            findings.push(Finding {
                page: Some(page),
                bucket: None,
                what,
            })
        };
        for (start, n) in w.free.runs() {
            if let Some(page) = seen.insert(start, n) {
                find(page, "it is in use, and free too".into());
            }
        }
        for (start, n) in w.pins.runs() {
            if let Some(page) = seen.insert(start, n) {
                find(
                    page,
                    "it is held for a reader, and in use or free too".into(),
                );
            }
        }
        let lost = seen.gaps(2, w.view.meta.high_water).next();
        if let (Some((page, n)), true) = (lost, checked.findings.is_empty()) {
            find(
                page,
                format!("{n} pages from here on are neither in use nor free"),
            );
        }
        let file = &w.view.store.file;
        let metas = read_metas(file, file.metadata()?.len())?;
        findings.extend(check_metas(&metas));
        // After a failed sync the file may be one transaction ahead.
        if file.check_latch().is_ok() && (metas.winner, metas.meta) != (w.slot, w.view.meta) {
            findings.push(Finding {
                page: Some(metas.winner),
                bucket: None,
                what: "it is not the meta of the last commit".into(),
            });
        }
        checked.findings.extend(findings);
        Ok(checked)
    }

    /// Closes this handle. The file is closed and its lock given back when the last handle and the last
    /// [`ReadTx`] are gone.
    pub fn close(self) {}
}

/// [`DiskFile::check_path`]; the file is not written to any more once its name has led elsewhere.
pub(super) fn check_path(file: &DiskFile) -> Result<()> {
    file.check_path().inspect_err(|e| {
        if matches!(e, Error::Replaced { .. }) {
            file.latch(e);
        }
    })
}

impl Writer {
    pub fn sizes(&self) -> Sizes {
        Sizes::new(&self.view.meta, self.free.pages())
    }

    /// Cuts off the digest of a snapshot that was copied into place, which the first write makes wrong. A file
    /// with a wrong digest is refused as damaged, so the cut must be on the disk before anything else is.
    fn cut_digest(&mut self) -> Result<()> {
        if let Some(at) = self.digest_at.take() {
            let file = &self.view.store.file;
            file.truncate(at)?;
            file.sync()?;
        }
        Ok(())
    }

    /// The transactions that are seen by anybody, ascending; the current one is the last.
    fn readers(&mut self) -> Vec<u64> {
        self.alive.retain(|(_, view)| view.strong_count() > 0);
        // The reads of ended readers happen before their pages are written again.
        fence(Ordering::Acquire);
        self.alive.iter().map(|(txid, _)| *txid).collect()
    }

    /// The next meta, and the page it goes to: never the one that holds the current meta. bbolt puts
    /// transaction N on page N mod 2, and a snapshot has its meta on page 0 whatever N is.
    fn next_meta(&self, new: Meta) -> (u64, Meta) {
        let slot = 1 - self.slot;
        let next = self.view.meta.txid + 1;
        (
            slot,
            Meta {
                txid: if next % 2 == slot { next } else { next + 1 },
                ..new
            },
        )
    }

    /// Upper bound for the number of pages by which such a batch makes the file grow.
    ///
    /// A touched page of one page becomes at most two, besides what is new in it: keys, values, and the leaves
    /// of inline buckets, of a quarter page at most, which are copied with the bucket's entry or move to a page
    /// of their own. All those can use free pages; pages with a continuation need several in a row, of which
    /// there may be none.
    fn worst_case(&self, bytes: u64, ops: u64) -> u64 {
        let page_size = u64::from(self.view.meta.page_size);
        let all = bytes.saturating_add(ops.saturating_mul(32));
        let small = all.min(ops.saturating_mul(page_size)).div_ceil(page_size);
        let s = &self.page_counts;
        let leaves = 2 * s.leaves.min(ops);
        let branches = 2 * s.branches.min(ops.saturating_mul(s.depth));
        let single = leaves + branches + small.saturating_mul(4) + ops.saturating_mul(4) + 16;
        let big = s.big.min(ops.saturating_mul(s.biggest));
        let several = big + all.div_ceil(page_size).saturating_add(ops);
        several.saturating_add(single.saturating_sub(self.free.pages()))
    }

    /// Allocated pages at the end of the file that this batch does not need even in the worst case.
    fn unclaimed(&self, batch: &Batch) -> u64 {
        let worst = self.worst_case(batch.bytes(), batch.ops() as u64);
        let claimed = self.view.meta.high_water.saturating_add(worst);
        (self.allocated / u64::from(self.view.meta.page_size)).saturating_sub(claimed)
    }

    /// Makes sure that the file has disk blocks for so many pages, and that the mapping covers them.
    fn grow(&mut self, pages: u64, options: &Options) -> Result<()> {
        let page_size = u64::from(self.view.meta.page_size);
        let file = &self.view.store.file;
        let need = pages.saturating_mul(page_size);
        if need > self.allocated {
            let from = self.allocated;
            let unused = self.view.meta.size().max(from);
            let step = (need / 2).max(LEAST_GROWTH).min(options.grow);
            let roomy = need.saturating_add(step).next_multiple_of(page_size);
            let len = match file.allocate(from, unused, roomy) {
                Err(Error::NoSpace { .. }) => file.allocate(from, unused, need).map(|()| need),
                done => done.map(|()| roomy),
            };
            self.allocated = len?;
        }
        if need > self.map.len() {
            let map = Map::new(
                file.file(),
                self.allocated,
                self.allocated.saturating_mul(2),
            );
            self.map = Arc::new(map.map_err(|e| Error::io(file.path(), "map", e))?);
        }
        Ok(())
    }
}
