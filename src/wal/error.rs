//! What can be wrong with a log or a raft snapshot file. Every text is one line that names the file, and
//! the offset in bytes where there is one.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Shorthand for results of this module.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a log or a raft snapshot file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused something.
    #[error("{doing} {}: {}", file.display(), crate::bolt::plain(source))]
    Io {
        /// Such as `open` or `write`.
        doing: &'static str,
        /// The file or directory.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The directory holds no segment.
    #[error("{}: no write-ahead log: the directory holds no file NUMBER-INDEX.wal", .0.display())]
    Empty(PathBuf),
    /// Segments are missing between two others.
    #[error("{}: segment {missing:016x} of the log is missing", dir.display())]
    Gap {
        /// The directory.
        dir: PathBuf,
        /// The sequence number that no file has.
        missing: u64,
    },
    /// All segments begin behind the wanted index.
    #[error("{}: no segment of the log reaches back to index {index}", dir.display())]
    NoSegment {
        /// The directory.
        dir: PathBuf,
        /// The index of the wanted snapshot.
        index: u64,
    },
    /// A record is damaged.
    #[error("{}: record at byte {offset}: {what}", file.display())]
    Record {
        /// The segment.
        file: PathBuf,
        /// Where the record begins.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// The last record was only partly written. After a crash this is normal.
    #[error("{}: record at byte {offset}: it was only partly written: {what}", file.display())]
    Torn {
        /// The segment.
        file: PathBuf,
        /// Where the record begins.
        offset: u64,
        /// How that shows.
        what: String,
    },
    /// The records are sound, but they do not fit together.
    #[error("{}: {what}", dir.display())]
    Log {
        /// The directory.
        dir: PathBuf,
        /// What does not fit.
        what: String,
    },
    /// A raft snapshot file is damaged.
    #[error("{}: {what}", file.display())]
    Snap {
        /// The file.
        file: PathBuf,
        /// What is wrong.
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
