//! The name under which a file is written until it is complete. It is unique and locked for as long as the process
//! lives, which is how the files that killed processes have left behind are told from those that are being written.

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

/// The end of the name.
const SUFFIX: &[u8] = b".part";
/// Random hexadecimal digits in the name.
const DIGITS: usize = 16;
/// Longest name in a directory, bytes: the limit of all common file systems.
const LONGEST_NAME: usize = 255;
/// Names tried before giving up. A second one is needed only when another process has just taken the first for a
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
    /// Creates an empty file beside the target, for its owner only, and locks it. The second value is for writing.
    ///
    /// # Errors
    /// The system's.
    pub fn create(target: &Target) -> io::Result<(Part, File)> {
        for _ in 0..TRIES {
            if let Some(part) = Part::try_create(target)? {
                let file = part.file.try_clone()?;
                return Ok((part, file));
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// One try; `None` if the name is taken, or was taken away at once.
    fn try_create(target: &Target) -> io::Result<Option<Part>> {
        let directory = target.directory_fd().try_clone_to_owned()?;
        let name = unique_name(target.name());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = match openat(&directory, &name, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => File::from(file),
            Err(Errno::EXIST) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // Another process that looks for leftovers may have been quicker with the lock; it then removes the file.
        // A file system without locks has no leftovers removed.
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

    /// Whether the name stands for this very file.
    fn is_in_place(&self) -> bool {
        is_same_file(self.directory.as_fd(), &self.name, self.file.as_fd())
    }

    /// Whether the name stands for this very file and it has `size` bytes.
    pub fn is_intact(&self, size: u64) -> bool {
        self.is_in_place() && self.file.metadata().is_ok_and(|m| m.len() == size)
    }

    /// Gives the file the name of the target.
    ///
    /// # Errors
    /// The system's.
    pub fn rename_to(&self, target: &Target) -> io::Result<()> {
        let directory = target.directory_fd();
        Ok(rustix::fs::renameat(
            &self.directory,
            &self.name,
            directory,
            target.name(),
        )?)
    }

    /// Removes the file, unless it has its final name already or something else has taken its place. Whether it did.
    /// It may be called at any time, from any thread.
    ///
    /// # Errors
    /// The system's.
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

    /// Removes the files that killed processes have left beside the target: our own, and `NAME.part` as etcdctl calls
    /// it. A file that a process has locked is in use and stays. What cannot be removed is left where it is.
    pub fn remove_leftovers(target: &Target) {
        // A directory that cannot be listed keeps them.
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
    // Without NONBLOCK, opening a pipe would wait for its other end.
    let open = |flags| {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        openat(directory, name, flags, Mode::empty())
    };
    // Over NFS only a file that is open for writing can be locked.
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

/// Whether `name` in `directory` is the open `file`.
fn is_same_file(directory: BorrowedFd<'_>, name: &OsStr, file: BorrowedFd<'_>) -> bool {
    match (
        statat(directory, name, AtFlags::SYMLINK_NOFOLLOW),
        fstat(file),
    ) {
        (Ok(named), Ok(open)) => (named.st_dev, named.st_ino) == (open.st_dev, open.st_ino),
        _ => false,
    }
}

/// `NAME.<digits>.part`; a long NAME is cut so that the result is a valid name.
fn unique_name(target: &OsStr) -> OsString {
    let random = RandomState::new().build_hasher().finish();
    let mut name = stem(target).to_vec();
    name.extend_from_slice(format!(".{random:0DIGITS$x}").as_bytes());
    name.extend_from_slice(SUFFIX);
    OsString::from_vec(name)
}

/// As much of the name as fits, cut between two characters.
fn stem(target: &OsStr) -> &[u8] {
    let name = target.as_bytes();
    let mut end = name.len().min(LONGEST_NAME - 1 - DIGITS - SUFFIX.len());
    while end < name.len() && name[end] & 0xC0 == 0x80 {
        end -= 1;
    }
    &name[..end]
}

/// Whether `name` is one that [`unique_name`] or etcdctl gives a file on its way to `target`.
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
