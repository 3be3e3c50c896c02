//! The one door to the file system: every write, growth, sync, rename and removal goes through here.
//! A file refuses all further writes after the first that failed: nothing retries a sync into a false
//! success. Every step can be watched, and made to fail, which the crash tests rest on.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use rustix::fs::{CWD, FallocateFlags, RenameFlags};
use rustix::io::Errno;

use super::error::{Error, Result, is_full, plain};

/// Bytes written at once where zeros must be written in place of an allocation.
const ZEROS: usize = 1 << 20;

/// A step that changes something, told before it is taken.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A new, empty file.
    Create {
        /// Its name.
        path: &'a Path,
        /// The number under which later events speak of it, whatever its name is then.
        file: u64,
    },
    /// An existing file was opened.
    Open {
        /// Its name.
        path: &'a Path,
        /// Its number.
        file: u64,
    },
    /// Bytes written.
    Write {
        /// The file.
        file: u64,
        /// Where.
        offset: u64,
        /// What.
        bytes: &'a [u8],
    },
    /// The file gets blocks, and this length if it is shorter.
    Allocate {
        /// The file.
        file: u64,
        /// Its least length afterwards.
        len: u64,
    },
    /// The file is cut to this length: a snapshot loses its digest, or a file without a name loses its blocks.
    Truncate {
        /// The file.
        file: u64,
        /// Its length afterwards.
        len: u64,
    },
    /// What was written to the file must be on the disk.
    Sync {
        /// The file.
        file: u64,
    },
    /// A file gets another name; what had that name loses it.
    Rename {
        /// The old name.
        from: &'a Path,
        /// The new name.
        to: &'a Path,
    },
    /// A name is removed.
    Remove {
        /// The name.
        path: &'a Path,
    },
    /// A new directory.
    CreateDir {
        /// Its name.
        path: &'a Path,
    },
    /// The names in a directory must be on the disk.
    SyncDir {
        /// The directory.
        path: &'a Path,
    },
}

/// Sees every [`Event`] before it happens; an error it returns takes the place of the step.
pub trait Watcher: Send + Sync {
    /// `Err` makes the step fail without anything having been done.
    fn event(&self, event: Event<'_>) -> io::Result<()>;
}

/// The file system, watched or not.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    watcher: Option<Arc<dyn Watcher>>,
}

impl Disk {
    pub fn new(watcher: Option<Arc<dyn Watcher>>) -> Disk {
        Disk { watcher }
    }

    fn tell(&self, event: Event<'_>) -> io::Result<()> {
        self.watcher.as_ref().map_or(Ok(()), |w| w.event(event))
    }

    /// Opens an existing file for reading and writing.
    pub fn open(&self, path: &Path) -> io::Result<DiskFile> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let opened = DiskFile::new(self, path, file);
        self.tell(Event::Open {
            path,
            file: opened.id,
        })?;
        Ok(opened)
    }

    /// Creates a file that must not exist yet, mode 0600.
    pub fn create(&self, path: &Path) -> Result<DiskFile> {
        let id = next_id();
        let fail = |e| Error::io(path, "create", e);
        self.tell(Event::Create { path, file: id }).map_err(fail)?;
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

    /// Gives a file the name of another, which goes.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.tell(Event::Rename { from, to })
            .and_then(|()| fs::rename(from, to))
            .map_err(|e| Error::io(to, "rename a new file to", e))
    }

    /// Gives a file a name that must be free; false if it is not.
    pub fn rename_new(&self, from: &Path, to: &Path) -> Result<bool> {
        let fail = |e| Error::io(to, "rename a new file to", e);
        self.tell(Event::Rename { from, to }).map_err(fail)?;
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

    /// Removes a name.
    pub fn remove(&self, path: &Path) -> Result<()> {
        self.tell(Event::Remove { path })
            .and_then(|()| fs::remove_file(path))
            .map_err(|e| Error::io(path, "remove", e))
    }

    /// Brings the names in a directory to the disk.
    pub fn sync_dir(&self, path: &Path) -> Result<()> {
        let fail = |e| Error::io(path, "sync the directory", e);
        self.tell(Event::SyncDir { path }).map_err(fail)?;
        let dir = File::open(path).map_err(fail)?;
        match dir.sync_all() {
            // Some file systems have nothing to sync there, and say it so.
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

    /// Sees to it that a directory exists, mode 0700 if it is made now, and that its name and those of the
    /// directories above it are on the disk.
    ///
    /// A directory that is there already may have been made by a process that was killed before it could
    /// sync: that it is there proves nothing.
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
                .tell(Event::CreateDir { path })
                .and_then(|()| fs::DirBuilder::new().mode(0o700).create(path));
            match made {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(Error::io(path, "create the directory", e));
                }
                _ => {}
            }
        }
        match self.sync_dir(above) {
            // A directory that may not be read is none that this process, or one like it, has made names in.
            Err(Error::Io { source, .. }) if !mine && cannot_have_made(&source) => Ok(()),
            done => done,
        }
    }
}

fn cannot_have_made(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    )
}

/// The directory that a name stands in.
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

/// A file that is written to; closed, and its lock gone, when dropped.
pub(crate) struct DiskFile {
    id: u64,
    file: File,
    path: PathBuf,
    disk: Disk,
    latch: OnceLock<String>,
}

impl DiskFile {
    fn new(disk: &Disk, path: &Path, file: File) -> DiskFile {
        DiskFile {
            id: next_id(),
            file,
            path: path.to_path_buf(),
            disk: disk.clone(),
            latch: OnceLock::new(),
        }
    }

