//! A database open for writing, with one writer at a time and any number of readers, which the writer never blocks.
//! `commit` shows the protocol; `merge.rs` turns a batch into pages.

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

/// Number of bytes that a disk writes atomically.
const SECTOR: usize = 512;
/// The file grows by at least this many bytes, if the options allow it.
const LEAST_GROWTH: u64 = 256 << 10;

/// Size of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sizes {
    /// Bytes up to the high-water mark; etcd calls this `dbSize`.
    pub total: u64,
    /// `total` without the free pages; etcd calls this `dbSizeInUse`. Pages that only readers still use are included.
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

/// A database open for writing. Cheap to clone; all clones share the same database.
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
    /// Files that were replaced by defragmentations. They stay open, and therefore locked, as long as the database is
    /// open.
    pub replaced: Mutex<Vec<Arc<DiskFile>>>,
}

/// The committed state, which new readers get.
pub(super) struct Current {
    pub view: Arc<View>,
    pub sizes: Sizes,
}

/// The writer's own state.
pub(super) struct Writer {
    pub view: Arc<View>,
    /// The meta page that holds the current meta. The next meta goes to the other one.
    pub slot: u64,
    /// The mapping for the next view.
    pub map: Arc<Map>,
    pub free: Free,
    pub pins: Pins,
    /// Views that readers may still hold, ordered by transaction. The current view is last.
    pub alive: VecDeque<(u64, Weak<View>)>,
    /// Pages of the freelist that the current meta names. The next meta names none, so they become free with the next
    /// commit.
    pub freelist: Option<(u64, u64)>,
    pub page_counts: PageCounts,
    /// Number of bytes from the beginning of the file that are known to have disk blocks.
    pub allocated: u64,
    /// The buffer of the last commit, for reuse.
    pub spare: Vec<u8>,
    /// Number of pages that the last commit wrote.
    pub last_commit_pages: u64,
    /// Offset in bytes of a snapshot's digest at the end of the file, if there is one.
    pub digest_at: Option<u64>,
    /// Whether the current meta has a commit record.
    pub has_record: bool,
}

impl Drop for Inner {
    /// Removes the record from the current meta. Its commit is durable, so that damage found in its pages later must be
    /// reported as damage and not as an interrupted commit. Nothing depends on this, so it is not synced and errors are
    /// ignored.
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
    /// Opens the database at `path`. Creates it, and missing parent directories, if it does not exist.
    ///
    /// Locks the file against other processes (flock) and removes temporary files of killed processes, whose names
    /// start with `path` and `.tmp`.
    ///
    /// # Errors
    /// [`Error::Locked`] at once if another process has it open; [`Error::NotBolt`] or [`Error::Corrupt`] if it is not
    /// an intact database; [`Error::Io`] with the step that failed.
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

    /// Path of the file, with symbolic links resolved.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The transaction that a crash interrupted before this opening, if there was one. Its commit was never
    /// acknowledged, and nothing of it remains.
    pub fn interrupted(&self) -> Option<u64> {
        self.inner.interrupted
    }

    /// A view of the last committed state. Never waits for a commit or for the disk.
    pub fn read(&self) -> ReadTx {
        ReadTx(self.inner.current.lock().view.clone())
    }

    /// Size of the last committed state.
    pub fn sizes(&self) -> Sizes {
        self.inner.current.lock().sizes
    }

    /// Checks that the path still leads to the open file, which somebody may have renamed or removed. After a failure
    /// the engine refuses writes. Costs one `stat`.
    ///
    /// [`Db::claim`], [`Db::commit`] and [`Db::defragment`] do this check themselves.
    ///
    /// # Errors
    /// [`Error::Replaced`].
    pub fn check_path(&self) -> Result<()> {
        let file = self.inner.writer.lock().view.store.file.clone();
        check_path(&file)
    }

    /// Allocates disk space for a batch with at most `ops` operations and `bytes` bytes of keys and values. Committing
    /// such a batch cannot fail for lack of space.
    ///
    /// # Errors
    /// [`Error::NoSpace`] if there is not enough; nothing has changed and the database remains usable.
    /// [`Error::Replaced`] if the path leads elsewhere; [`Error::Latched`] after an earlier failure.
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

