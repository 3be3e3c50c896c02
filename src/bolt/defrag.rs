//! Defragmentation: writes all records to a new file and renames it over the old one. Until the rename, the old file is
//! untouched and any failure leaves everything as it was.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::bulk::BulkWriter;
use super::db::Db;
use super::disk::{DiskFile, parent};
use super::error::{Error, Result};
use super::free::{Free, Pins};
use super::map::Map;
use super::meta::Meta;
use super::open::temp_name;
use super::page_counts::PageCounts;
use super::sizes::Sizes;
use super::tree::Buckets;
use super::view::{Store, View};
use super::writer::{Writer, check_path};
use crate::files::unfinished::{Unfinished, finish};

/// Maximum number of replaced files that stay open and locked after their contents have been removed.
const MAX_REPLACED: usize = 8;

impl Db {
    /// Rewrites the database without free pages to a new file, and renames that over the old one. Readers continue and
    /// keep their state; commits wait.
    ///
    /// # Errors
    /// Any failure before the rename, such as [`Error::Io`] for a full disk, changes nothing and removes the new file.
    /// If syncing the directory fails after it, further writes are refused.
    pub fn defragment(&self) -> Result<Sizes> {
        let inner = &self.inner;
        let mut writer = inner.writer.lock();
        writer.view.store.file.check_latch()?;
        check_path(&writer.view.store.file)?;
        let temp = temp_name(&inner.path, "defrag");
        match inner.disk.remove(&temp) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            done => done?,
        }
        let _unfinished = Unfinished::file(&temp);
        let prepared = self.rewrite(&writer.view, &temp).and_then(|new| {
            // Do not overwrite another file that was put at this path.
            check_path(&writer.view.store.file)?;
            finish(|| inner.disk.rename(&temp, &inner.path))?;
            Ok(new)
        });
        let (file, meta, page_counts, map) = match prepared {
            Ok(new) => new,
            Err(e) => {
                // Report only the first failure.
                let _ = inner.disk.remove(&temp);
                return Err(e);
            }
        };
        let synced = inner.disk.sync_dir(parent(&inner.path));
        if let Err(e) = &synced {
            // A crash could bring back the old file, and all writes to the new one would be lost.
            file.latch(e);
        }
        let sizes = self.replace(&mut writer, file, meta, page_counts, map, synced.is_ok());
        synced.map(|()| sizes)
    }

    /// Writes all records of a view to a new file, and syncs, locks and maps it.
    fn rewrite(&self, view: &View, temp: &Path) -> Result<(DiskFile, Meta, PageCounts, Map)> {
        let inner = &self.inner;
        let mut bulk =
            BulkWriter::create_on(&inner.disk, temp, view.meta.page_size, view.meta.txid + 1)?;
        for bucket in Buckets::new(view)? {
            let (name, bucket) = bucket?;
            bulk.bucket(name, bucket.sequence())?;
            for entry in bucket.iter()? {
                let entry = entry?;
                if entry.is_bucket() {
                    return Err(Error::Invalid(
                        "a database with nested buckets cannot be defragmented",
                    ));
                }
                bulk.put(entry.key, entry.value)?;
            }
        }
        let (file, meta, page_counts) = bulk.finish_file()?;
        // Lock the new file before the rename, so that a process waiting for the old file's lock cannot get it first.
        file.lock()?;
        let map = Map::new(file.file(), meta.size(), inner.options.reserve)
            .map_err(|e| Error::io(temp, "map", e))?;
        Ok((file.renamed(&inner.path), meta, page_counts, map))
    }

    /// Switches readers and the writer to the new file.
    fn replace(
        &self,
        w: &mut Writer,
        file: DiskFile,
        meta: Meta,
        page_counts: PageCounts,
        map: Map,
        synced: bool,
    ) -> Sizes {
        let map = Arc::new(map);
        let view = Arc::new(View {
            store: Arc::new(Store::new(file, meta.page_size)),
            map: map.clone(),
            meta,
        });
        let old = std::mem::replace(
            w,
            Writer {
                slot: meta.txid % 2,
                map,
                free: Free::default(),
                pins: Pins::default(),
                alive: VecDeque::from([(meta.txid, Arc::downgrade(&view))]),
                freelist: None,
                page_counts,
                allocated: meta.size(),
                spare: Vec::new(),
                last_commit_pages: 0,
                digest_at: None,
                has_record: false,
                view: view.clone(),
            },
        );
        let sizes = w.sizes();
        let file = &old.view.store.file;
        // A failure only wastes disk space until the process ends.
        let is_retired = synced && file.retire(2 * u64::from(meta.page_size)).is_ok();
        if synced {
            old.view.store.retired.store(true, Ordering::Release);
        }
        self.keep_locked(file.clone(), is_retired);
        let mut current = self.inner.current.lock();
        current.view = view;
        current.sizes = sizes;
        sizes
    }

    /// Keeps a replaced file open, and therefore locked. Of those that no longer contain a database, only the most
    /// recent are kept, so that descriptors do not accumulate: a process that waits for the lock of an older one finds
    /// no database in it.
    fn keep_locked(&self, file: Arc<DiskFile>, is_retired: bool) {
        let mut replaced = self.inner.replaced.lock();
        replaced.push((file, is_retired));
        let retired = replaced.iter().filter(|(_, is_retired)| *is_retired);
        if retired.count() > MAX_REPLACED
            && let Some(oldest) = replaced.iter().position(|(_, is_retired)| *is_retired)
        {
            replaced.remove(oldest);
        }
    }
}
