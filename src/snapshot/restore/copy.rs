//! Copies a snapshot without its digest and verifies the digest, computed over the same bytes that are written. Source:
//! etcd v3.7.1, etcdutl/snapshot/v3_snapshot.go (copyAndVerifyDB).

use std::{
    collections::VecDeque,
    fs::{File, Metadata, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, SeekFrom},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    panic::resume_unwind,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
};

use sha2::{Digest as _, Sha256};

use super::Error;
use crate::{
    bolt::{self, DIGEST_SIZE, FileReader, has_trailing_digest},
    files::direct::DirectFile,
};

/// Bytes read at a time.
const CHUNK: usize = 512 << 10;
/// Number of chunks that may wait to be hashed.
const AHEAD: usize = 4;

/// An opened snapshot. It is read twice at the same time: sequentially for its digest and its copy, and page by page for the
/// checks. [`Source::check_unchanged`] tells whether both have read the same content.
pub(super) struct Source {
    path: PathBuf,
    file: File,
    /// The state of the file when it was opened.
    opened: Stamp,
    /// Size without the digest, in bytes.
    size: u64,
    /// Whether there is a digest.
    has_digest: bool,
    /// The last 32 bytes.
    stored: [u8; DIGEST_SIZE as usize],
}

/// What changes when somebody writes to a file: its length, and the times of its last changes in nanoseconds.
#[derive(PartialEq)]
struct Stamp(u64, [i64; 4]);

impl Stamp {
    fn of(info: &Metadata) -> Stamp {
        let times = [
            info.mtime(),
            info.mtime_nsec(),
            info.ctime(),
            info.ctime_nsec(),
        ];
        Stamp(info.len(), times)
    }
}

impl Source {
    /// Opens the file `path`, decompressing it if necessary.
    ///
    /// # Errors
    /// Reading fails, the file is too short for a digest, or a server has it open.
    pub fn open(path: &Path) -> Result<Source, Error> {
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
            path: path.to_owned(),
            file,
            opened: Stamp::of(&info),
            size: if has_digest { len - DIGEST_SIZE } else { len },
            has_digest,
            stored,
        })
    }

    /// A reader of the pages of this open file.
    ///
    /// # Errors
    /// The file is not a bolt database, or its meta pages are damaged.
    pub fn reader(&self) -> Result<FileReader, Error> {
        let file = self
            .file
            .try_clone()
            .map_err(|e| Error::io("open", &self.path, e))?;
        Ok(FileReader::of_file(file, &self.path)?)
    }

    /// Reads the file once in order and verifies its digest. Copies it to `to`, which must not exist, if that is given,
    /// and syncs the copy. The page cache keeps nothing of the copy if the file system permits that.
    ///
    /// # Errors
    /// Reading or writing fails, or the digest is missing or wrong (unless `skip_hash_check`).
    pub fn read_through(&self, to: Option<&Path>, skip_hash_check: bool) -> Result<(), Error> {
        let hash = self.has_digest && !skip_hash_check;
        let digest = match to {
            Some(to) => {
                let file = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(to)
                    .map_err(|e| Error::io("open", to, e))?;
                let mut copy = DirectFile::new(file, false);
                let digest = self.transfer(Some((&mut copy, to)), hash)?;
                copy.flush().map_err(|e| Error::io("write", to, e))?;
                copy.sync().map_err(|e| Error::io("sync", to, e))?;
                digest
            }
            None if hash => self.transfer(None, hash)?,
            None => None,
        };
        self.judge(digest, skip_hash_check)
    }

    /// Fails if somebody has written to the file since it was opened.
    ///
    /// # Errors
    /// The file has changed, or its state cannot be read.
    pub fn check_unchanged(&self) -> Result<(), Error> {
        let info = self.file.metadata();
        let info = info.map_err(|e| Error::io("stat", &self.path, e))?;
        if Stamp::of(&info) == self.opened {
            return Ok(());
        }
        Err(Error::Refused(format!(
            "{}: the file was changed while it was read; restore it when nothing writes to it any more",
            self.path.display()
        )))
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

    /// Reads everything but the digest and writes it to a file, if one is given, while a second thread hashes it.
    fn transfer(
        &self,
        mut out: Option<(&mut DirectFile, &Path)>,
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
            let mut reader = (&self.file).take(self.size);
            let mut left = self.size;
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
                    .map_err(|e| Error::io("read", &self.path, e))?;
                if hash {
                    // The thread receives chunks until the channel is closed.
                    let _ = chunks.send((Arc::clone(&chunk), n));
                }
                if let Some((copy, to)) = &mut out {
                    copy.write(&chunk[..n])
                        .map_err(|e| Error::io("write", to, e))?;
                }
                buffers.push_back(chunk);
                left -= n as u64;
            }
            drop(chunks);
            Ok(hashing.map(|thread| thread.join().unwrap_or_else(|e| resume_unwind(e))))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_file_that_is_written_to_while_it_is_read_is_noticed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [7; 1024]).unwrap();
        let source = Source::open(file.path()).unwrap();
        source.check_unchanged().unwrap();
        // The length does not change.
        let later = SystemTime::now() + Duration::from_secs(1);
        file.as_file().set_modified(later).unwrap();
        let error = source.check_unchanged().unwrap_err().to_string();
        assert!(error.contains("was changed"), "{error}");
    }
}
