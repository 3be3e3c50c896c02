//! Copies a snapshot without its digest and verifies the digest, computed over the same bytes that are written. Source:
//! etcd v3.7.1, etcdutl/snapshot/v3_snapshot.go (copyAndVerifyDB).

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    panic::resume_unwind,
    path::Path,
    sync::{Arc, mpsc},
    thread,
};

use sha2::{Digest as _, Sha256};

use super::Error;
use crate::{
    bolt::{self, DIGEST_SIZE, has_trailing_digest},
    files::flusher::Flusher,
};

/// Bytes read at a time.
const CHUNK: usize = 512 << 10;
/// Number of chunks that may wait to be hashed.
const AHEAD: usize = 4;

/// Copies the file `from` to `to`, which must not exist.
///
/// # Errors
/// Reading or writing fails, a server has `from` open, or the digest is missing or wrong (unless `skip_hash_check`).
pub(super) fn copy_and_verify(from: &Path, to: &Path, skip_hash_check: bool) -> Result<(), Error> {
    let source = Source::open(from)?;
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(|e| Error::io("open", to, e))?;
    let checks = source.has_digest && !skip_hash_check;
    let digest = transfer(&source, from, Some((&mut out, to)), checks)?;
    out.sync_data().map_err(|e| Error::io("sync", to, e))?;
    source.judge(digest, skip_hash_check)
}

/// Reads the file `from` and verifies its digest like [`copy_and_verify`], without copying it.
///
/// # Errors
/// Like [`copy_and_verify`].
pub(super) fn verify(from: &Path, skip_hash_check: bool) -> Result<(), Error> {
    let source = Source::open(from)?;
    let checks = source.has_digest && !skip_hash_check;
    let digest = if checks {
        transfer(&source, from, None, true)?
    } else {
        None
    };
    source.judge(digest, skip_hash_check)
}

/// An opened snapshot.
struct Source {
    file: File,
    /// Size without the digest, in bytes.
    size: u64,
    /// Whether there is a digest.
    has_digest: bool,
    /// The last 32 bytes.
    stored: [u8; DIGEST_SIZE as usize],
}

impl Source {
    fn open(path: &Path) -> Result<Source, Error> {
        let mut file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        let info = file.metadata().map_err(|e| Error::io("stat", path, e))?;
        if info.is_dir() {
            return Err(Error::Refused(format!(
                "read {}: is a directory",
                path.display()
            )));
        }
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {
                let file = path.to_owned();
                return Err(Error::File(bolt::Error::Locked { file }.into()));
            }
            // File systems for backups do not always support locks.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let len = info.len();
        if len < DIGEST_SIZE {
            // etcdutl seeks to 32 bytes before the end and prints the resulting system error.
            return Err(Error::Refused(format!(
                "seek {}: invalid argument",
                path.display()
            )));
        }
        let mut stored = [0; DIGEST_SIZE as usize];
        file.seek(SeekFrom::End(-(DIGEST_SIZE as i64)))
            .and_then(|_| file.read_exact(&mut stored))
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .map_err(|e| Error::io("read", path, e))?;
        let has_digest = has_trailing_digest(len);
        Ok(Source {
            file,
            size: if has_digest { len - DIGEST_SIZE } else { len },
            has_digest,
            stored,
        })
    }

    fn judge(&self, digest: Option<[u8; 32]>, skip_hash_check: bool) -> Result<(), Error> {
        if skip_hash_check {
            return Ok(());
        }
        if !self.has_digest {
            return Err(Error::NoDigest);
        }
        match digest {
            Some(actual) if actual == self.stored => Ok(()),
            actual => Err(Error::Digest {
                stored: self.stored,
                actual: actual.unwrap_or_default(),
            }),
        }
    }
}

/// Reads everything but the digest and writes it, while a second thread hashes it.
fn transfer(
    source: &Source,
    from: &Path,
    mut out: Option<(&mut File, &Path)>,
    hash: bool,
) -> Result<Option<[u8; 32]>, Error> {
    thread::scope(|scope| {
        let (chunks, received) = mpsc::sync_channel::<Arc<Vec<u8>>>(AHEAD);
        let hashing = hash.then(|| {
            scope.spawn(move || {
                let mut sha = Sha256::new();
                for chunk in received {
                    sha.update(&*chunk);
                }
                <[u8; 32]>::from(sha.finalize())
            })
        });
        let mut reader = (&source.file).take(source.size);
        let mut left = source.size;
        let mut flusher = Flusher::default();
        while left > 0 {
            let n = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            let mut chunk = vec![0; n];
            reader
                .read_exact(&mut chunk)
                .map_err(|e| Error::io("read", from, e))?;
            let chunk = Arc::new(chunk);
            if hash {
                // The thread receives chunks until the channel is closed.
                let _ = chunks.send(chunk.clone());
            }
            if let Some((file, to)) = &mut out {
                file.write_all(&chunk)
                    .map_err(|e| Error::io("write", to, e))?;
                flusher.wrote(file, n as u64);
            }
            left -= n as u64;
        }
        drop(chunks);
        if let Some((_, to)) = out {
            flusher.end().map_err(|e| Error::io("sync", to, e))?;
        }
        Ok(hashing.map(|thread| thread.join().unwrap_or_else(|e| resume_unwind(e))))
    })
}
