//! Verifies the SHA-256 at the end of a snapshot. Knows nothing of pages.

use std::{path::Path, sync::atomic::AtomicBool};

use super::{
    Error, IntegrityError,
    open::{SnapshotFile, Trailer},
};

/// Verifies the digest of the snapshot `path`, and that its length is that of its pages. A member's file, which has no
/// digest, passes.
///
/// # Errors
/// The file cannot be opened (see [`SnapshotFile::open`]) or read, or the digest does not match.
pub fn verify(path: impl AsRef<Path>) -> Result<(), Error> {
    let file = SnapshotFile::open(path)?;
    match check_integrity(&file, &AtomicBool::new(false))? {
        Ok(_) => Ok(()),
        Err(source) => Err(Error::Integrity {
            file: file.path().to_owned(),
            source: Box::new(source),
            status: None,
        }),
    }
}

/// The digest at the end of the file, if it matches; `None` if there is none, or if `give_up` is set. The inner error
/// describes a defect of the end of the file.
pub(super) fn check_integrity(
    file: &SnapshotFile,
    give_up: &AtomicBool,
) -> Result<Result<Option<[u8; 32]>, IntegrityError>, Error> {
    match file.trailer() {
        Trailer::None => return Ok(Ok(None)),
        Trailer::Wrong(e) => return Ok(Err(e.clone())),
        Trailer::Digest => {}
    }
    let reader = file.reader();
    let size = reader.size();
    let Some(actual) = reader.sha256(size, give_up)? else {
        return Ok(Ok(None));
    };
    let mut stored = [0; 32];
    reader.read_raw(size, &mut stored)?;
    Ok(match actual == stored {
        true => Ok(Some(actual)),
        false => Err(IntegrityError::Mismatch {
            size,
            stored,
            actual,
        }),
    })
}

/// The digest of a file if it has one, or what is wrong with it.
pub(super) type Integrity = Result<Option<[u8; 32]>, IntegrityError>;

/// The result of `walk` on a file, and that of [`check_integrity`], which runs concurrently and reads the file in
/// order, ahead of the walk. If the digest is no longer of use, `walk` sets the flag that it is given.
pub(super) fn walk_and_check_integrity<T>(
    file: &SnapshotFile,
    walk: impl FnOnce(&AtomicBool) -> Result<T, Error>,
) -> (Result<T, Error>, Result<Integrity, Error>) {
    let give_up = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let beside =
            *file.trailer() == Trailer::Digest && file.reader().size() > MIN_SIZE_FOR_TWO_THREADS;
        let digest = beside.then(|| scope.spawn(|| check_integrity(file, &give_up)));
        let walked = walk(&give_up);
        let integrity = match digest.map(|thread| thread.join()) {
            Some(Ok(integrity)) => integrity,
            // The file is small, or the thread panicked (which it never does).
            Some(Err(_)) | None => check_integrity(file, &give_up),
        };
        (walked, integrity)
    })
}

/// Size in bytes above which a second thread is worthwhile.
const MIN_SIZE_FOR_TWO_THREADS: u64 = 1 << 20;