    /// Opens an existing file that is only to be read; nothing about it is told to a watcher.
    pub fn open_read_only(path: &Path) -> Result<DiskFile> {
        // Opening a pipe would wait for its writer.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
            .open(path)
            .map_err(|e| Error::io(path, "open", e))?;
        Ok(DiskFile::new(&Disk::default(), path, file))
    }

    /// The file under another name, which it has been given on the disk.
    pub fn renamed(self, path: &Path) -> DiskFile {
        DiskFile {
            path: path.to_path_buf(),
            ..self
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file, to be mapped or read.
    pub fn file(&self) -> &File {
        &self.file
    }

    fn fail(&self, doing: &'static str) -> impl Fn(io::Error) -> Error {
        move |e| Error::io(&self.path, doing, e)
    }

    pub fn metadata(&self) -> Result<fs::Metadata> {
        self.file.metadata().map_err(self.fail("read the length"))
    }

    /// Takes the exclusive flock, without waiting.
    pub fn lock(&self) -> Result<()> {
        match self.file.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => Err(Error::Locked {
                file: self.path.clone(),
            }),
            Err(TryLockError::Error(e)) => Err(Error::io(&self.path, "lock", e)),
        }
    }

    /// Takes a shared flock, without waiting.
    pub fn lock_shared(&self) -> Result<()> {
        match self.file.try_lock_shared() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => Err(Error::Locked {
                file: self.path.clone(),
            }),
            Err(TryLockError::Error(e)) => Err(Error::io(&self.path, "lock", e)),
        }
    }

    /// Gives the lock back.
    pub fn unlock(&self) {
        // Where there are no locks there is none to give back.
        let _ = self.file.unlock();
    }

    /// Whether nobody can write to the file because its file system is mounted read-only.
    pub fn is_on_read_only_file_system(&self) -> bool {
        use rustix::fs::StatVfsMountFlags;
        rustix::fs::fstatvfs(&self.file)
            .is_ok_and(|fs| fs.f_flag.contains(StatVfsMountFlags::RDONLY))
    }

    /// Fails if the file's name no longer leads to it: whatever is written then is lost when the file is
    /// closed. A directory that may no longer be searched tells nothing, and is no failure.
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

    /// Whether a name still stands for this very file.
    pub fn is_at(&self, path: &Path) -> Result<bool> {
        let own = self.metadata()?;
        match fs::metadata(path) {
            Ok(m) => Ok((m.dev(), m.ino()) == (own.dev(), own.ino())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Error::io(path, "look up", e)),
        }
    }

    pub fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        self.file
            .read_exact_at(into, offset)
            .map_err(self.fail("read"))
    }

    /// Reads one byte if that takes no waiting for the disk.
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

    /// Asks the system to throw out what it has of the file in memory; whether it has done so.
    #[cfg(all(test, target_os = "linux"))]
    pub fn throw_out(&self) -> bool {
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

    /// Refuses all writes from now on.
    pub fn latch(&self, cause: &Error) {
        // The first cause is the one to tell.
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
            .tell(Event::Write {
                file: self.id,
                offset,
                bytes,
            })
            .and_then(|()| self.file.write_all_at(bytes, offset));
        self.latching("write", done)
    }

    /// Brings everything written, and the length, to the disk.
    pub fn sync(&self) -> Result<()> {
        self.check_latch()?;
        let done = self
            .disk
            .tell(Event::Sync { file: self.id })
            .and_then(|()| self.file.sync_data());
        self.latching("sync", done)
    }

    /// Takes the end of a [`Flusher`](super::flusher::Flusher) of this file: its failure is that of a sync.
    pub fn flushed(&self, done: io::Result<()>) -> Result<()> {
        self.latching("sync", done)
    }

    /// Sees to it that the bytes from `from` up to `len` have blocks on the disk, so that no write to them
    /// fails for want of space. Bytes from `unused` on hold nothing yet. A failure leaves the file as it was.
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
            .tell(Event::Allocate { file: self.id, len })
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
            // What a full disk had left before it was full goes back to whoever else needs it. It costs
            // nothing but space if that fails.
            let _ = self.file.set_len(before);
        }
        done.map_err(fail)
    }

    /// Cuts the file to `len` bytes. Nobody may read what lies beyond, through a mapping above all.
    pub fn truncate(&self, len: u64) -> Result<()> {
        self.check_latch()?;
        let done = self
            .disk
            .tell(Event::Truncate { file: self.id, len })
            .and_then(|()| self.file.set_len(len));
        self.latching("cut", done)
    }

    /// Writes zeros where the file system cannot allocate.
    fn fill(&self, from: u64, to: u64) -> io::Result<()> {
        let zeros = vec![0; ZEROS];
        let mut at = from;
        while at < to {
            let n = (to - at).min(ZEROS as u64);
            self.file.write_all_at(&zeros[..n as usize], at)?;
            at += n;
        }
        Ok(())
    }

    /// Gives up the blocks of a file that has lost its name, from `len` on, and makes what stays no database.
    ///
    /// The lock on the file is kept by keeping it open. A tool that waits for that lock gets it one day: it
    /// must not find a database there, or it would rename a copy of that over the live one.
    pub fn retire(&self, metas: u64) -> io::Result<()> {
        if self.file.metadata()?.nlink() > 0 {
            return Ok(());
        }
        self.file.write_all_at(&vec![0; metas as usize], 0)
    }

    /// The rest of [`DiskFile::retire`], when nobody reads the file any more.
    pub fn release(&self, metas: u64) -> io::Result<()> {
        if self.file.metadata()?.nlink() > 0 {
            return Ok(());
        }
        self.disk.tell(Event::Truncate {
            file: self.id,
            len: metas,
        })?;
        self.file.set_len(metas)
    }
}
