//! Why a restore was refused or failed, in etcd's words if it has any.

use std::{
    fmt::Write as _,
    io,
    path::{Path, PathBuf},
};

use crate::{bolt, snapshot, wal};

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The flags contradict each other, or a directory already exists.
    #[error("{0}")]
    Refused(String),
    /// The operating system returned an error.
    #[error("{doing} {}: {}", file.display(), crate::bolt::plain(source))]
    Io {
        /// The operation, such as `open`.
        doing: &'static str,
        /// The file or directory.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file has no digest, like one that was copied from a data directory.
    #[error("snapshot missing hash but --skip-hash-check=false")]
    NoDigest,
    /// The digest does not match: the file was changed after it was saved.
    #[error("expected sha256 {}, got {}", go_bytes(stored), go_bytes(actual))]
    Digest {
        /// The digest at the end of the file.
        stored: [u8; 32],
        /// The computed digest.
        actual: [u8; 32],
    },
    /// The database in the file is damaged or invalid.
    #[error(transparent)]
    File(#[from] snapshot::Error),
    /// Every record is valid, but no cluster writes such records together: a server would crash on them, or serve
    /// something else than what was stored.
    #[error("{}: {problem}; `etcdutl snapshot salvage` writes a sound file from it", file.display())]
    Unsound {
        /// The snapshot.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The log or the raft snapshot cannot be written.
    #[error(transparent)]
    Wal(#[from] wal::Error),
}

impl Error {
    pub(super) fn io(doing: &'static str, file: &Path, source: io::Error) -> Error {
        Error::Io {
            doing,
            file: file.to_owned(),
            source,
        }
    }
}

impl From<bolt::Error> for Error {
    fn from(e: bolt::Error) -> Error {
        Error::File(e.into())
    }
}

/// Bytes as Go's `%v` prints them: `[1 2 3]`.
fn go_bytes(bytes: &[u8]) -> String {
    let mut out = String::from("[");
    for (i, byte) in bytes.iter().enumerate() {
        let separator = if i == 0 { "" } else { " " };
        let _ = write!(out, "{separator}{byte}"); // a String takes everything
    }
    out + "]"
}
