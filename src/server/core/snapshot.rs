//! The database file at one point in time, for the snapshot stream. Does not append the digest.

use std::io;

use crate::{bolt::SnapshotReader, server::backend::Tx};

/// The database file at one point in time, read sequentially. Blocks on disk.
pub struct Snapshot {
    reader: SnapshotReader,
    version: String,
}

impl Snapshot {
    pub(super) fn new(tx: &Tx, version: String) -> Snapshot {
        Snapshot {
            reader: tx.snapshot(),
            version,
        }
    }

    /// Total size in bytes.
    pub fn size(&self) -> u64 {
        self.reader.len()
    }

    /// The storage version (`3.7.0`); empty if the file has none.
    pub fn version(&self) -> &str {
        &self.version
    }
}

impl io::Read for Snapshot {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reader.read_chunk(buf).map_err(io::Error::other)
    }
}
