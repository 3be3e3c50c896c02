//! A file of another owner, opened to be served: a snapshot, or the database of a stopped member.
//!
//! Its owner may write to it, truncate it or replace it at any time. It is therefore read by pread and never
//! mapped, and it is not locked, so that its owner is never blocked. Reads return the state that was opened, or an
//! error: see [`FileReader::check_unchanged`]. Nothing is written here.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::check::check;
use super::error::{Error, Result};
use super::file::FileReader;
use super::sizes::Sizes;
use super::snapshot::SnapshotReader;

/// A file of unknown origin, open for reading. Cheap to clone: all clones share the same open file.
#[derive(Clone)]
pub struct ForeignFile {
    reader: Arc<FileReader>,
    /// Computed on first use, because it takes a walk over the whole file.
    sizes: Arc<OnceLock<Sizes>>,
}

impl ForeignFile {
    /// Opens a file.
    ///
    /// # Errors
    /// See [`FileReader::open`]; [`Error::Locked`] if the system reports that a process has it open for writing.
    pub fn open(path: impl AsRef<Path>) -> Result<ForeignFile> {
        let path = path.as_ref();
        if is_locked_by_writer(path) {
            let file = path.to_path_buf();
            return Err(Error::Locked { file });
        }
        let reader = Arc::new(FileReader::open(path)?);
        let sizes = Arc::default();
        Ok(ForeignFile { reader, sizes })
    }

    /// Access to pages, buckets and records.
    pub fn reader(&self) -> &FileReader {
        &self.reader
    }

    /// The size of the database. The first call reads every page in use to find the free ones.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if a page is damaged or the file has been changed.
    pub fn sizes(&self) -> Result<Sizes> {
        if let Some(sizes) = self.sizes.get() {
            return Ok(*sizes);
        }
        let reader = self.reader.fork();
        let checked = check(&reader)?;
        if let Some(finding) = checked.findings.first() {
            return Err(finding.in_file(reader.path()));
        }
        reader.check_unchanged()?;
        let free = reader.meta().high_water.saturating_sub(checked.used);
        let sizes = Sizes::new(reader.meta(), free);
        Ok(*self.sizes.get_or_init(|| sizes))
    }

    /// The file as a snapshot, to be read in chunks.
    pub fn snapshot(&self) -> SnapshotReader {
        SnapshotReader::of_file(self.clone())
    }
}

/// Whether a process holds an exclusive flock on the file, as far as this can be determined without taking the lock:
/// even a lock that is held only for a moment could make the owner's own attempt fail. Linux lists all locks in
/// `/proc/locks`, like `1: FLOCK  ADVISORY  WRITE 4711 fd:01:1311 0 EOF`.
fn is_locked_by_writer(path: &Path) -> bool {
    let (Ok(file), Ok(locks)) = (fs::metadata(path), fs::read_to_string("/proc/locks")) else {
        return false;
    };
    let (major, minor) = (rustix::fs::major(file.dev()), rustix::fs::minor(file.dev()));
    let name = format!("{major:02x}:{minor:02x}:{}", file.ino());
    locks.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let held = !words.contains(&"->") && words.contains(&"FLOCK");
        held && words.contains(&"WRITE") && words.contains(&name.as_str())
    })
}
