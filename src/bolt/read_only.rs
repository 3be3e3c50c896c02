//! A database opened for reading only: shared with other readers, locked against writers, never written to. Works on a
//! read-only file system and on a full disk. Creation and repair are in `open.rs`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::digest::check_trailing_digest;
use super::disk::DiskFile;
use super::error::{Error, Result};
use super::map::Map;
use super::open::{OPEN_ATTEMPTS, is_regular, read_metas, refuse_empty};
use super::page_counts::scan;
use super::sizes::Sizes;
use super::view::{ReadTx, Store, View};

/// A database opened for reading. Cheap to clone; all clones share the open file.
///
/// Holds a shared flock, as bbolt's read-only mode does: no process can open the file for writing, but others can read
/// it. It shows the last state that was written. If the writer was killed, that state may not be durable yet.
#[derive(Clone)]
pub struct ReadOnly {
    view: Arc<View>,
    path: PathBuf,
    /// Computed on first use, because it takes a walk over the whole file.
    sizes: Arc<OnceLock<Sizes>>,
}

impl ReadOnly {
    /// Opens the database at `path`.
    ///
    /// # Errors
    /// [`Error::Io`] if the file does not exist (it is not created); [`Error::Locked`] at once if a process has it open
    /// for writing; [`Error::NotBolt`] and [`Error::Corrupt`] if it is not an intact database, or ends with a
    /// snapshot's digest that does not match.
    pub fn open(path: impl AsRef<Path>) -> Result<ReadOnly> {
        let (path, file) = lock_shared(path.as_ref())?;
        ReadOnly::of_file(path, file)
    }

    fn of_file(path: PathBuf, file: DiskFile) -> Result<ReadOnly> {
        let file = file.unpacked()?;
        let len = file.metadata()?.len();
        refuse_empty(&path, len)?;
        let metas = read_metas(&file, len)?;
        metas
            .meta
            .check(metas.winner, len)
            .map_err(|d| d.in_file(&path))?;
        check_trailing_digest(&file, len)?;
        // The file cannot grow while the shared lock is held.
        let map = Map::new(file.file(), len, len).map_err(|e| Error::io(&path, "map", e))?;
        let store = Store::new(file, metas.meta.page_size);
        Ok(ReadOnly {
            view: Arc::new(View {
                store: Arc::new(store),
                map: Arc::new(map),
                meta: metas.meta,
            }),
            path,
            sizes: Arc::default(),
        })
    }

    /// Path of the file, with symbolic links resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A view of the database, as from a [`Db`](super::Db).
    pub fn read(&self) -> ReadTx {
        ReadTx(self.view.clone())
    }

    /// Size of the database. The first call reads every page header to find the free pages.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if a page is damaged.
    pub fn sizes(&self) -> Result<Sizes> {
        if let Some(sizes) = self.sizes.get() {
            return Ok(*sizes);
        }
        let free = scan(&*self.view)?.free.pages();
        let sizes = Sizes::new(&self.view.meta, free);
        Ok(*self.sizes.get_or_init(|| sizes))
    }
}

/// Opens the file for reading and takes a shared lock on it. A file system that is mounted read-only may not support
/// locks, but does not need them either.
fn lock_shared(path: &Path) -> Result<(PathBuf, DiskFile)> {
    for _ in 0..OPEN_ATTEMPTS {
        let file = DiskFile::open_read_only(path)?;
        is_regular(&file)?;
        match file.lock_shared() {
            Err(Error::Io { .. }) if file.is_on_read_only_file_system() => {}
            locked => locked?,
        }
        // Another process may have renamed a file over this one between opening and locking.
        if file.is_at(path)? {
            let real = path
                .canonicalize()
                .map_err(|e| Error::io(path, "look up", e))?;
            return Ok((real.clone(), file.renamed(&real)));
        }
    }
    let text = "the file is being replaced again and again";
    Err(Error::io(path, "open", io::Error::other(text)))
}
