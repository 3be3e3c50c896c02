//! The SHA-256 behind a snapshot, computed as the file streams by. Knows nothing of pages.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use sha2::{Digest as _, Sha256};

use super::{
    Error, SealError,
    open::{DIGEST_LEN, Seal, SnapshotFile},
};

/// Bytes that are read at once.
const CHUNK: usize = 128 << 10;

/// Checks the digest of the snapshot `path`, and that its length is that of its pages.
/// A member's file, which has no digest, passes.
///
/// # Errors
/// The file can't be opened (see [`SnapshotFile::open`]) or read, or the digest does not fit.
pub fn verify(path: impl AsRef<Path>) -> Result<(), Error> {
    let file = SnapshotFile::open(path)?;
    match check_seal(&file, &AtomicBool::new(false))? {
        None => Ok(()),
        Some(source) => Err(Error::Seal {
            file: file.path().to_owned(),
            source: Box::new(source),
            status: None,
        }),
    }
}

/// What is wrong with the end of the file, if anything is. Ends early, with nothing said, once
/// `give_up` is set.
pub(super) fn check_seal(
    file: &SnapshotFile,
    give_up: &AtomicBool,
) -> Result<Option<SealError>, Error> {
    match file.seal() {
        Seal::None => return Ok(None),
        Seal::Wrong(e) => return Ok(Some(e.clone())),
        Seal::Digest => {}
    }
    let reader = file.reader();
    let size = reader.size();
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let mut at = 0;
    while at < size {
        if give_up.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let n = usize::try_from(size - at).map_or(CHUNK, |left| left.min(CHUNK));
        let part = buffer.get_mut(..n).unwrap_or_default();
        reader.read_raw(at, part)?;
        hash.update(&*part);
        at += n as u64;
    }
    let mut stored = [0; DIGEST_LEN as usize];
    reader.read_raw(size, &mut stored)?;
    let actual: [u8; DIGEST_LEN as usize] = hash.finalize().into();
    Ok((actual != stored).then_some(SealError::Mismatch {
        size,
        stored,
        actual,
    }))
}
