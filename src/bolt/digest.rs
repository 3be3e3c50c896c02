//! The SHA-256 at the end of a snapshot, computed while the file is read once from beginning to end. A database
//! that was copied into place with its digest keeps it until the first opening for writing removes it (`open.rs`).

use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use sha2::{Digest as _, Sha256};

use super::disk::DiskFile;
use super::error::{Error, Result};

/// Size of the digest in bytes.
pub(crate) const DIGEST_SIZE: u64 = 32;
/// The length of a database file without a digest is a multiple of this many bytes. Source: etcd v3.7.1,
/// `etcdutl/snapshot/v3_snapshot.go`.
pub(crate) const SECTOR_SIZE: u64 = 512;
/// Bytes read at a time: a cold file takes longer with smaller reads.
const CHUNK: usize = 1 << 20;
/// Number of chunks read ahead of the hashing.
const AHEAD: usize = 2;
/// Size in bytes up to which a second thread is not worthwhile.
const ALONE: u64 = 1 << 20;

/// Reads bytes at an offset of a file.
pub(crate) type ReadAt<'a> = dyn Fn(u64, &mut [u8]) -> Result<()> + Sync + 'a;

/// Whether a file of this length ends with a digest.
pub(crate) fn has_trailing_digest(len: u64) -> bool {
    len % SECTOR_SIZE == DIGEST_SIZE
}

/// Checks the digest at the end of a file of `len` bytes, if its length says that it has one.
///
/// # Errors
/// [`Error::Corrupt`] if it is not the SHA-256 of everything before it.
pub(crate) fn check_trailing_digest(file: &DiskFile, len: u64) -> Result<()> {
    let read = |at, into: &mut [u8]| file.read_at(at, into);
    check_digest(file.path(), len, &read, &AtomicBool::new(false))
}

/// The same for any file. Returns nothing once `give_up` is set.
pub(crate) fn check_digest(
    path: &Path,
    len: u64,
    read_at: &ReadAt<'_>,
    give_up: &AtomicBool,
) -> Result<()> {
    if !has_trailing_digest(len) {
        return Ok(());
    }
    let end = len - DIGEST_SIZE;
    let Some(actual) = sha256(end, read_at, give_up)? else {
        return Ok(());
    };
    let mut stored = [0; DIGEST_SIZE as usize];
    read_at(end, &mut stored)?;
    if actual == stored {
        return Ok(());
    }
    let what = "it ends with a snapshot's SHA-256 digest, which does not match its contents";
    Err(Error::corrupt(path, None, what))
}

/// The SHA-256 of the first `size` bytes; `None` once `give_up` is set.
///
/// Hashing takes longer than copying from the page cache, and reading a cold file takes longer than both, so
/// reading and hashing run concurrently.
pub(crate) fn sha256(
    size: u64,
    read_at: &ReadAt<'_>,
    give_up: &AtomicBool,
) -> Result<Option<[u8; 32]>> {
    let mut hash = Sha256::new();
    if size <= ALONE {
        let mut all = vec![0; size as usize];
        read_at(0, &mut all)?;
        hash.update(&all);
        return Ok(Some(hash.finalize().into()));
    }
    let done = thread::scope(|scope| {
        let (full, parts) = mpsc::sync_channel::<Vec<u8>>(AHEAD);
        let (empty, used) = mpsc::channel::<Vec<u8>>();
        let reading = scope.spawn(move || {
            let mut at = 0;
            while at < size && !give_up.load(Ordering::Relaxed) {
                let n = (size - at).min(CHUNK as u64) as usize;
                let mut part = used.try_recv().unwrap_or_default();
                part.resize(n, 0);
                read_at(at, &mut part)?;
                at += n as u64;
                if full.send(part).is_err() {
                    break;
                }
            }
            Ok(at == size)
        });
        for part in parts {
            hash.update(&part);
            // After the last chunk, nobody receives the buffers.
            let _ = empty.send(part);
        }
        reading.join().unwrap_or_else(|panic| resume_unwind(panic))
    })?;
    Ok(done.then(|| hash.finalize().into()))
}

/// Reads the first `size` bytes and discards them, until `give_up` is set.
pub(crate) fn read_through(size: u64, read_at: &ReadAt<'_>, give_up: &AtomicBool) -> Result<()> {
    let mut part = vec![0; CHUNK.min(size as usize)];
    for at in (0..size).step_by(CHUNK) {
        if give_up.load(Ordering::Relaxed) {
            break;
        }
        let n = (size - at).min(CHUNK as u64) as usize;
        read_at(at, &mut part[..n])?;
    }
    Ok(())
}
