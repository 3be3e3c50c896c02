//! Copies a snapshot without its digest and verifies the digest, computed over the same bytes that are written. Source:
//! etcd v3.7.1, etcdutl/snapshot/v3_snapshot.go (copyAndVerifyDB).

use std::{
    collections::VecDeque,
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

/// Copies the file `from` to `to`, which must not exist. The returned flusher may still be syncing the copy: the caller
/// ends it, and syncs the file after its last change.
///
/// # Errors
/// Reading or writing fails, a server has `from` open, or the digest is missing or wrong (unless `skip_hash_check`).
pub(super) fn copy_and_verify(
    from: &Path,
    to: &Path,
    skip_hash_check: bool,
) -> Result<Flusher, Error> {
    let source = Source::open(from)?;
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(|e| Error::io("open", to, e))?;
    let checks = source.has_digest && !skip_hash_check;
    let mut flusher = Flusher::default();
    let digest = transfer(&source, from, Some((&mut out, to, &mut flusher)), checks)?;
    source.judge(digest, skip_hash_check)?;
    Ok(flusher)
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
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
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
        let mut file = bolt::unpacked(file, path)?;
        let info = file.metadata().map_err(|e| Error::io("stat", path, e))?;
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

/// The file being written, its path, and the flusher that syncs it meanwhile.
type Copy<'a> = (&'a mut File, &'a Path, &'a mut Flusher);

/// Reads everything but the digest and writes it, while a second thread hashes it.
fn transfer(
    source: &Source,
    from: &Path,
    mut out: Option<Copy<'_>>,
    hash: bool,
) -> Result<Option<[u8; 32]>, Error> {
    thread::scope(|scope| {
        let (chunks, received) = mpsc::sync_channel::<(Arc<Vec<u8>>, usize)>(AHEAD);
        let hashing = hash.then(|| {
            scope.spawn(move || {
                let mut sha = Sha256::new();
                for (chunk, n) in received {
                    sha.update(&chunk[..n]);
                }
                <[u8; 32]>::from(sha.finalize())
            })
        });
        let mut reader = (&source.file).take(source.size);
        let mut left = source.size;
        // The buffers in the order in which they were filled. A buffer is reused once it has been hashed.
        let mut buffers: VecDeque<Arc<Vec<u8>>> = VecDeque::new();
        while left > 0 {
            let n = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            let mut chunk = match buffers
                .front_mut()
                .map(|oldest| Arc::get_mut(oldest).is_some())
            {
                Some(true) => buffers.pop_front().unwrap_or_default(),
                _ => Arc::new(vec![0; CHUNK]),
            };
            // No other thread has this buffer, so it is not copied.
            let bytes = Arc::make_mut(&mut chunk);
            reader
                .read_exact(&mut bytes[..n])
                .map_err(|e| Error::io("read", from, e))?;
            if hash {
                // The thread receives chunks until the channel is closed.
                let _ = chunks.send((Arc::clone(&chunk), n));
            }
            if let Some((file, to, flusher)) = &mut out {
                file.write_all(&chunk[..n])
                    .map_err(|e| Error::io("write", to, e))?;
                flusher.wrote(file, n as u64);
            }
            buffers.push_back(chunk);
            left -= n as u64;
        }
        drop(chunks);
        Ok(hashing.map(|thread| thread.join().unwrap_or_else(|e| resume_unwind(e))))
    })
}
