//! The steps of the engine on the file system, for tests that observe them or make them fail. `disk.rs` reports each step
//! before taking it.

use std::io;
use std::path::Path;

/// A step that changes the file system, reported before it is taken.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A new, empty file is created.
    Create {
        /// Its name.
        path: &'a Path,
        /// The number that identifies it in later events, even after a rename.
        file: u64,
    },
    /// An existing file is opened.
    Open {
        /// Its name.
        path: &'a Path,
        /// Its number.
        file: u64,
    },
    /// Bytes are written.
    Write {
        /// The file.
        file: u64,
        /// Offset in bytes.
        offset: u64,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// Disk blocks are allocated up to this length. A shorter file is extended to it.
    Allocate {
        /// The file.
        file: u64,
        /// Length up to which blocks are allocated.
        len: u64,
    },
    /// The file is truncated: a snapshot loses its digest, or an unlinked file frees its blocks.
    Truncate {
        /// The file.
        file: u64,
        /// New length.
        len: u64,
    },
    /// The file is synced.
    Sync {
        /// The file.
        file: u64,
    },
    /// A file is renamed, replacing any file with the new name.
    Rename {
        /// The old name.
        from: &'a Path,
        /// The new name.
        to: &'a Path,
    },
    /// A file is removed.
    Remove {
        /// Its name.
        path: &'a Path,
    },
    /// A directory is created.
    CreateDir {
        /// Its name.
        path: &'a Path,
    },
    /// A directory is synced.
    SyncDir {
        /// The directory.
        path: &'a Path,
    },
}

/// Observes every [`Event`] before it happens, and can make it fail.
pub trait Watcher: Send + Sync {
    /// An error prevents the step and becomes its result.
    fn event(&self, event: Event<'_>) -> io::Result<()>;
}
