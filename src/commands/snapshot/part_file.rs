//! A file that appears under its name only when it is whole: written as `NAME.part`, checked against the
//! SHA-256 that ends the stream, synced, renamed, and its directory synced. Anything less leaves nothing.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{bolt::Flusher, client::cause::io_text, output::go_string};

/// Bytes of the digest at the end of the stream.
const DIGEST: usize = 32;
/// The database is whole pages; the digest makes it this many bytes more (etcd v3.7.1, client/v3/snapshot).
const SECTOR: u64 = 512;

/// Why the file was not written, in etcdctl's words where it has some.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// The file could not be made.
    #[error("could not open {part} ({error})", error = path_text("open", part, error))]
    Open {
        /// Of the `.part` file.
        part: String,
        /// The system's.
        error: io::Error,
    },
    /// A device, pipe or socket has that name: the file would take its place for everybody.
    #[error("could not open {0} (neither a file nor free to become one)")]
    Special(String),
    /// The file could not be written.
    #[error("could not write snapshot: {}", path_text("write", .part, .error))]
    Write {
        /// Of the `.part` file.
        part: String,
        /// The system's.
        error: io::Error,
    },
    /// The stream ended where no database ends.
    #[error("sha256 checksum not found [bytes: {0}]")]
    NoDigest(u64),
    /// The digest at the end is not that of what came before it.
    #[error("sha256 checksum does not match: expected {expected}, got {actual} [bytes: {size}]")]
    WrongDigest {
        /// At the end of the stream.
        expected: String,
        /// Computed.
        actual: String,
        /// Of the whole stream.
        size: u64,
    },
    /// The disk did not take it.
    #[error("could not fsync snapshot: {}", path_text("sync", .part, .error))]
    Sync {
        /// Of the file or its directory.
        part: String,
        /// The system's.
        error: io::Error,
    },
    /// The file could not be given its name.
    #[error("could not rename {part} to {path} ({error})", error = rename_text(part, path, error))]
    Rename {
        /// Of the `.part` file.
        part: String,
        /// Wanted.
        path: String,
        /// The system's.
        error: io::Error,
    },
}

fn path_text(what: &str, path: &str, error: &io::Error) -> String {
    format!("{what} {path}: {}", io_text(error))
}

fn rename_text(part: &str, path: &str, error: &io::Error) -> String {
    // A directory in the way is looked for beforehand; Go calls that "file exists".
    format!("rename {part} {path}: {}", io_text(error))
}

/// The file being written. Dropped before [`PartFile::finish`], it is removed.
pub struct PartFile {
    file: File,
    path: PathBuf,
    part: PathBuf,
    digest: Sha256,
    /// The last bytes seen: what may turn out to be the digest.
    tail: Vec<u8>,
    size: u64,
    flusher: Flusher,
    finished: bool,
}

impl PartFile {
    /// Makes `PATH.part`, for its owner only; what stands there is overwritten.
    ///
    /// # Errors
    /// The system says why, or PATH is no place for a file (`/dev/null`).
    pub fn create(path: &Path) -> Result<PartFile, PartError> {
        if fs::metadata(path).is_ok_and(|at| !at.is_file() && !at.is_dir()) {
            return Err(PartError::Special(go_string::of_path(path)));
        }
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let open = || {
            // One that was left behind may have another mode or be a link: a new file has neither.
            match fs::remove_file(&part) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&part)
        };
        let file = open().map_err(|error| PartError::Open {
            part: go_string::of_path(&part),
            error,
        })?;
        Ok(PartFile {
            file,
            path: path.to_owned(),
            part,
            digest: Sha256::new(),
            tail: vec![],
            size: 0,
            flusher: Flusher::default(),
            finished: false,
        })
    }

    /// Appends.
    ///
    /// # Errors
    /// The disk is full or broken.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), PartError> {
        self.file
            .write_all(bytes)
            .map_err(|error| PartError::Write {
                part: go_string::of_path(&self.part),
                error,
            })?;
        self.size += bytes.len() as u64;
        self.flusher.wrote(&self.file, bytes.len() as u64);
        if bytes.len() >= DIGEST {
            let (body, tail) = bytes.split_at(bytes.len() - DIGEST);
            self.digest.update(&self.tail);
            self.digest.update(body);
            self.tail.clear();
            self.tail.extend_from_slice(tail);
        } else {
            self.tail.extend_from_slice(bytes);
            let over = self.tail.len().saturating_sub(DIGEST);
            self.digest.update(&self.tail[..over]);
            self.tail.drain(..over);
        }
        Ok(())
    }

    /// Checks the digest, and gives the file its name for good. The size in bytes.
    ///
    /// # Errors
    /// The stream was not whole, or the disk refuses.
    pub fn finish(mut self) -> Result<u64, PartError> {
        let digest = std::mem::take(&mut self.digest).finalize();
        if self.size % SECTOR != DIGEST as u64 {
            return Err(PartError::NoDigest(self.size));
        }
        if digest[..] != self.tail[..] {
            return Err(PartError::WrongDigest {
                expected: hex(&self.tail),
                actual: hex(&digest),
                size: self.size,
            });
        }
        let sync = |path: &Path, error| PartError::Sync {
            part: go_string::of_path(path),
            error,
        };
        self.flusher
            .end()
            .and_then(|()| self.file.sync_all())
            .map_err(|e| sync(&self.part, e))?;
        let rename = if self.path.is_dir() {
            // What Go's rename says of a directory in the way.
            Err(io::Error::from_raw_os_error(
                rustix::io::Errno::EXIST.raw_os_error(),
            ))
        } else {
            fs::rename(&self.part, &self.path)
        };
        rename.map_err(|error| PartError::Rename {
            part: go_string::of_path(&self.part),
            path: go_string::of_path(&self.path),
            error,
        })?;
        self.finished = true;
        let dir = match self.path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        };
        File::open(dir)
            .and_then(|d| d.sync_all())
            .map_err(|e| sync(dir, e))?;
        Ok(self.size)
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.finished {
            // Nothing more can be done about one that stays.
            let _ = fs::remove_file(&self.part);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut out, b| {
        // A String takes everything.
        let _ = write!(out, "{b:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Vec<u8> {
        let mut bytes = vec![7; 1024];
        let digest = Sha256::digest(&bytes);
        bytes.extend_from_slice(&digest);
        bytes
    }

    fn save(path: &Path, stream: &[u8], chunk: usize) -> Result<u64, PartError> {
        let mut file = PartFile::create(path)?;
        for part in stream.chunks(chunk) {
            file.write(part)?;
        }
        file.finish()
    }

    #[test]
    fn the_digest_is_found_however_the_stream_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        for chunk in [1, 5, 31, 32, 33, 512, 2000] {
            let path = dir.path().join(chunk.to_string());
            assert_eq!(save(&path, &stream(), chunk).unwrap(), 1056, "{chunk}");
            assert_eq!(fs::read(&path).unwrap(), stream());
        }
    }

    #[test]
    fn nothing_is_left_of_what_is_not_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let mut flipped = stream();
        flipped[100] ^= 1;
        assert!(matches!(
            save(&path, &flipped, 100),
            Err(PartError::WrongDigest { .. })
        ));
        assert!(matches!(
            save(&path, &stream()[..1000], 100),
            Err(PartError::NoDigest(1000))
        ));
        assert!(matches!(save(&path, &[], 100), Err(PartError::NoDigest(0))));
        drop(PartFile::create(&path).unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
