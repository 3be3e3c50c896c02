//! The destination of a restore. Everything is built in a folder inside the data directory and is renamed once it is
//! complete and synced. A failure or a signal removes what was built. A crash leaves the folder behind; no server mistakes
//! it for data, and the next restore into the directory removes it.
//!
//! ```text
//! DIR/.restore.tmp/            locked as long as the restore runs
//! DIR/.restore.tmp/member/     becomes DIR/member (or db becomes DIR/db)
//! DIR/.restore.tmp/wal-dir     names a log outside of DIR that is about to get its place
//! WALDIR.restore.tmp/          becomes WALDIR, where that is outside of DIR
//! ```

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io::{self, Write as _},
    os::unix::{
        ffi::{OsStrExt as _, OsStringExt as _},
        fs::{DirBuilderExt as _, MetadataExt as _},
    },
    path::{Path, PathBuf},
};

use super::Error;
use crate::{
    bolt::parent,
    files::unfinished::{Unfinished, finish},
    golang::format::quote,
};

/// The folder in which a restore builds.
const WORK: &str = ".restore.tmp";
/// The file that names a log outside the data directory.
const JOURNAL: &str = "wal-dir";
/// Maximum size of that file in bytes.
const MAX_JOURNAL: u64 = 64 << 10;

/// Destination of the parts of a restored directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets {
    /// The data directory.
    pub data_dir: PathBuf,
    /// The directory of the log; inside the data directory unless specified otherwise.
    pub wal_dir: PathBuf,
}

impl Targets {
    /// The destination according to these flags.
    pub fn new(name: &str, data_dir: Option<&Path>, wal_dir: Option<&Path>) -> Targets {
        let data_dir = data_dir
            .filter(|dir| !dir.as_os_str().is_empty())
            .map_or_else(|| PathBuf::from(format!("{name}.etcd")), Path::to_owned);
        let wal_dir = wal_dir
            .filter(|dir| !dir.as_os_str().is_empty())
            .map_or_else(|| data_dir.join("member/wal"), Path::to_owned);
        Targets { data_dir, wal_dir }
    }

    /// Destination of the database and the raft snapshot.
    pub fn snap_dir(&self) -> PathBuf {
        self.data_dir.join("member/snap")
    }

    fn wal_is_outside(&self) -> bool {
        self.wal_dir != self.data_dir.join("member/wal")
    }

    /// Checks that both destinations are free, ignoring remains of an interrupted restore.
    ///
    /// # Errors
    /// etcd's error text.
    pub fn check(&self) -> Result<(), Error> {
        let dir = &self.data_dir;
        let free = match fs::read_dir(dir) {
            Ok(mut entries) => entries.all(|entry| entry.is_ok_and(|e| e.file_name() == WORK)),
            Err(e) => e.kind() == io::ErrorKind::NotFound,
        };
        if !free {
            let name = quote(dir.as_os_str().as_bytes());
            let text = format!("data-dir {name} not empty or could not be read");
            return Err(Error::Refused(text));
        }
        let ours = || {
            read_journal(&dir.join(WORK))
                .is_some_and(|(path, id)| path == self.wal_dir && Some(id) == inode(&path))
        };
        if self.wal_is_outside() && self.wal_dir.symlink_metadata().is_ok() && !ours() {
            let name = quote(self.wal_dir.as_os_str().as_bytes());
            return Err(Error::Refused(format!("wal-dir {name} exists")));
        }
        Ok(())
    }
}

/// A restore in progress. Unless [`Place::commit`] was called, dropping it removes what was built.
pub(super) struct Place {
    targets: Targets,
    work: PathBuf,
    /// Holds the lock on the work folder.
    lock: File,
    /// Directories that were created for this restore, outermost first.
    made: Vec<PathBuf>,
    /// What a signal removes: the work folder, the folder of a log outside the data directory, and `made`.
    unfinished: Vec<Unfinished>,
    done: bool,
}

