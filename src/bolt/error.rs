//! The engine's errors. Every message names the file, and the page if one is concerned.
//! What to do about an error is decided by the callers.

use std::io;
use std::path::{Path, PathBuf};

/// Shorthand for results of this module.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the storage engine or of a file reader.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused something.
    #[error("{}: {doing}: {}", file.display(), plain(source))]
    Io {
        /// The file concerned.
        file: PathBuf,
        /// What was being done, such as `open` or `sync`.
        doing: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// The file is a bolt database, and part of it cannot be right.
    #[error("{}: {}{what}", file.display(), PageLabel(*page))]
    Corrupt {
        /// The file concerned.
        file: PathBuf,
        /// The page that is wrong, where one can be named.
        page: Option<u64>,
        /// What is wrong.
        what: String,
    },
    /// The file is not a bolt database.
    #[error("{}: not a bolt database: {what}", file.display())]
    NotBolt {
        /// The file concerned.
        file: PathBuf,
        /// Why not.
        what: String,
    },
    /// Another process (or another handle in this one) holds the lock on the file.
    #[error("{}: the database is locked: another process has it open", file.display())]
    Locked {
        /// The file concerned.
        file: PathBuf,
    },
    /// The file cannot grow as asked: the disk, a quota or a limit on the size of files is in the way. Nothing was
    /// changed.
    #[error("{}: {cause}: {wanted} more bytes are needed", file.display())]
    NoSpace {
        /// The file that was to grow.
        file: PathBuf,
        /// How many bytes it was to grow by.
        wanted: u64,
        /// The system's text, such as `no space left on device` or `file too large`.
        cause: String,
    },
    /// The page is not in memory, and the caller did not want to wait for the disk.
    #[error("{}: page {page} is not in memory", file.display())]
    Cold {
        /// The file concerned.
        file: PathBuf,
        /// The page.
        page: u64,
    },
    /// A write or sync has failed before, and the engine accepts no more of them.
    #[error("{}: writes are refused since an earlier failure: {cause}", file.display())]
    Latched {
        /// The database file.
        file: PathBuf,
        /// Text of the first failure.
        cause: String,
    },
    /// The file's name leads to another file, or to none. Nothing that is written now would be found again.
    #[error(
        "{}: the database file has been replaced or removed while it was open; \
         writes are refused because they would be lost: restart on the file that is to be used",
        file.display()
    )]
    Replaced {
        /// The name under which the file was opened.
        file: PathBuf,
    },
    /// The format cannot represent what the caller asked for.
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

    pub(crate) fn corrupt(file: &Path, page: Option<u64>, what: impl Into<String>) -> Error {
        Error::Corrupt {
            file: file.to_path_buf(),
            page,
            what: what.into(),
        }
    }

    /// The same about another file, of which the one that it names is a copy.
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

    /// Whether a full disk (or quota of the file system) is the cause.
    pub fn is_no_space(&self) -> bool {
        match self {
            Error::NoSpace { .. } => true,
            Error::Io { source, .. } => is_full(source),
            _ => false,
        }
    }
}

/// Whether an I/O error says that the disk, or the user's share of it, is full.
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

/// What is wrong in the bytes of a page; [`Damage::in_file`] makes an [`Error`] of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The page that is wrong.
    pub page: Option<u64>,
    /// What is wrong with it.
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

/// The operating system's text as Go prints it: no capital, no number.
pub fn plain(e: &io::Error) -> String {
    let text = e.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}
