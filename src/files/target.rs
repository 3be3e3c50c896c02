//! The destination of a new file: a name in an open directory, and all the reasons why a file might not be created
//! there. Checked before any work is done, and again before the rename. Changes nothing.

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

/// Why a file cannot be put at the destination.
#[derive(Debug)]
pub enum Obstacle {
    /// It is a device, pipe or socket.
    Special,
    /// It is a symbolic link to this path, which does not exist.
    DanglingLink(PathBuf),
    /// The directory cannot be opened, or the name is invalid.
    NoPlace(io::Error),
    /// What exists there cannot be replaced by a file.
    NotReplaceable(io::Error),
}

/// A name in a directory.
pub struct Target {
    path: PathBuf,
    /// The open directory, which stays the same even if it is renamed.
    directory: OwnedFd,
    /// Whether the directory is readable, so that it can be listed and synced.
    readable: bool,
    name: OsString,
}

impl Target {
    /// Opens the directory of `path` and checks that a file can be created there.
    ///
    /// # Errors
    /// The obstacle.
    pub fn find(path: &Path) -> Result<Target, Obstacle> {
        let Some(name) = name(path) else {
            return Err(no_file_name(path));
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

    /// The path as given.
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

    /// Checks the destination again.
    ///
    /// # Errors
    /// The obstacle.
    pub fn check(&self) -> Result<(), Obstacle> {
        match check(&self.path) {
            // The directory has been renamed, but is still open.
            Err(Obstacle::NoPlace(_)) => Ok(()),
            checked => checked,
        }
    }

    /// Syncs the directory. `file` is in it.
    ///
    /// # Errors
    /// The I/O error.
    pub fn sync_directory(&self, file: &File) -> io::Result<()> {
        if self.readable {
            return Ok(rustix::fs::fsync(&self.directory)?);
        }
        sync_file_system(file)
    }
}

/// The last component of `path`, unless it is empty, `.` or `..`. Unlike [`Path::file_name`], returns nothing for a
/// path with a trailing slash, which denotes a directory.
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

/// Why a path without a file name is not a valid destination.
fn no_file_name(path: &Path) -> Obstacle {
    match fs::metadata(path) {
        Ok(_) => Obstacle::NotReplaceable(Errno::EXIST.into()),
        Err(error) if path.as_os_str().is_empty() => Obstacle::NotReplaceable(error),
        Err(error) => Obstacle::NoPlace(error),
    }
}

/// Checks what exists there now.
fn check(path: &Path) -> Result<(), Obstacle> {
    // Follow links: the target of the link is what the user means.
    match fs::metadata(path) {
        // Go's rename reports "file exists" for a directory.
        Ok(there) if there.is_dir() => Err(Obstacle::NotReplaceable(Errno::EXIST.into())),
        Ok(there) if !there.is_file() => Err(Obstacle::Special),
        Ok(_) => check_replaceable(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::read_link(path) {
            Ok(to) => Err(Obstacle::DanglingLink(to)),
            // Nothing exists there. A missing directory is detected when it is opened.
            Err(_) => Ok(()),
        },
        Err(error) => Err(Obstacle::NoPlace(error)),
    }
}

/// Whether a rename may replace the existing file.
fn check_replaceable(path: &Path) -> Result<(), Obstacle> {
    let not_replaceable = |errno: Errno| Err(Obstacle::NotReplaceable(errno.into()));
    let there = fs::symlink_metadata(path).map_err(Obstacle::NoPlace)?;
    if !there.file_type().is_symlink() && is_mount_point(path) {
        return not_replaceable(Errno::BUSY);
    }
    // In a directory with the sticky bit, such as /tmp, only the owner of the file or of the directory may replace it.
    let directory = fs::metadata(directory(path)).map_err(Obstacle::NoPlace)?;
    let sticky = directory.mode() & STICKY != 0;
    let user = rustix::process::geteuid();
    let may = user.is_root() || [there.uid(), directory.uid()].contains(&user.as_raw());
    if sticky && !may {
        return not_replaceable(Errno::PERM);
    }
    Ok(())
}

/// Whether a file is a mount point, as in containers.
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

/// Opens a directory and tells whether it is readable. Files can be created in one that is not.
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
