//! Where a restore goes. Everything is built in a folder inside the data directory, and gets its place by
//! renaming once it is complete and on the disk. A failure removes what was built; a kill leaves that
//! folder behind, which no server takes for data, and the next restore into the directory clears it.
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
use crate::golang::format::quote;

/// The folder that a restore builds in.
const WORK: &str = ".restore.tmp";
/// The file that names a log outside of the data directory.
const JOURNAL: &str = "wal-dir";
/// Bytes of a journal that are read.
const MAX_JOURNAL: u64 = 64 << 10;

/// Where the parts of a restored directory will stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets {
    /// The data directory.
    pub data_dir: PathBuf,
    /// The log; inside the data directory unless it was asked for elsewhere.
    pub wal_dir: PathBuf,
}

impl Targets {
    /// Where a restore goes that was given these flags.
    pub fn new(name: &str, data_dir: Option<&Path>, wal_dir: Option<&Path>) -> Targets {
        let data_dir = data_dir
            .filter(|dir| !dir.as_os_str().is_empty())
            .map_or_else(|| PathBuf::from(format!("{name}.etcd")), Path::to_owned);
        let wal_dir = wal_dir
            .filter(|dir| !dir.as_os_str().is_empty())
            .map_or_else(|| data_dir.join("member/wal"), Path::to_owned);
        Targets { data_dir, wal_dir }
    }

    /// Where the database and the raft snapshot will stand.
    pub fn snap_dir(&self) -> PathBuf {
        self.data_dir.join("member/snap")
    }

    fn wal_is_outside(&self) -> bool {
        self.wal_dir != self.data_dir.join("member/wal")
    }

    /// Whether both places are free. What an interrupted restore has left does not count.
    ///
    /// # Errors
    /// The refusal, in etcd's words.
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

/// A restore under way. Dropped before [`Place::commit`], it removes what it has built.
pub(super) struct Place {
    targets: Targets,
    work: PathBuf,
    /// Holds the lock on the work folder.
    lock: File,
    /// Directories that were made for this, the outermost first.
    made: Vec<PathBuf>,
    done: bool,
}

impl Place {
    /// Makes the folder to build in, and clears what an interrupted restore has left.
    ///
    /// # Errors
    /// The places are not free (see [`Targets::check`]), another restore is under way, or the disk refuses.
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
            // Without locks two restores at once are not noticed, but one alone works.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let place = Place {
            targets,
            work,
            lock,
            made,
            done: false,
        };
        place.clear()?;
        Ok(place)
    }

    /// Removes what an interrupted restore has left.
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

    /// Where the log is built, if it will stand outside of the data directory.
    fn wal_work(&self) -> PathBuf {
        let mut name = self.targets.wal_dir.as_os_str().to_owned();
        name.push(".restore.tmp");
        PathBuf::from(name)
    }

    /// Makes the folder for database and raft snapshot.
    pub fn snap_dir(&self) -> Result<PathBuf, Error> {
        let member = self.work.join("member");
        let snap = member.join("snap");
        for dir in [&member, &snap] {
            mkdir(dir).map_err(|e| Error::io("mkdir", dir, e))?;
        }
        Ok(snap)
    }

    /// Makes the folder for the log.
    pub fn wal_dir(&self) -> Result<PathBuf, Error> {
        let dir = if self.targets.wal_is_outside() {
            let dir = self.wal_work();
            make_dirs(super::parent(&dir))?;
            dir
        } else {
            self.work.join("member/wal")
        };
        mkdir(&dir).map_err(|e| Error::io("mkdir", &dir, e))?;
        Ok(dir)
    }

    /// The folder that is built in.
    pub fn work(&self) -> &Path {
        &self.work
    }

    /// Gives everything its place: the log first, then what makes the directory a data directory.
    ///
    /// # Errors
    /// The disk refuses, or somebody else has taken a place meanwhile.
    pub fn commit(mut self, what: &str) -> Result<(), Error> {
        let built = self.work.join(what);
        sync_tree(&built)?;
        let outside = self.targets.wal_is_outside() && what == "member";
        if outside {
            let (from, to) = (self.wal_work(), self.targets.wal_dir.clone());
            sync_tree(&from)?;
            self.write_journal(&from, &to)?;
            rename_new(&from, &to)?;
            sync_dir(super::parent(&to))?;
        }
        if let Err(e) = rename_new(&built, &self.targets.data_dir.join(what)) {
            if outside {
                // Without the data directory it is of no use, and would be in the way.
                let _ = fs::remove_dir_all(&self.targets.wal_dir);
            }
            return Err(e);
        }
        self.done = true;
        sync_dir(&self.targets.data_dir)?;
        // From here on the restore is complete, whatever becomes of the folder.
        let _ = fs::remove_dir_all(&self.work);
        sync_dir(&self.targets.data_dir)?;
        for dir in &self.made {
            sync_dir(super::parent(dir))?;
        }
        Ok(())
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
            // Nothing more can be done about what stays; the next restore clears it.
            let _ = fs::remove_dir_all(self.wal_work());
            let _ = fs::remove_dir_all(&self.work);
            remove_made(&self.made);
        }
        let _ = self.lock.unlock();
    }
}

/// The log that a restore was about to give its place: path, device and inode.
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

/// Makes a directory and those above it; those that were not there, the outermost first.
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

/// Removes directories that were made, as far as they are still empty.
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

/// Renames, but never over something that is there.
fn rename_new(from: &Path, to: &Path) -> Result<(), Error> {
    use rustix::{
        fs::{CWD, RenameFlags, renameat_with},
        io::Errno,
    };
    let done = match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // The file system does not know the flag. A directory that is not empty is still not replaced.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => fs::rename(from, to),
        done => done.map_err(io::Error::from),
    };
    done.map_err(|e| Error::io("rename", to, e))
}

fn sync_dir(path: &Path) -> Result<(), Error> {
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .map_err(|e| Error::io("sync", path, e))
}

/// Syncs the directories of a tree; its files are synced by those who write them.
fn sync_tree(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        for entry in list(path)? {
            sync_tree(&entry)?;
        }
        sync_dir(path)?;
    }
    Ok(())
}
