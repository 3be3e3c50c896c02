//! Finds the database of a data directory. Opens nothing.

use std::path::{Path, PathBuf};

use crate::snapshot::Error;

/// The database in a data directory of an etcd member or of our own server.
///
/// # Errors
/// There is none. The text names the file that etcd looks for.
pub fn database(dir: &Path) -> Result<PathBuf, Error> {
    let member = dir.join("member/snap/db");
    match std::fs::metadata(&member) {
        Ok(_) => Ok(member),
        Err(source) => {
            let served = dir.join("db");
            if served.is_file() {
                return Ok(served);
            }
            Err(Error::stat(&member, source))
        }
    }
}

/// The given file, or the database in the given data directory.
///
/// # Errors
/// There is no such file.
pub fn file_or_database(path: &Path) -> Result<PathBuf, Error> {
    match std::fs::metadata(path) {
        Ok(info) if info.is_dir() => database(path),
        Ok(_) => Ok(path.to_owned()),
        Err(source) => Err(Error::stat(path, source)),
    }
}
