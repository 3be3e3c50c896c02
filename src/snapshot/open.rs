//! Opens a snapshot or a member's `db` for reading by pread, with bounded memory. Distinguishes the two by their
//! length; does not examine the content.

use std::path::{Path, PathBuf};

use super::{Error, IntegrityError};
use crate::bolt::{self, DIGEST_SIZE, FileReader, Meta, SECTOR_SIZE};

/// What follows the pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trailer {
    /// Nothing. This is a member's file, which has no digest. It may extend beyond its pages.
    None,
    /// A digest of everything before it.
    Digest,
    /// Something that neither a snapshot nor a member's file has.
    Wrong(IntegrityError),
}

/// Whether the numbers of the two metas differ by one transaction, and nothing else does, the newer meta is in page 0
/// and has an odd number, and the file ends with its last page. This is how a snapshot begins; bbolt commits odd
/// transactions to page 1. With an even number, a stopped member's database can look the same.
fn is_bare_snapshot(reader: &FileReader) -> bool {
    let [Ok(a), Ok(b)] = &reader.metas().pages else {
        return false;
    };
    let same = |older: &Meta| {
        Meta {
            txid: a.txid,
            ..*older
        } == *a
    };
    let follows = a.txid % 2 == 1 && a.txid == b.txid.wrapping_add(1);
    follows && same(b) && reader.file_len() == reader.size()
}

fn bad_meta(reader: &FileReader) -> Option<IntegrityError> {
    let mut metas = (0..).zip(&reader.metas().pages);
    metas.find_map(|(page, meta)| {
        let fault = meta.as_ref().err()?.to_string();
        Some(IntegrityError::Meta { page, fault })
    })
}

/// Checks that the file exists, without opening it.
///
/// # Errors
/// It does not exist, or cannot be accessed.
pub fn exists(path: &Path) -> Result<(), Error> {
    std::fs::metadata(path)
        .map(drop)
        .map_err(|e| Error::stat(path, e))
}

/// A file opened for reading.
pub struct SnapshotFile {
    path: PathBuf,
    reader: FileReader,
    trailer: Trailer,
}

impl SnapshotFile {
    /// Opens a file and holds a shared lock while it is being read, so that no server can write to it.
    ///
    /// # Errors
    /// The file does not exist, is not a bolt database, has damaged meta pages, is shorter than they say, or is open in
    /// a server.
    pub fn open(path: impl AsRef<Path>) -> Result<SnapshotFile, Error> {
        let path = path.as_ref();
        exists(path)?;
        let reader = FileReader::open(path)?;
        // Ignore other failures: file systems for backups do not always support locks.
        if let Err(e @ bolt::Error::Locked { .. }) = reader.lock_shared() {
            return Err(e.into());
        }
        let rest = reader.file_len().saturating_sub(reader.size());
        let trailer = if rest == DIGEST_SIZE {
            bad_meta(&reader).map_or(Trailer::Digest, Trailer::Wrong)
        } else if is_bare_snapshot(&reader) {
            Trailer::Wrong(IntegrityError::Missing)
        } else if reader.file_len() % SECTOR_SIZE == 0 {
            Trailer::None
        } else {
            let size = reader.size();
            Trailer::Wrong(IntegrityError::Length { size, rest })
        };
        Ok(SnapshotFile {
            path: path.to_owned(),
            reader,
            trailer,
        })
    }

    /// The path given to [`SnapshotFile::open`].
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Access to pages, buckets and records.
    pub fn reader(&self) -> &FileReader {
        &self.reader
    }

    /// Whether there is a digest. It is not verified here: see [`super::verify`].
    pub fn trailer(&self) -> &Trailer {
        &self.trailer
    }
}
