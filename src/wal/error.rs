//! The errors of logs and raft snapshot files. Each is one line that names the file, and the offset in bytes if there
//! is one.

use std::{
    io,
    path::{Path, PathBuf},
};

/// The result type of this module.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a log or a raft snapshot file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system returned an error.
    #[error("{doing} {}: {}", file.display(), crate::bolt::plain(source))]
    Io {
        /// The operation, such as `open` or `write`.
        doing: &'static str,
        /// The file or directory.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The directory contains no segments.
    #[error("{}: no write-ahead log: the directory holds no file NUMBER-INDEX.wal", .0.display())]
    Empty(PathBuf),
    /// A segment is missing in the sequence.
    #[error("{}: segment {missing:016x} of the log is missing", dir.display())]
    Gap {
        /// The directory.
        dir: PathBuf,
        /// The missing sequence number.
        missing: u64,
    },
    /// All segments begin after the requested index.
    #[error("{}: no segment of the log reaches back to index {index}", dir.display())]
    NoSegment {
        /// The directory.
        dir: PathBuf,
        /// The index of the requested snapshot.
        index: u64,
    },
    /// A record is damaged.
    #[error("{}: record at byte {offset}: {what}", file.display())]
    Record {
        /// The segment.
        file: PathBuf,
        /// Offset of the record.
        offset: u64,
        /// The defect.
        what: String,
    },
    /// The last record was written only in part. This is normal after a crash.
    #[error("{}: record at byte {offset}: it was only partly written: {what}", file.display())]
    Torn {
        /// The segment.
        file: PathBuf,
        /// Offset of the record.
        offset: u64,
        /// How this was detected.
        what: String,
    },
    /// The records are intact, but inconsistent with each other.
    #[error("{}: {what}", dir.display())]
    Log {
        /// The directory.
        dir: PathBuf,
        /// The inconsistency.
        what: String,
    },
    /// A raft snapshot file is damaged.
    #[error("{}: {what}", file.display())]
    Snap {
        /// The file.
        file: PathBuf,
        /// The defect.
        what: String,
    },
}

impl Error {
    pub(super) fn io(doing: &'static str, file: &Path, source: io::Error) -> Error {
        Error::Io {
            doing,
            file: file.to_owned(),
            source,
        }
    }

    pub(super) fn log(dir: &Path, what: impl Into<String>) -> Error {
        Error::Log {
            dir: dir.to_owned(),
            what: what.into(),
        }
    }
}
