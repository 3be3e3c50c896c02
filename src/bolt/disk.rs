//! Every write, growth, sync, rename and removal of the engine goes through this file. After a failed write or sync, a
//! file refuses all further ones, because a repeated sync can report success although data is lost. Tests can observe
//! every step and make it fail.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use rustix::fs::{CWD, FallocateFlags, RenameFlags};
use rustix::io::Errno;

use super::error::{Error, Result, is_full, plain};
use super::watcher::{Event, Watcher};

/// Bytes written at a time when zeros are written because the file system cannot allocate blocks.
const ZEROS: usize = 1 << 20;

/// The file system, with an optional watcher.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    watcher: Option<Arc<dyn Watcher>>,
}

impl Disk {
    pub fn new(watcher: Option<Arc<dyn Watcher>>) -> Disk {
        Disk { watcher }
    }

    fn notify(&self, event: Event<'_>) -> io::Result<()> {
        self.watcher.as_ref().map_or(Ok(()), |w| w.event(event))
    }

    /// Opens an existing file for reading and writing.
    pub fn open(&self, path: &Path) -> io::Result<DiskFile> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let opened = DiskFile::new(self, path, file);
        self.notify(Event::Open {
            path,
            file: opened.id,
        })?;
        Ok(opened)
    }

    /// Creates a file with mode 0600, which must not exist.
    pub fn create(&self, path: &Path) -> Result<DiskFile> {
        let id = next_id();
        let fail = |e| Error::io(path, "create", e);
        self.notify(Event::Create { path, file: id })
            .map_err(fail)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(fail)?;
        Ok(DiskFile {
            id,
            ..DiskFile::new(self, path, file)
        })
    }

    /// Renames a file, replacing any file with the new name.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.notify(Event::Rename { from, to })
            .and_then(|()| fs::rename(from, to))
            .map_err(|e| Error::io(to, "rename a new file to", e))
    }

    /// Renames a file unless the new name exists. Returns false if it does.
    pub fn rename_new(&self, from: &Path, to: &Path) -> Result<bool> {
        let fail = |e| Error::io(to, "rename a new file to", e);
        self.notify(Event::Rename { from, to }).map_err(fail)?;
        match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(true),
            Err(Errno::EXIST) => return Ok(false),
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            Err(e) => return Err(fail(e.into())),
        }
        match fs::hard_link(from, to) {
            Ok(()) => fs::remove_file(from).map(|()| true).map_err(fail),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(fail(e)),
        }
    }

    /// Removes a file.
    pub fn remove(&self, path: &Path) -> Result<()> {
        self.notify(Event::Remove { path })
            .and_then(|()| fs::remove_file(path))
            .map_err(|e| Error::io(path, "remove", e))
    }

    /// Syncs a directory.
    pub fn sync_dir(&self, path: &Path) -> Result<()> {
        let fail = |e| Error::io(path, "sync the directory", e);
        self.notify(Event::SyncDir { path }).map_err(fail)?;
        let dir = File::open(path).map_err(fail)?;
        match dir.sync_all() {
            // Some file systems cannot sync directories and do not need to.
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
                ) =>
            {
                Ok(())
            }
            done => done.map_err(fail),
        }
    }

    /// Creates a directory and its missing parents (mode 0700), and syncs their entries.
    ///
    /// An existing directory is synced too: a process may have been killed between creating and syncing it.
    pub fn create_dirs(&self, path: &Path) -> Result<()> {
        if path.as_os_str().is_empty() || path.parent().is_none() {
            return Ok(());
        }
        let above = parent(path);
        let mine = !path.is_dir();
        if above != path {
            self.create_dirs(above)?;
        }
        if mine {
            let made = self
                .notify(Event::CreateDir { path })
                .and_then(|()| fs::DirBuilder::new().mode(0o700).create(path));
            match made {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(Error::io(path, "create the directory", e));
                }
                _ => {}
            }
        }
        match self.sync_dir(above) {
            // A directory that we may not read was not created by a process like this one.
            Err(Error::Io { source, .. }) if !mine && is_read_only(&source) => Ok(()),
            done => done,
        }
    }
}

fn is_read_only(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    )
}

/// The directory that contains a path.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// An open file. Dropping it closes it and releases its lock.
pub(crate) struct DiskFile {
    id: u64,
    file: File,
    path: PathBuf,
    disk: Disk,
    latch: OnceLock<String>,
    /// Device and inode number, once they have been needed.
    identity: OnceLock<(u64, u64)>,
}

impl DiskFile {
    fn new(disk: &Disk, path: &Path, file: File) -> DiskFile {
        DiskFile {
            id: next_id(),
            file,
            path: path.to_path_buf(),
            disk: disk.clone(),
            latch: OnceLock::new(),
            identity: OnceLock::new(),
        }
    }

    /// Opens an existing file for reading only. Not reported to a watcher.
    pub fn open_read_only(path: &Path) -> Result<DiskFile> {
        // Opening a pipe would block until there is a writer.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
            .open(path)
            .map_err(|e| Error::io(path, "open", e))?;
        Ok(DiskFile::new(&Disk::default(), path, file))
    }

