//! Verifies the SHA-256 at the end of a snapshot. Knows nothing of pages.

use std::{
    panic::resume_unwind,
    path::Path,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

use sha2::{Digest as _, Sha256};

use super::{
    Error, IntegrityError,
    open::{SnapshotFile, Trailer},
};
use crate::bolt::{self, FileReader};

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;
/// Number of chunks read ahead of the hashing.
const AHEAD: usize = 4;

/// Verifies the digest of the snapshot `path`, and that its length is that of its pages. A member's file, which has no
/// digest, passes.
///
/// # Errors
/// The file cannot be opened (see [`SnapshotFile::open`]) or read, or the digest does not match.
pub fn verify(path: impl AsRef<Path>) -> Result<(), Error> {
    let file = SnapshotFile::open(path)?;
    match check_integrity(&file, &AtomicBool::new(false))? {
        None => Ok(()),
        Some(source) => Err(Error::Integrity {
            file: file.path().to_owned(),
            source: Box::new(source),
            status: None,
        }),
    }
}

/// What is wrong with the end of the file, if anything. Returns early, without a result, once `give_up` is set.
pub(super) fn check_integrity(
    file: &SnapshotFile,
    give_up: &AtomicBool,
) -> Result<Option<IntegrityError>, Error> {
    match file.trailer() {
        Trailer::None => return Ok(None),
        Trailer::Wrong(e) => return Ok(Some(e.clone())),
        Trailer::Digest => {}
    }
    let reader = file.reader();
    let size = reader.size();
    let Some(actual) = digest(reader, size, give_up)? else {
        return Ok(None);
    };
    let mut stored = [0; 32];
    reader.read_raw(size, &mut stored)?;
    Ok((actual != stored).then_some(IntegrityError::Mismatch {
        size,
        stored,
        actual,
    }))
}

/// The SHA-256 of the first `size` bytes; `None` once `give_up` is set.
fn digest(
    reader: &FileReader,
    size: u64,
    give_up: &AtomicBool,
) -> Result<Option<[u8; 32]>, bolt::Error> {
    let mut hash = Sha256::new();
    // Hashing takes longest, and copying from the page cache a fifth as long. Do both at the same time.
    let done = thread::scope(|scope| {
        let (full, parts) = mpsc::sync_channel::<Vec<u8>>(AHEAD);
        let (empty, used) = mpsc::channel::<Vec<u8>>();
        let reading = scope.spawn(move || {
            let mut at = 0;
            while at < size && !give_up.load(Ordering::Relaxed) {
                let n = usize::try_from(size - at).map_or(CHUNK, |left| left.min(CHUNK));
                let mut part = used.try_recv().unwrap_or_default();
                part.resize(n, 0);
                reader.read_raw(at, &mut part)?;
                at += n as u64;
                if full.send(part).is_err() {
                    break;
                }
            }
            Ok(at == size)
        });
        for part in parts {
            hash.update(&part);
            // After everything has been read, nobody receives the buffers any more.
            let _ = empty.send(part);
        }
        reading.join().unwrap_or_else(|e| resume_unwind(e))
    })?;
    Ok(done.then(|| hash.finalize().into()))
}
