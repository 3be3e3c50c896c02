//! Reads a committed state as the bytes of a snapshot file: two meta pages, then all other pages unchanged. Reads by
//! pread into the caller's buffer, so that slow clients do not pin mapped pages. The caller appends the SHA-256 digest.

use super::error::Result;
use super::foreign::ForeignFile;
use super::meta::Meta;
use super::view::ReadTx;

/// Reads a snapshot from beginning to end; made by [`ReadTx::snapshot`] and [`ForeignFile::snapshot`].
pub struct SnapshotReader {
    pages: Pages,
    size: u64,
    metas: Vec<u8>,
    at: u64,
}

/// Where the pages after the metas are read from.
enum Pages {
    Tx(ReadTx),
    File(ForeignFile),
}

impl SnapshotReader {
    pub(crate) fn new(tx: ReadTx) -> SnapshotReader {
        let meta = tx.0.meta;
        SnapshotReader::of_pages(meta, Pages::Tx(tx))
    }

    pub(crate) fn of_file(file: ForeignFile) -> SnapshotReader {
        let meta = *file.reader().meta();
        SnapshotReader::of_pages(meta, Pages::File(file))
    }

    fn of_pages(meta: Meta, pages: Pages) -> SnapshotReader {
        // As bbolt writes them: page 0 has the transaction, page 1 the previous one.
        let mut metas = meta.encode(0);
        metas.extend(
            Meta {
                txid: meta.txid.saturating_sub(1),
                ..meta
            }
            .encode(1),
        );
        SnapshotReader {
            pages,
            size: meta.size(),
            metas,
            at: 0,
        }
    }

    /// Length of the whole snapshot in bytes.
    pub fn len(&self) -> u64 {
        self.size
    }

    /// Whether the snapshot is empty, which it never is.
    pub fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// Number of bytes still to be read.
    pub fn remaining(&self) -> u64 {
        self.len() - self.at
    }

    /// Fills the buffer with the next bytes. Returns their number; 0 at the end.
    ///
    /// # Errors
    /// [`Error::Io`](super::Error::Io) if the file cannot be read; [`Error::Corrupt`](super::Error::Corrupt) if
    /// another owner's file has been changed.
    pub fn read_chunk(&mut self, into: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        if let Some(metas) = self.metas.get(self.at as usize..) {
            done = metas.len().min(into.len());
            into[..done].copy_from_slice(&metas[..done]);
            self.at += done as u64;
        }
        let n = self.remaining().min((into.len() - done) as u64) as usize;
        if n > 0 {
            let part = &mut into[done..done + n];
            match &self.pages {
                Pages::Tx(tx) => tx.0.store.file.read_at(self.at, part)?,
                Pages::File(file) => {
                    file.reader().read_raw(self.at, part)?;
                    file.reader().check_unchanged()?;
                }
            }
            self.at += n as u64;
        }
        Ok(done + n)
    }
}
