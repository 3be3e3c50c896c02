//! A database open for writing, with one writer at a time and any number of readers, which the writer never blocks.
//! `commit` shows the protocol; `merge.rs` turns a batch into pages.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::batch::Batch;
use super::check::{Checked, Finding, check_metas, walk};
use super::commit_record;
use super::disk::{Disk, DiskFile};
use super::error::{Error, Result};
use super::free::Pins;
use super::merge::{Plan, merge};
use super::meta::Meta;
use super::new_pages::NewPages;
use super::open::{Opened, open, read_metas};
use super::options::Options;
use super::sizes::Sizes;
use super::view::{ReadTx, View};
use super::writer::{Writer, check_path};

/// Number of bytes that a disk writes atomically.
const SECTOR: usize = 512;

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
    /// Files that were replaced by defragmentations, and whether their contents are gone. They stay open, and therefore
    /// locked; see `MAX_REPLACED` in `defrag.rs`.
    pub replaced: Mutex<Vec<(Arc<DiskFile>, bool)>>,
}

/// The committed state, which new readers get.
pub(super) struct Current {
    pub view: Arc<View>,
    pub sizes: Sizes,
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
