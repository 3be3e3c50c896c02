//! A snapshot or a member's `db` opened to be read: by pread alone, with bounded memory, never
//! written to. Says which of the two it is by its length; does not look at the contents.

use std::path::{Path, PathBuf};

use super::{Error, SealError};
use crate::bolt::{self, FileReader};

/// Length of the SHA-256 behind a snapshot, bytes.
const DIGEST_LEN: u64 = 32;
/// A member's file is whole pages, and every page is a multiple of this, bytes.
/// Source: etcd v3.7.1, etcdutl/snapshot/v3_snapshot.go.
const SECTOR: u64 = 512;

/// What stands behind the pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seal {
    /// Nothing: a member's file, which has no digest. It may be longer than its pages.
    None,
    /// A digest over everything before it.
    Digest,
    /// Something that no snapshot and no member's file has.
    Wrong(SealError),
}

fn bad_meta(reader: &FileReader) -> Option<SealError> {
    let mut metas = (0..).zip(&reader.metas().pages);
    metas.find_map(|(page, meta)| {
        let fault = meta.as_ref().err()?.to_string();
        Some(SealError::Meta { page, fault })
    })
}

/// Looks whether there is such a file, without opening it.
///
/// # Errors
/// There is none, or it can't be looked at.
pub fn exists(path: &Path) -> Result<(), Error> {
    std::fs::metadata(path)
        .map(drop)
        .map_err(|e| Error::stat(path, e))
}

/// A file to be read.
pub struct SnapshotFile {
    path: PathBuf,
    reader: FileReader,
    seal: Seal,
}

impl SnapshotFile {
    /// Opens a file, with a shared lock as long as it is read, so that no server writes meanwhile.
    ///
    /// # Errors
    /// There is no such file, it is no bolt database, its meta pages are damaged, it is shorter
    /// than they say, or a server has it open.
    pub fn open(path: impl AsRef<Path>) -> Result<SnapshotFile, Error> {
        let path = path.as_ref();
        exists(path)?;
        let reader = FileReader::open(path)?;
        // Other failures do not matter: some file systems, where backups lie, know no locks.
        if let Err(e @ bolt::Error::Locked { .. }) = reader.lock_shared() {
            return Err(e.into());
        }
        let rest = reader.file_len().saturating_sub(reader.size());
        let seal = if rest == DIGEST_LEN {
            bad_meta(&reader).map_or(Seal::Digest, Seal::Wrong)
        } else if reader.file_len() % SECTOR == 0 {
            Seal::None
        } else {
            let size = reader.size();
            Seal::Wrong(SealError::Length { size, rest })
        };
        Ok(SnapshotFile {
            path: path.to_owned(),
            reader,
            seal,
        })
    }

    /// As given to [`SnapshotFile::open`].
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Pages, buckets and records.
    pub fn reader(&self) -> &FileReader {
        &self.reader
    }

    /// Whether there is a digest. It is not computed here: see [`super::verify`].
    pub fn seal(&self) -> &Seal {
        &self.seal
    }
}