    /// The same file, or its unpacked contents if it is compressed.
    pub fn unpacked(self) -> Result<DiskFile> {
        let file = super::unpack::plain(self.file, &self.path)?;
        Ok(DiskFile {
            file,
            identity: OnceLock::new(),
            ..self
        })
    }

    /// The same open file under its new name, after a rename.
    pub fn renamed(self, path: &Path) -> DiskFile {
        DiskFile {
            path: path.to_path_buf(),
            ..self
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file, for mapping or reading.
    pub fn file(&self) -> &File {
        &self.file
    }

    fn fail(&self, doing: &'static str) -> impl Fn(io::Error) -> Error {
        move |e| Error::io(&self.path, doing, e)
    }

    pub fn metadata(&self) -> Result<fs::Metadata> {
        self.file.metadata().map_err(self.fail("read the length"))
    }

    /// Takes the exclusive flock without waiting.
    pub fn lock(&self) -> Result<()> {
        self.file.try_lock().map_err(|e| Error::lock(&self.path, e))
    }

    /// Takes a shared flock without waiting.
    pub fn lock_shared(&self) -> Result<()> {
        self.file
            .try_lock_shared()
            .map_err(|e| Error::lock(&self.path, e))
    }

    /// Whether the file cannot be written by anybody because its file system is mounted read-only.
    pub fn is_on_read_only_file_system(&self) -> bool {
        use rustix::fs::StatVfsMountFlags;
        rustix::fs::fstatvfs(&self.file)
            .is_ok_and(|fs| fs.f_flag.contains(StatVfsMountFlags::RDONLY))
    }

    /// Fails if the path no longer leads to this file, whose further content would be lost. Succeeds if the directory
    /// can no longer be searched, since then the path cannot be checked.
    pub fn check_path(&self) -> Result<()> {
        match self.is_at(&self.path) {
            Ok(true) => Ok(()),
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {
                Ok(())
            }
            Ok(false) => Err(Error::Replaced {
                file: self.path.clone(),
            }),
            Err(e) => Err(e),
        }
    }

    /// Whether a path leads to this file.
    pub fn is_at(&self, path: &Path) -> Result<bool> {
        let own = match self.identity.get() {
            Some(own) => *own,
            None => {
                let own = self.metadata()?;
                *self.identity.get_or_init(|| (own.dev(), own.ino()))
            }
        };
        match fs::metadata(path) {
            Ok(m) => Ok((m.dev(), m.ino()) == own),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Error::io(path, "look up", e)),
        }
    }

    pub fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        self.file
            .read_exact_at(into, offset)
            .map_err(self.fail("read"))
    }

    /// Reads one byte, but only if its page is in memory.
    #[cfg(target_os = "linux")]
    pub fn read_at_once(&self, offset: u64) -> Option<()> {
        use rustix::io::ReadWriteFlags;
        let mut byte = [0];
        let mut into = [io::IoSliceMut::new(&mut byte)];
        match rustix::io::preadv2(&self.file, &mut into, offset, ReadWriteFlags::NOWAIT) {
            Ok(1) => Some(()),
            _ => None,
        }
    }

    /// Asks the system to evict the file from the page cache. Returns whether it did.
    #[cfg(all(test, target_os = "linux"))]
    pub fn evict(&self) -> bool {
        let asked = rustix::fs::fadvise(&self.file, 0, None, rustix::fs::Advice::DontNeed);
        asked.is_ok() && self.read_at_once(8 << 12).is_none()
    }

