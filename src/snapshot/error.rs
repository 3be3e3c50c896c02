//! The errors of snapshot and database files. Each is one line that names the file, and the page and record if there is
//! one.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::Status;
use crate::{bolt, golang::format::hex_digits, schema::RecordError};

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system returned an error: the file does not exist, or cannot be opened or read. Worded as in Go
    /// programs.
    #[error("{doing} {}: {}", file.display(), crate::bolt::plain(source))]
    Os {
        /// The operation, such as `stat` or `open`.
        doing: &'static str,
        /// The path as given.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file is not a bolt database, is locked, or has damaged meta pages.
    #[error(transparent)]
    Bolt(bolt::Error),
    /// A page in use is damaged.
    #[error("{}: {first}{}", file.display(), more(*others))]
    Page {
        /// The file.
        file: PathBuf,
        /// The first finding.
        first: Box<bolt::Finding>,
        /// Number of further findings.
        others: usize,
    },
    /// A record is invalid.
    #[error("{}: page {page}: {first}{}", file.display(), more(*others))]
    Record {
        /// The file.
        file: PathBuf,
        /// The page that holds the record.
        page: u64,
        /// The first finding.
        first: Box<RecordError>,
        /// Number of further invalid records.
        others: usize,
    },
    /// A bolt database, but not of etcd.
    #[error("{}: not a database of etcd: there is no bucket {bucket}", file.display())]
    NotEtcd {
        /// The file.
        file: PathBuf,
        /// A bucket that etcd's databases always have.
        bucket: String,
    },
    /// The bucket does not exist.
    #[error("{}: there is no bucket {bucket:?}", file.display())]
    NoBucket {
        /// The file.
        file: PathBuf,
        /// The requested name.
        bucket: String,
    },
    /// All pages and records in use are intact, but the file is not the one that was saved. The status describes what
    /// was read.
    #[error("{}: {source}", file.display())]
    Integrity {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: Box<IntegrityError>,
        /// The result of `snapshot status`, if that was the request.
        status: Option<Box<Status>>,
    },
    /// The revision is below the compact revision.
    #[error("mvcc: required revision has been compacted")]
    Compacted,
    /// The revision is above the file's latest.
    #[error("mvcc: required revision is a future revision")]
    FutureRevision,
}

/// How a snapshot shows that it was changed after it was saved. Offsets and sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntegrityError {
    /// One of the two meta pages is damaged, and the other one is used. In a member's file a crash can cause this; a
    /// snapshot is always written with two valid ones.
    #[error("page {page}: the meta of a snapshot is damaged: {fault}")]
    Meta {
        /// 0 or 1.
        page: u64,
        /// The reason.
        fault: String,
    },
    /// The SHA-256 at the end does not match.
    #[error(
        "the digest does not match: the SHA-256 of the first {size} bytes is {}, but the stored digest is {}",
        hex_digits(actual),
        hex_digits(stored)
    )]
    Mismatch {
        /// Number of bytes that the digest covers.
        size: u64,
        /// The digest in the file.
        stored: [u8; 32],
        /// The computed digest.
        actual: [u8; 32],
    },
    /// The meta pages are those of a snapshot, but there is no SHA-256 at the end.
    #[error("the digest is missing: the file begins like a snapshot and ends with its last page")]
    Missing,
    /// The length fits neither a snapshot nor a member's file.
    #[error(
        "the digest does not match: the database ends at byte {size}, and {rest} bytes follow it instead of 32"
    )]
    Length {
        /// The end of the pages.
        size: u64,
        /// Number of bytes after them.
        rest: u64,
    },
}

impl From<bolt::Error> for Error {
    fn from(e: bolt::Error) -> Error {
        match e {
            bolt::Error::Io {
                file,
                doing,
                source,
            } => Error::Os {
                doing,
                file,
                source,
            },
            e => Error::Bolt(e),
        }
    }
}

impl Error {
    pub(super) fn stat(file: &Path, source: io::Error) -> Error {
        Error::Os {
            doing: "stat",
            file: file.to_owned(),
            source,
        }
    }
}

fn more(others: usize) -> String {
    match others {
        0 => String::new(),
        n => format!(" (and {n} more)"),
    }
}
