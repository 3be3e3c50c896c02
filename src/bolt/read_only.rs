//! A database opened only for reading: shared with other readers, closed to writers, never written to.
//! Works on a read-only file system and on a full disk. Creating and repairing are `open.rs`'s work.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::db::Sizes;
use super::digest::check_trailing_digest;
use super::disk::DiskFile;
use super::error::{Error, Result};
use super::map::Map;
use super::open::{OPEN_ATTEMPTS, is_regular, read_metas, refuse_empty};
use super::shape::scan;
use super::view::{ReadTx, Store, View};

/// A database opened for reading. Cheap to clone: all clones are the same open file.
///
/// It holds a shared flock, as bbolt's read-only mode does, so that no process can open the file for writing
/// meanwhile; other readers can. The state it shows is the last one that was written, which after a kill may
/// not have reached the disk yet.
#[derive(Clone)]
pub struct ReadOnly {
    view: Arc<View>,
    path: PathBuf,
    /// Computed when they are first asked for, since that takes a walk over the whole file.
    sizes: Arc<OnceLock<Sizes>>,
}

impl ReadOnly {
    /// Opens the database at `path`.
    ///
    /// # Errors
    /// [`Error::Io`] if there is none (nothing is created); [`Error::Locked`] at once if a process has it open
    /// for writing; [`Error::NotBolt`] and [`Error::Corrupt`] if it is no sound database, or ends with a
    /// snapshot's digest that does not match.
    pub fn open(path: impl AsRef<Path>) -> Result<ReadOnly> {
        let (path, file) = lock_shared(path.as_ref())?;
        ReadOnly::of_file(path, file)
    }

    /// The same without a lock that lasts: whoever owns the file can open it for writing meanwhile. What is read then
    /// may be pages that have been written anew; they are reported as damage, or are of the newer state.
    ///
    /// # Errors
    /// As [`ReadOnly::open`].
    pub fn open_unlocked(path: impl AsRef<Path>) -> Result<ReadOnly> {
        let (path, file) = lock_shared(path.as_ref())?;
        file.unlock();
        ReadOnly::of_file(path, file)
    }

    fn of_file(path: PathBuf, file: DiskFile) -> Result<ReadOnly> {
        let len = file.metadata()?.len();
        refuse_empty(&path, len)?;
        let metas = read_metas(&file, len)?;
        metas
            .meta
            .check(metas.winner, len)
            .map_err(|d| d.in_file(&path))?;
        check_trailing_digest(&file, len)?;
        // Nobody can make the file grow while the shared lock is held.
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

    /// The file's name, with links resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A view of the database, the same kind as that of a [`Db`](super::Db).
    pub fn read(&self) -> ReadTx {
        ReadTx(self.view.clone())
    }

    /// How large the database is. The first call reads every page header to find the free pages.
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

/// Opens the file for reading and takes a shared lock on it. A file system that is mounted read-only may
/// offer no locks; nobody can write there, so none is needed.
fn lock_shared(path: &Path) -> Result<(PathBuf, DiskFile)> {
    for _ in 0..OPEN_ATTEMPTS {
        let file = DiskFile::open_read_only(path)?;
        is_regular(&file)?;
        match file.lock_shared() {
            Err(Error::Io { .. }) if file.is_on_read_only_file_system() => {}
            locked => locked?,
        }
        // Between opening and locking, another process may have renamed a file over this one.
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
