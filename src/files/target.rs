//! The place that a new file is to have: a name in an open directory, and everything that speaks against putting a
//! file there. It finds out before any work is done, and again before the file is given its name. It changes nothing.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::MetadataExt},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};

/// The sticky bit of a directory's mode.
const STICKY: u32 = 0o1000;

/// What speaks against a file at that place.
#[derive(Debug)]
pub enum Obstacle {
    /// A device, pipe or socket is there.
    Special,
    /// A symbolic link is there, to this place where nothing is.
    DanglingLink(PathBuf),
    /// The directory cannot be reached, or the name is no valid one.
    NoPlace(io::Error),
    /// What is there cannot be replaced by a file.
    NotReplaceable(io::Error),
}

/// A name in a directory.
pub struct Target {
    path: PathBuf,
    /// Stays the same directory, whatever happens to its own name.
    directory: OwnedFd,
    /// Whether the directory may be read, so that it can be listed and synced.
    readable: bool,
    name: OsString,
}

impl Target {
    /// Opens the directory of `path` and makes sure that a file can be put there.
    ///
    /// # Errors
    /// What speaks against it.
    pub fn find(path: &Path) -> Result<Target, Obstacle> {
        let Some(name) = name(path) else {
            return Err(nameless(path));
        };
        check(path)?;
        let (directory, readable) = open_directory(directory(path)).map_err(Obstacle::NoPlace)?;
        Ok(Target {
            path: path.to_owned(),
            directory,
            readable,
            name: name.to_owned(),
        })
    }

    /// As it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of the directory.
    pub fn directory(&self) -> &Path {
        directory(&self.path)
    }

    /// The open directory.
    pub fn directory_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// The name in the directory.
    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// Looks once more at what is there.
    ///
    /// # Errors
    /// What speaks against a file.
    pub fn check(&self) -> Result<(), Obstacle> {
        match check(&self.path) {
            // The directory has another name by now; it is still open.
            Err(Obstacle::NoPlace(_)) => Ok(()),
            checked => checked,
        }
    }

    /// Brings the names in the directory to the disk. `file` lies in it.
    ///
    /// # Errors
    /// The system's.
    pub fn sync_directory(&self, file: &File) -> io::Result<()> {
        if self.readable {
            return Ok(rustix::fs::fsync(&self.directory)?);
        }
        sync_file_system(file)
    }
}

/// The last part of `path`, unless that is none, `.` or `..`. Unlike [`Path::file_name`] this takes a trailing slash
/// for what it says: that a directory is meant.
fn name(path: &Path) -> Option<&OsStr> {
    let name = path.as_os_str().as_bytes().rsplit(|b| *b == b'/').next()?;
    (!matches!(name, b"" | b"." | b"..")).then(|| OsStr::from_bytes(name))
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

/// Why a path without a name is no place for a file.
fn nameless(path: &Path) -> Obstacle {
    match fs::metadata(path) {
        Ok(_) => Obstacle::NotReplaceable(Errno::EXIST.into()),
        Err(error) if path.as_os_str().is_empty() => Obstacle::NotReplaceable(error),
        Err(error) => Obstacle::NoPlace(error),
    }
}

/// Looks at what is there now.
fn check(path: &Path) -> Result<(), Obstacle> {
    // What stands behind a link decides, because that is what the user takes the name for.
    match fs::metadata(path) {
        // Go's rename calls a directory in the way "file exists".
        Ok(there) if there.is_dir() => Err(Obstacle::NotReplaceable(Errno::EXIST.into())),
        Ok(there) if !there.is_file() => Err(Obstacle::Special),
        Ok(_) => check_replaceable(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::read_link(path) {
            Ok(to) => Err(Obstacle::DanglingLink(to)),
            // Nothing is there, or the directory is missing, which is found when it is opened.
            Err(_) => Ok(()),
        },
        Err(error) => Err(Obstacle::NoPlace(error)),
    }
}

/// Whether a rename may replace the file that is there.
fn check_replaceable(path: &Path) -> Result<(), Obstacle> {
    let not_replaceable = |errno: Errno| Err(Obstacle::NotReplaceable(errno.into()));
    let there = fs::symlink_metadata(path).map_err(Obstacle::NoPlace)?;
    if !there.file_type().is_symlink() && is_mount_point(path) {
        return not_replaceable(Errno::BUSY);
    }
    // In a directory with the sticky bit, such as /tmp, only the owner of a file or of the directory may replace it.
    let directory = fs::metadata(directory(path)).map_err(Obstacle::NoPlace)?;
    let sticky = directory.mode() & STICKY != 0;
    let user = rustix::process::geteuid();
    let may = user.is_root() || [there.uid(), directory.uid()].contains(&user.as_raw());
    if sticky && !may {
        return not_replaceable(Errno::PERM);
    }
    Ok(())
}

/// Whether a single file is mounted there, as containers do it.
#[cfg(target_os = "linux")]
fn is_mount_point(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE)
        .is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

#[cfg(not(target_os = "linux"))]
fn is_mount_point(_: &Path) -> bool {
    false
}

/// Opens a directory, and tells whether it may be read. Files can be put into one that may not.
fn open_directory(directory: &Path) -> io::Result<(OwnedFd, bool)> {
    let open = |flags| {
        let flags = flags | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(directory, flags, Mode::empty())
    };
    match open(OFlags::RDONLY) {
        #[cfg(target_os = "linux")]
        Err(Errno::ACCESS) => Ok((open(OFlags::PATH)?, false)),
        opened => Ok((opened?, true)),
    }
}

#[cfg(target_os = "linux")]
fn sync_file_system(file: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(file)?)
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(file: &File) -> io::Result<()> {
    file.sync_all()
}
