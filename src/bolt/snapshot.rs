//! Reads a committed state as the bytes of a snapshot file: two meta pages, then all other pages unchanged. Reads by
//! pread into the caller's buffer, so that slow clients do not pin mapped pages. The caller appends the SHA-256 digest.

use super::error::Result;
use super::meta::Meta;
use super::view::ReadTx;

/// Reads a snapshot from beginning to end; created by [`ReadTx::snapshot`].
pub struct SnapshotReader {
    tx: ReadTx,
    metas: Vec<u8>,
    at: u64,
}

impl SnapshotReader {
    pub(crate) fn new(tx: ReadTx) -> SnapshotReader {
        // As bbolt does: page 0 holds the current transaction, page 1 the previous one.
        let meta = tx.0.meta;
        let mut metas = meta.encode(0);
        metas.extend(
            Meta {
                txid: meta.txid.saturating_sub(1),
                ..meta
            }
            .encode(1),
        );
        SnapshotReader { tx, metas, at: 0 }
    }

    /// Length of the whole snapshot in bytes.
    pub fn len(&self) -> u64 {
        self.tx.size()
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
    /// [`Error::Io`](super::Error::Io) if the file cannot be read.
    pub fn read_chunk(&mut self, into: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        if let Some(metas) = self.metas.get(self.at as usize..) {
            done = metas.len().min(into.len());
            into[..done].copy_from_slice(&metas[..done]);
            self.at += done as u64;
        }
        let n = self.remaining().min((into.len() - done) as u64) as usize;
        if n > 0 {
            self.tx
                .0
                .store
                .file
                .read_at(self.at, &mut into[done..done + n])?;
            self.at += n as u64;
        }
        Ok(done + n)
    }
}