impl Place {
    /// Creates the work folder and removes what an interrupted restore has left behind.
    ///
    /// # Errors
    /// A destination is not free (see [`Targets::check`]), another restore is in progress, or the disk fails.
    pub fn prepare(targets: Targets) -> Result<Place, Error> {
        targets.check()?;
        let made = make_dirs(&targets.data_dir)?;
        let work = targets.data_dir.join(WORK);
        match mkdir(&work) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => {
                remove_made(&made);
                return Err(Error::io("mkdir", &work, e));
            }
            Ok(()) => {}
        }
        let lock = File::open(&work).map_err(|e| Error::io("open", &work, e))?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let dir = targets.data_dir.display();
                let text = format!("{dir}: another restore into this directory is under way");
                return Err(Error::Refused(text));
            }
            // Without locks, two simultaneous restores are not detected, but a single one works.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let mut unfinished = made_by_us(&made);
        unfinished.push(Unfinished::tree(&work));
        let place = Place {
            targets,
            work,
            lock,
            made,
            unfinished,
            done: false,
        };
        place.clear()?;
        Ok(place)
    }

    /// Removes what an interrupted restore has left behind.
    fn clear(&self) -> Result<(), Error> {
        if let Some((path, id)) = read_journal(&self.work)
            && Some(id) == inode(&path)
        {
            remove_dir(&path)?;
        }
        remove_dir(&self.wal_work())?;
        for entry in list(&self.work)? {
            if entry.is_dir() {
                remove_dir(&entry)?;
            } else {
                fs::remove_file(&entry).map_err(|e| Error::io("remove", &entry, e))?;
            }
        }
        Ok(())
    }

    /// Where the log is built, if its destination is outside the data directory.
    fn wal_work(&self) -> PathBuf {
        let mut name = self.targets.wal_dir.as_os_str().to_owned();
        name.push(".restore.tmp");
        PathBuf::from(name)
    }

    /// Creates the folder for the database and the raft snapshot.
    pub fn snap_dir(&self) -> Result<PathBuf, Error> {
        let member = self.work.join("member");
        let snap = member.join("snap");
        for dir in [&member, &snap] {
            mkdir(dir).map_err(|e| Error::io("mkdir", dir, e))?;
        }
        Ok(snap)
    }

    /// Creates the folder for the log.
    pub fn wal_dir(&mut self) -> Result<PathBuf, Error> {
        let dir = if self.targets.wal_is_outside() {
            let dir = self.wal_work();
            let made = make_dirs(parent(&dir))?;
            self.unfinished.extend(made_by_us(&made));
            self.unfinished.push(Unfinished::tree(&dir));
            self.made.extend(made);
            dir
        } else {
            self.work.join("member/wal")
        };
        mkdir(&dir).map_err(|e| Error::io("mkdir", &dir, e))?;
        Ok(dir)
    }

    /// The work folder.
    pub fn work(&self) -> &Path {
        &self.work
    }

    /// Renames everything to its destination: first the log, then what makes the directory a data directory.
    ///
    /// # Errors
    /// The disk fails, or a destination has been taken in the meantime.
    pub fn commit(mut self, what: &str) -> Result<(), Error> {
        let built = self.work.join(what);
        sync_tree(&built)?;
        let outside = self.targets.wal_is_outside() && what == "member";
        if outside {
            let from = self.wal_work();
            sync_tree(&from)?;
            self.write_journal(&from, &self.targets.wal_dir)?;
        }
        // A signal comes either before both renames or after them.
        finish(|| self.rename(&built, what, outside))?;
        self.done = true;
        sync_dir(&self.targets.data_dir)?;
        // The restore is now complete, even if removing the folder fails.
        let _ = fs::remove_dir_all(&self.work);
        sync_dir(&self.targets.data_dir)?;
        for dir in &self.made {
            sync_dir(parent(dir))?;
        }
        Ok(())
    }

    /// Renames the log, if it is outside the data directory, and then `built`.
    fn rename(&self, built: &Path, what: &str, outside: bool) -> Result<(), Error> {
        let wal_dir = &self.targets.wal_dir;
        if outside {
            rename_new(&self.wal_work(), wal_dir)?;
            sync_dir(parent(wal_dir))?;
        }
        let renamed = rename_new(built, &self.targets.data_dir.join(what));
        if renamed.is_err() && outside {
            // Without the data directory, the log is useless and would be in the way.
            let _ = fs::remove_dir_all(wal_dir);
        }
        renamed
    }

    fn write_journal(&self, wal_work: &Path, wal_dir: &Path) -> Result<(), Error> {
        let path = self.work.join(JOURNAL);
        let fail = |e| Error::io("write", &path, e);
        let (dev, ino) = inode(wal_work).unwrap_or_default();
        let mut file = File::create(&path).map_err(fail)?;
        file.write_all(format!("{dev} {ino} ").as_bytes())
            .and_then(|()| file.write_all(wal_dir.as_os_str().as_bytes()))
            .and_then(|()| file.sync_all())
            .map_err(fail)?;
        sync_dir(&self.work)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.done {
            // If this fails, the next restore removes it.
            let _ = fs::remove_dir_all(self.wal_work());
            let _ = fs::remove_dir_all(&self.work);
            remove_made(&self.made);
        }
        let _ = self.lock.unlock();
    }
}

