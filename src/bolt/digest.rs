//! The SHA-256 at the end of a snapshot that was copied to the path of a database. Checks it while it exists; the first
//! opening for writing removes it (`open.rs`).

use sha2::{Digest as _, Sha256};

use super::disk::DiskFile;
use super::error::{Error, Result};

/// Size of the digest in bytes.
pub(crate) const DIGEST_SIZE: u64 = 32;
/// The length of a database file without a digest is a multiple of this many bytes. Source: etcd v3.7.1,
/// `etcdutl/snapshot/v3_snapshot.go`.
const SECTOR_SIZE: u64 = 512;
/// Bytes read at a time.
const CHUNK: usize = 256 << 10;

/// Whether a file of this length ends with a digest.
pub(crate) fn has_trailing_digest(len: u64) -> bool {
    len % SECTOR_SIZE == DIGEST_SIZE
}

/// Checks the digest at the end of a file of `len` bytes, if its length says that it has one.
///
/// # Errors
/// [`Error::Corrupt`] if it is not the SHA-256 of everything before it.
pub(crate) fn check_trailing_digest(file: &DiskFile, len: u64) -> Result<()> {
    if !has_trailing_digest(len) {
        return Ok(());
    }
    let end = len - DIGEST_SIZE;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let mut at = 0;
    while at < end {
        let n = (end - at).min(CHUNK as u64) as usize;
        file.read_at(at, &mut buffer[..n])?;
        hash.update(&buffer[..n]);
        at += n as u64;
    }
    let mut stored = [0; DIGEST_SIZE as usize];
    file.read_at(end, &mut stored)?;
    if hash.finalize()[..] == stored {
        return Ok(());
    }
    let what = "it ends with a snapshot's SHA-256 digest, which does not match its contents";
    Err(Error::corrupt(file.path(), None, what))
}