    /// Fails if a write or sync of this file has failed before.
    pub fn check_latch(&self) -> Result<()> {
        match self.latch.get() {
            Some(cause) => Err(Error::Latched {
                file: self.path.clone(),
                cause: cause.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Makes all further writes fail.
    pub fn latch(&self, cause: &Error) {
        // Report only the first cause.
        let _ = self.latch.set(cause.to_string());
    }

    fn latching(&self, doing: &'static str, done: io::Result<()>) -> Result<()> {
        done.map_err(|e| {
            let e = Error::io(&self.path, doing, e);
            self.latch(&e);
            e
        })
    }

    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.check_latch()?;
        let done = self
            .disk
            .notify(Event::Write {
                file: self.id,
                offset,
                bytes,
            })
            .and_then(|()| self.file.write_all_at(bytes, offset));
        self.latching("write", done)
    }

    /// Syncs the content and the length of the file.
    pub fn sync(&self) -> Result<()> {
        self.check_latch()?;
        let done = self
            .disk
            .notify(Event::Sync { file: self.id })
            .and_then(|()| self.file.sync_data());
        self.latching("sync", done)
    }

    /// Takes the result of a [`Flusher`](crate::files::flusher::Flusher) of this file. A failure counts as a failed sync.
    pub fn flushed(&self, done: io::Result<()>) -> Result<()> {
        self.latching("sync", done)
    }

    /// Allocates disk blocks for the bytes from `from` to `len`, so that writing to them cannot fail for lack of space.
    /// Bytes from `unused` on hold no data yet. A failure leaves the file unchanged.
    pub fn allocate(&self, from: u64, unused: u64, len: u64) -> Result<()> {
        self.check_latch()?;
        let wanted = len.saturating_sub(unused);
        let fail = |e: io::Error| match is_full(&e) {
            true => Error::NoSpace {
                file: self.path.clone(),
                wanted,
                cause: plain(&e),
            },
            false => Error::io(&self.path, "allocate space", e),
        };
        let before = self.metadata()?.len();
        self.disk
            .notify(Event::Allocate { file: self.id, len })
            .map_err(fail)?;
        let done = loop {
            match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), from, len - from) {
                Ok(()) => break Ok(()),
                Err(Errno::INTR) => {}
                Err(Errno::NOTSUP | Errno::NOSYS) => break self.fill(unused, len),
                Err(e) => break Err(e.into()),
            }
        };
        if done.is_err() {
            // Free what was allocated before the disk was full. If that fails, only space is lost.
            let event = Event::Truncate {
                file: self.id,
                len: before,
            };
            let _ = self
                .disk
                .notify(event)
                .and_then(|()| self.file.set_len(before));
        }
        done.map_err(fail)
    }

    /// Extends the file to `len` bytes, without disk blocks.
    pub fn extend(&self, len: u64) -> Result<()> {
        self.check_latch()?;
        let done = self
            .disk
            .notify(Event::Allocate { file: self.id, len })
            .and_then(|()| self.file.set_len(len));
        done.map_err(self.fail("grow"))
    }

    /// Truncates the file to `len` bytes. Nobody may be reading the part beyond, in particular not through a mapping.
    pub fn truncate(&self, len: u64) -> Result<()> {
        self.check_latch()?;
        let done = self
            .disk
            .notify(Event::Truncate { file: self.id, len })
            .and_then(|()| self.file.set_len(len));
        self.latching("cut", done)
    }

    /// Writes zeros if the file system cannot allocate blocks.
    fn fill(&self, from: u64, to: u64) -> io::Result<()> {
        let zeros = vec![0; ZEROS];
        let mut at = from;
        while at < to {
            let bytes = &zeros[..(to - at).min(ZEROS as u64) as usize];
            self.disk.notify(Event::Write {
                file: self.id,
                offset: at,
                bytes,
            })?;
            self.file.write_all_at(bytes, at)?;
            at += bytes.len() as u64;
        }
        Ok(())
    }

    /// Overwrites the metas of a replaced file.
    ///
    /// The file stays open, and therefore locked. A tool that waits for its lock gets it when this process ends, and
    /// must not find a database in it: it would rename its own copy over the current file.
    pub fn retire(&self, metas: u64) -> io::Result<()> {
        if self.file.metadata()?.nlink() > 0 {
            return Ok(());
        }
        let bytes = &vec![0; metas as usize];
        self.disk.notify(Event::Write {
            file: self.id,
            offset: 0,
            bytes,
        })?;
        self.file.write_all_at(bytes, 0)
    }

    /// Frees the blocks of a replaced file after its last reader has ended.
    pub fn release(&self, metas: u64) -> io::Result<()> {
        if self.file.metadata()?.nlink() > 0 {
            return Ok(());
        }
        self.disk.notify(Event::Truncate {
            file: self.id,
            len: metas,
        })?;
        self.file.set_len(metas)
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    /// Records every step as a line of text.
    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    impl Watcher for Lines {
        fn event(&self, event: Event<'_>) -> io::Result<()> {
            let line = match event {
                Event::Write { offset, bytes, .. } => format!("write {} at {offset}", bytes.len()),
                Event::Truncate { len, .. } => format!("cut to {len}"),
                Event::Allocate { len, .. } => format!("allocate {len}"),
                _ => return Ok(()),
            };
            self.0.lock().push(line);
            Ok(())
        }
    }

    /// Every write, growth and truncation is reported to the watcher, including the rare ones.
    #[test]
    fn every_change_of_a_file_is_reported() {
        let lines = Arc::new(Lines::default());
        let disk = Disk::new(Some(lines.clone()));
        let dir = tempfile::tempdir().unwrap();
        let file = disk.create(&dir.path().join("db")).unwrap();
        let taken = || std::mem::take(&mut *lines.0.lock());
        file.fill(100, 100 + (2 << 20) + 7).unwrap();
        assert_eq!(
            taken(),
            [
                "write 1048576 at 100",
                "write 1048576 at 1048676",
                "write 7 at 2097252"
            ]
        );
        fs::remove_file(file.path()).unwrap();
        file.retire(8192).unwrap();
        file.release(8192).unwrap();
        assert_eq!(taken(), ["write 8192 at 0", "cut to 8192"]);
        assert_eq!(file.metadata().unwrap().len(), 8192);
    }
}