/// The log that a restore was about to move into place: path, device and inode.
fn read_journal(work: &Path) -> Option<(PathBuf, (u64, u64))> {
    let path = work.join(JOURNAL);
    if path.symlink_metadata().ok()?.len() > MAX_JOURNAL {
        return None;
    }
    let bytes = fs::read(path).ok()?;
    let mut parts = bytes.splitn(3, |b| *b == b' ');
    let mut number = || std::str::from_utf8(parts.next()?).ok()?.parse().ok();
    let id = (number()?, number()?);
    let path = std::ffi::OsString::from_vec(parts.next()?.to_vec());
    Some((path.into(), id))
}

fn inode(path: &Path) -> Option<(u64, u64)> {
    let info = path.symlink_metadata().ok()?;
    Some((info.dev(), info.ino()))
}

fn mkdir(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Creates a directory and its missing parents. Returns the created ones, outermost first.
fn make_dirs(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut missing: Vec<&Path> = path
        .ancestors()
        .take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists())
        .collect();
    missing.reverse();
    let mut made = Vec::new();
    for dir in missing {
        match mkdir(dir) {
            Ok(()) => made.push(dir.to_owned()),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => {
                remove_made(&made);
                return Err(Error::io("mkdir", dir, e));
            }
        }
    }
    Ok(made)
}

/// Lets a signal remove created directories that are still empty.
fn made_by_us(made: &[PathBuf]) -> Vec<Unfinished> {
    made.iter()
        .map(|dir| Unfinished::empty_directory(dir))
        .collect()
}

/// Removes created directories that are still empty.
fn remove_made(made: &[PathBuf]) {
    for dir in made.iter().rev() {
        let _ = fs::remove_dir(dir);
    }
}

fn list(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    fs::read_dir(dir)
        .and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect())
        .map_err(|e| Error::io("open", dir, e))
}

fn remove_dir(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path, e)),
        _ => Ok(()),
    }
}

/// Renames a file without replacing an existing one.
pub(super) fn rename_new(from: &Path, to: &Path) -> Result<(), Error> {
    use rustix::{
        fs::{CWD, RenameFlags, renameat_with},
        io::Errno,
    };
    let done = match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // The file system does not support the flag. A plain rename does not replace a directory unless it is empty.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => fs::rename(from, to),
        done => done.map_err(io::Error::from),
    };
    done.map_err(|e| Error::io("rename", to, e))
}

pub(super) fn sync_dir(path: &Path) -> Result<(), Error> {
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .map_err(|e| Error::io("sync", path, e))
}

/// Syncs all directories of a tree. Files are synced by those who write them.
fn sync_tree(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        for entry in list(path)? {
            sync_tree(&entry)?;
        }
        sync_dir(path)?;
    }
    Ok(())
}