    /// Applies a batch atomically. When this returns, the batch is durable and visible to new readers.
    ///
    /// # Errors
    /// [`Error::NoSpace`] if no space was claimed and there is not enough; nothing has changed. After any other failure
    /// the state of the disk is unknown and the engine refuses writes; readers continue with the previous state.
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
        // Merge the batch into the trees. Large commits already write pages here, to free places only. A page that
        // cannot be read also latches the engine, because the same batch would fail again.
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
                // With a record, opening after a crash can tell whether everything is on disk, so one sync is enough.
                Some(record) => record.add_to(&mut page),
                None => file.sync()?,
            }
            file.write_at(slot * u64::from(meta.page_size), &page)?;
            file.sync()?;
            w.has_record = record.is_some();
            // Acknowledge only what can be found again under the file's path.
            file.check_path()?;
            Ok((slot, meta))
        });
        match written {
            // Make the commit visible.
            Ok((slot, meta)) => {
                w.page_counts = page_counts;
                w.last_commit_pages = born.len() as u64;
                Ok(self.publish(w, slot, meta, freed, born))
            }
            Err(e) => {
                // Give the pages back. Unless only space was missing, refuse all further writes.
                taken.undo(&mut w.free);
                if !matches!(e, Error::NoSpace { .. }) {
                    file.latch(&e);
                }
                Err(e)
            }
        }
    }

    /// Makes a durable commit visible to new readers and frees pages that are no longer needed.
    fn publish(
        &self,
        w: &mut Writer,
        slot: u64,
        meta: Meta,
        mut freed: Vec<(u64, u64)>,
        born: Vec<u64>,
    ) -> Sizes {
        // Publish the new view.
        let view = Arc::new(View {
            store: w.view.store.clone(),
            map: w.map.clone(),
            meta,
        });
        w.alive.push_back((meta.txid, Arc::downgrade(&view)));
        w.slot = slot;
        w.view = view.clone();
        self.inner.current.lock().view = view;

        // Free the pages that this commit replaced, and those of readers that have ended; pages still visible to a
        // reader are pinned.
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

    /// Frees pages that were pinned by readers that have ended.
    fn release(&self, w: &mut Writer) {
        let readers = w.readers();
        let before = w.pins.pages();
        w.pins.release(&readers, &mut w.free);
        if w.pins.pages() != before {
            self.inner.current.lock().sizes = w.sizes();
        }
    }

    /// Checks the last committed state and the free pages in memory: every page must be used by exactly one tree, free,
    /// or pinned for a reader.
    ///
    /// # Errors
    /// The file cannot be read. Defects are returned as findings.
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
        // Check the pages in memory against those that the trees use.
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
        // Check the metas in the file.
        let file = &w.view.store.file;
        let metas = read_metas(file, file.metadata()?.len())?;
        findings.extend(check_metas(&metas));
        // After a failed sync the file may already hold the next transaction.
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

    /// Closes this handle. The file is closed and unlocked when the last handle and the last [`ReadTx`] are dropped.
    pub fn close(self) {}
}

/// Like [`DiskFile::check_path`], and latches the file once its path leads elsewhere.
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

    /// Removes the digest from the end of a copied snapshot, since the first write invalidates it. A file with a wrong
    /// digest is rejected as damaged, so the truncation must be durable before anything else is written.
    fn cut_digest(&mut self) -> Result<()> {
        if let Some(at) = self.digest_at.take() {
            let file = &self.view.store.file;
            file.truncate(at)?;
            file.sync()?;
        }
        Ok(())
    }

    /// Transactions that readers hold, ascending. The current one is last.
    fn readers(&mut self) -> Vec<u64> {
        self.alive.retain(|(_, view)| view.strong_count() > 0);
        // Reads by ended readers happen before their pages are overwritten.
        fence(Ordering::Acquire);
        self.alive.iter().map(|(txid, _)| *txid).collect()
    }

    /// The next meta, and the meta page it goes to: never the one that holds the current meta. bbolt expects
    /// transaction N on page N mod 2, but a snapshot has its newest meta on page 0 for any N, so that a transaction
    /// number may have to be skipped.
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

    /// Upper bound on the number of pages by which such a batch can grow the file.
    ///
    /// A modified single page becomes at most two, apart from the new keys and values and the leaves of inline buckets.
    /// The latter take at most a quarter page each and are copied with the bucket's entry, or move to their own page.
    /// All of these can use free pages. A page with continuation pages needs consecutive free pages, of which there may
    /// be none.
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

    /// Number of allocated pages at the end of the file that this batch does not need even in the worst case.
    fn unclaimed(&self, batch: &Batch) -> u64 {
        let worst = self.worst_case(batch.bytes(), batch.ops() as u64);
        let claimed = self.view.meta.high_water.saturating_add(worst);
        (self.allocated / u64::from(self.view.meta.page_size)).saturating_sub(claimed)
    }

    /// Allocates disk blocks for `pages` pages and extends the mapping over them.
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
