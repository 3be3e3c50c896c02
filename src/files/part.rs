//! The temporary name under which a file is written until it is complete. It is unique, and locked as long as the
//! process lives. This distinguishes files that are being written from those left behind by killed processes.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    hash::{BuildHasher, Hasher, RandomState},
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
};

use rustix::{
    fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, flock, fstat, openat, statat, unlinkat},
    io::Errno,
};

use super::target::Target;

/// Suffix of the name.
const SUFFIX: &[u8] = b".part";
/// Number of random hexadecimal digits in the name.
const DIGITS: usize = 16;
/// Maximum length of a file name in bytes, on all common file systems.
const LONGEST_NAME: usize = 255;
/// Number of names that are tried. A second one is needed only if another process has just mistaken the first for a
/// leftover.
const TRIES: usize = 16;

/// A file under its temporary name.
pub struct Part {
    directory: OwnedFd,
    name: OsString,
    /// Holds the lock.
    file: File,
}

impl Part {
    /// Creates an empty file next to the target, with mode `mode` less the umask, and locks it. The second value is for
    /// writing.
    ///
    /// # Errors
    /// The I/O error.
    pub fn create(target: &Target, mode: Mode) -> io::Result<(Part, File)> {
        for _ in 0..TRIES {
            if let Some(part) = Part::try_create(target, mode)? {
                let file = part.file.try_clone()?;
                return Ok((part, file));
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// One attempt. `None` if the name exists, or was removed at once.
    fn try_create(target: &Target, mode: Mode) -> io::Result<Option<Part>> {
        let directory = target.directory_fd().try_clone_to_owned()?;
        let name = unique_name(target.name());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = match openat(&directory, &name, flags, mode) {
            Ok(file) => File::from(file),
            Err(Errno::EXIST) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // Another process that looks for leftovers may have locked the file first, and will then remove it. On a file
        // system without locks, leftovers are not removed.
        if flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
            return Ok(None);
        }
        let part = Part {
            directory,
            name,
            file,
        };
        Ok(part.is_in_place().then_some(part))
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Whether the name still refers to this file.
    fn is_in_place(&self) -> bool {
        is_same_file(self.directory.as_fd(), &self.name, self.file.as_fd())
    }

    /// Whether the name still refers to this file, and its size is `size` bytes.
    pub fn is_intact(&self, size: u64) -> bool {
        self.is_in_place() && self.file.metadata().is_ok_and(|m| m.len() == size)
    }

    /// Renames the file to the target.
    ///
    /// # Errors
    /// The I/O error.
    pub fn rename_to(&self, target: &Target) -> io::Result<()> {
        let directory = target.directory_fd();
        Ok(rustix::fs::renameat(
            &self.directory,
            &self.name,
            directory,
            target.name(),
        )?)
    }

    /// Removes the file, unless it has been renamed to the target or replaced by something else. Returns whether it
    /// did. May be called at any time and from any thread.
    ///
    /// # Errors
    /// The I/O error.
    pub fn remove(&self) -> io::Result<bool> {
        if !self.is_in_place() {
            return Ok(false);
        }
        match unlinkat(&self.directory, &self.name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the files of killed processes next to the target: our own, and `NAME.part`, which etcdctl writes. A file
    /// that a process has locked is in use and is kept. Files that cannot be removed are ignored.
    pub fn remove_leftovers(target: &Target) {
        // Do nothing if the directory cannot be listed.
        for entry in fs::read_dir(target.directory())
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name();
            if is_part_name(&name, target.name()) {
                remove_leftover(target.directory_fd(), &name);
            }
        }
    }
}

fn remove_leftover(directory: BorrowedFd<'_>, name: &OsStr) {
    // Without NONBLOCK, opening a pipe would wait for the other end.
    let open = |flags| {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        openat(directory, name, flags, Mode::empty())
    };
    // Over NFS, only a file that is open for writing can be locked.
    let Ok(file) = open(OFlags::RDWR).or_else(|_| open(OFlags::RDONLY)) else {
        return;
    };
    let regular =
        fstat(&file).is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::RegularFile);
    if regular
        && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
        && is_same_file(directory, name, file.as_fd())
    {
        let _ = unlinkat(directory, name, AtFlags::empty());
    }
}

/// Whether `name` in `directory` refers to the open `file`.
fn is_same_file(directory: BorrowedFd<'_>, name: &OsStr, file: BorrowedFd<'_>) -> bool {
    match (
        statat(directory, name, AtFlags::SYMLINK_NOFOLLOW),
        fstat(file),
    ) {
        (Ok(named), Ok(open)) => (named.st_dev, named.st_ino) == (open.st_dev, open.st_ino),
        _ => false,
    }
}

/// `NAME.<digits>.part`. A long NAME is shortened so that the result is a valid file name.
fn unique_name(target: &OsStr) -> OsString {
    let random = RandomState::new().build_hasher().finish();
    let mut name = stem(target).to_vec();
    name.extend_from_slice(format!(".{random:0DIGITS$x}").as_bytes());
    name.extend_from_slice(SUFFIX);
    OsString::from_vec(name)
}

/// As much of the name as fits, cut at a character boundary.
fn stem(target: &OsStr) -> &[u8] {
    let name = target.as_bytes();
    let mut end = name.len().min(LONGEST_NAME - 1 - DIGITS - SUFFIX.len());
    while end < name.len() && name[end] & 0xC0 == 0x80 {
        end -= 1;
    }
    &name[..end]
}

/// Whether [`unique_name`] or etcdctl would give this name to a temporary file for `target`.
fn is_part_name(name: &OsStr, target: &OsStr) -> bool {
    let Some(name) = name.as_bytes().strip_suffix(SUFFIX) else {
        return false;
    };
    if name == target.as_bytes() {
        return true;
    }
    let digits = name
        .strip_prefix(stem(target))
        .and_then(|rest| rest.strip_prefix(b"."));
    digits.is_some_and(|digits| {
        digits.len() == DIGITS
            && digits
                .iter()
                .all(|d| matches!(d, b'0'..=b'9' | b'a'..=b'f'))
    })
}
