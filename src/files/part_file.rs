//! A file that appears under its name only when it is whole: written as `NAME.part`, synced, renamed, and its
//! directory synced. Anything less leaves nothing. Whether it is whole is not known here.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::direct::DirectFile;
use crate::{client::cause::io_text, golang::string};

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
    file: DirectFile,
    path: PathBuf,
    part: PathBuf,
    finished: bool,
}

impl PartFile {
    /// Makes `PATH.part`, for its owner only; what stands there is overwritten. One that is `read_soon` stays in memory.
    ///
    /// # Errors
    /// The system says why, or PATH is no place for a file (`/dev/null`).
    pub fn create(path: &Path, read_soon: bool) -> Result<PartFile, PartError> {
        if fs::metadata(path).is_ok_and(|at| !at.is_file() && !at.is_dir()) {
            return Err(PartError::Special(string::of_path(path)));
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
            part: string::of_path(&part),
            error,
        })?;
        Ok(PartFile {
            file: DirectFile::new(file, read_soon),
            path: path.to_owned(),
            part,
            finished: false,
        })
    }

    /// Appends.
    ///
    /// # Errors
    /// The disk is full or broken.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), PartError> {
        let done = self.file.write(bytes);
        self.written(done)
    }

    fn written(&self, done: io::Result<()>) -> Result<(), PartError> {
        done.map_err(|error| PartError::Write {
            part: string::of_path(&self.part),
            error,
        })
    }

    /// Gives the file, which is whole, its name for good.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn finish(mut self) -> Result<(), PartError> {
        let flushed = self.file.flush();
        self.written(flushed)?;
        let sync = |path: &Path, error| PartError::Sync {
            part: string::of_path(path),
            error,
        };
        self.file.sync().map_err(|e| sync(&self.part, e))?;
        let rename = if self.path.is_dir() {
            // What Go's rename says of a directory in the way.
            Err(io::Error::from_raw_os_error(
                rustix::io::Errno::EXIST.raw_os_error(),
            ))
        } else {
            fs::rename(&self.part, &self.path)
        };
        rename.map_err(|error| PartError::Rename {
            part: string::of_path(&self.part),
            path: string::of_path(&self.path),
            error,
        })?;
        self.finished = true;
        let dir = match self.path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        };
        File::open(dir)
            .and_then(|d| d.sync_all())
            .map_err(|e| sync(dir, e))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_when_it_is_finished_and_not_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let mut file = PartFile::create(&path, false).unwrap();
        file.write(b"all").unwrap();
        file.write(b" of it").unwrap();
        assert!(!path.exists());
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"all of it");
        let mut other = PartFile::create(&path, false).unwrap();
        other.write(b"half").unwrap();
        drop(other);
        assert_eq!(fs::read(&path).unwrap(), b"all of it");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
