//! The errors of the engine. Every message names the file, and the page if there is one. Callers decide what to do
//! about an error.

use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};

/// The result type of this module.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the storage engine or of a file reader.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system returned an error.
    #[error("{}: {doing}: {}", file.display(), plain(source))]
    Io {
        /// The file.
        file: PathBuf,
        /// The failed operation, such as `open` or `sync`.
        doing: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// The file is a bolt database, but part of it is damaged.
    #[error("{}: {}{what}", file.display(), PageLabel(*page))]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// The damaged page, if known.
        page: Option<u64>,
        /// Description of the damage.
        what: String,
    },
    /// The file is not a bolt database.
    #[error("{}: not a bolt database: {what}", file.display())]
    NotBolt {
        /// The file.
        file: PathBuf,
        /// The reason.
        what: String,
    },
    /// The file is locked by another process, or by another handle in this process.
    #[error("{}: the database is locked: another process has it open", file.display())]
    Locked {
        /// The file.
        file: PathBuf,
    },
    /// The file cannot grow: the disk, a quota or a file size limit prevents it. Nothing was changed.
    #[error("{}: {cause}: {wanted} more bytes are needed", file.display())]
    NoSpace {
        /// The file.
        file: PathBuf,
        /// Number of bytes by which it was to grow.
        wanted: u64,
        /// The system's text, such as `no space left on device` or `file too large`.
        cause: String,
    },
    /// The page is not in memory, and the caller asked not to wait for the disk.
    #[error("{}: page {page} is not in memory", file.display())]
    Cold {
        /// The file.
        file: PathBuf,
        /// The page.
        page: u64,
    },
    /// An earlier write or sync failed, so the engine refuses all further ones.
    #[error("{}: writes are refused after an earlier failure: {cause}", file.display())]
    Latched {
        /// The database file.
        file: PathBuf,
        /// Text of the first failure.
        cause: String,
    },
    /// The path no longer leads to the open file. Whatever is written now would be lost.
    #[error(
        "{}: the database file has been replaced or removed while it was open; \
         writes are refused because they would be lost: restart with the file that should be used",
        file.display()
    )]
    Replaced {
        /// The path under which the file was opened.
        file: PathBuf,
    },
    /// The format cannot represent the request.
    #[error("{0}")]
    Invalid(&'static str),
}

impl Error {
    pub(crate) fn io(file: &Path, doing: &'static str, source: io::Error) -> Error {
        Error::Io {
            file: file.to_path_buf(),
            doing,
            source,
        }
    }

    /// The error for a file that could not be locked without waiting.
    pub(super) fn lock(file: &Path, error: TryLockError) -> Error {
        match error {
            TryLockError::WouldBlock => Error::Locked {
                file: file.to_path_buf(),
            },
            TryLockError::Error(e) => Error::io(file, "lock", e),
        }
    }

    pub(crate) fn corrupt(file: &Path, page: Option<u64>, what: impl Into<String>) -> Error {
        Error::Corrupt {
            file: file.to_path_buf(),
            page,
            what: what.into(),
        }
    }

    /// Replaces the file name, for an error in a copy of that file.
    pub fn of_file(mut self, path: &Path) -> Error {
        match &mut self {
            Error::Io { file, .. }
            | Error::Corrupt { file, .. }
            | Error::NotBolt { file, .. }
            | Error::Locked { file }
            | Error::NoSpace { file, .. }
            | Error::Cold { file, .. }
            | Error::Latched { file, .. }
            | Error::Replaced { file, .. } => *file = path.to_path_buf(),
            Error::Invalid(_) => {}
        }
        self
    }

    /// Whether the cause is a full disk or an exhausted quota.
    pub fn is_no_space(&self) -> bool {
        match self {
            Error::NoSpace { .. } => true,
            Error::Io { source, .. } => is_full(source),
            _ => false,
        }
    }
}

/// Whether an I/O error means that the disk or the user's quota is full.
pub(crate) fn is_full(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

struct PageLabel(Option<u64>);

impl std::fmt::Display for PageLabel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(id) => write!(f, "page {id}: "),
            None => Ok(()),
        }
    }
}

/// Damage found in the bytes of a page. [`Damage::in_file`] turns it into an [`Error`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The damaged page.
    pub page: Option<u64>,
    /// Description of the damage.
    pub what: String,
}

impl Damage {
    pub(crate) fn at(page: u64, what: impl Into<String>) -> Damage {
        Damage {
            page: Some(page),
            what: what.into(),
        }
    }

    /// Adds the name of the file.
    pub fn in_file(self, file: &Path) -> Error {
        Error::corrupt(file, self.page, self.what)
    }
}

/// The operating system's error text as Go prints it: lower case, without the number.
pub fn plain(e: &io::Error) -> String {
    let text = e.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}
