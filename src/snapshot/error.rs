//! What can be wrong with a snapshot or database file. Every text is one line that names the file,
//! and page and record where there is one.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::Status;
use crate::{bolt, schema::RecordError};

/// Why a file can't be used as it is.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refuses: there is no such file, it can't be opened or read. Worded as
    /// Go's programs do.
    #[error("{doing} {}: {}", file.display(), crate::bolt::plain(source))]
    Os {
        /// Such as `stat` or `open`.
        doing: &'static str,
        /// As given.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file is no bolt database, is locked, or its meta pages are damaged.
    #[error(transparent)]
    Bolt(bolt::Error),
    /// A page that is reached is damaged.
    #[error("{}: {first}{}", file.display(), more(*others))]
    Page {
        /// The file.
        file: PathBuf,
        /// What was found first.
        first: Box<bolt::Finding>,
        /// How many more things were found.
        others: usize,
    },
    /// A record is not what etcd writes.
    #[error("{}: page {page}: {first}{}", file.display(), more(*others))]
    Record {
        /// The file.
        file: PathBuf,
        /// The page that the record stands in.
        page: u64,
        /// What was found first.
        first: Box<RecordError>,
        /// How many more records are wrong.
        others: usize,
    },
    /// A bolt database, but not one of etcd.
    #[error("{}: not a database of etcd: there is no bucket {bucket}", file.display())]
    NotEtcd {
        /// The file.
        file: PathBuf,
        /// What every such file has.
        bucket: String,
    },
    /// There is no such bucket.
    #[error("{}: there is no bucket {bucket:?}", file.display())]
    NoBucket {
        /// The file.
        file: PathBuf,
        /// The name that was asked for.
        bucket: String,
    },
    /// Every page and record that is reached is sound, but the file is not the one that was saved.
    /// The status is still true of what was read.
    #[error("{}: {source}", file.display())]
    Seal {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: Box<SealError>,
        /// What `snapshot status` found, where that was asked.
        status: Option<Box<Status>>,
    },
    /// The revision is below the newest compaction.
    #[error("mvcc: required revision has been compacted")]
    Compacted,
    /// The revision is above the file's newest.
    #[error("mvcc: required revision is a future revision")]
    FutureRevision,
}

/// How a snapshot shows that it was changed after it was saved. Offsets and sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// One of the two meta pages is damaged, and the other one serves. In a member's file that is
    /// what a crash leaves; a snapshot is made of two good ones.
    #[error("page {page}: the meta of a snapshot is damaged: {fault}")]
    Meta {
        /// 0 or 1.
        page: u64,
        /// What is wrong.
        fault: String,
    },
    /// The SHA-256 at the end is another one.
    #[error(
        "the digest does not fit: the SHA-256 of its first {size} bytes is {}, but {} stands behind them",
        hex(actual),
        hex(stored)
    )]
    Mismatch {
        /// Bytes that the digest is over.
        size: u64,
        /// What stands in the file.
        stored: [u8; 32],
        /// What was computed.
        actual: [u8; 32],
    },
    /// The length is that of neither a snapshot nor a member's file.
    #[error(
        "the digest does not fit: the database ends at byte {size}, and {rest} bytes stand behind it instead of 32"
    )]
    Length {
        /// Where the pages end.
        size: u64,
        /// Bytes behind them.
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
