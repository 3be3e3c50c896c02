//! A file that appears under its name when it is complete, and never replaces another file. The caller writes the
//! content.

use std::fs;
use std::path::{Path, PathBuf};

use super::disk::{Disk, parent};
use super::error::{Error, Result};
use super::open::temp_name;
use crate::files::unfinished::{Unfinished, finish};

/// The suffix of a temporary name, which the id of the process follows.
const SUFFIX: &str = "new-";

/// The temporary name of a file that is being written. Dropping this removes the file.
pub struct NewFile {
    disk: Disk,
    temp: PathBuf,
    name: PathBuf,
    _unfinished: Unfinished,
    placed: bool,
}

impl NewFile {
    /// Prepares a file with the final name `name`. Creates nothing yet.
    ///
    /// # Errors
    /// [`Error::Io`] if a file with that name exists.
    pub fn new(name: &Path) -> Result<NewFile> {
        if name.symlink_metadata().is_ok() {
            return Err(exists(name));
        }
        let temp = temp_name(name, &format!("{SUFFIX}{}", std::process::id()));
        Ok(NewFile {
            disk: Disk::default(),
            _unfinished: Unfinished::file(&temp),
            temp,
            name: name.to_path_buf(),
            placed: false,
        })
    }

    /// Removes the temporary files of killed processes for the same name: a [`BulkWriter`](super::BulkWriter) holds a lock
    /// on the file that it writes. Files that cannot be removed are ignored.
    pub fn remove_leftovers(&self) {
        let prefix = temp_name(&self.name, SUFFIX);
        let prefix = prefix.file_name().unwrap_or_default().as_encoded_bytes();
        let entries = fs::read_dir(parent(&self.name));
        for entry in entries.into_iter().flatten().flatten() {
            let name = entry.file_name();
            let process = name.as_encoded_bytes().strip_prefix(prefix);
            if process.is_some_and(|id| !id.is_empty() && id.iter().all(u8::is_ascii_digit))
                && entry.file_type().is_ok_and(|kind| kind.is_file())
                && let Ok(file) = self.disk.open(&entry.path())
                && file.lock().is_ok()
            {
                let _ = self.disk.remove(&entry.path());
            }
        }
    }

    /// Where to write and sync the file before it is renamed.
    pub fn temp(&self) -> &Path {
        &self.temp
    }

    /// Renames the file to its final name and syncs the directory.
    ///
    /// # Errors
    /// [`Error::Io`], also if a file with that name exists by now.
    pub fn place(mut self) -> Result<()> {
        if !finish(|| self.disk.rename_new(&self.temp, &self.name))? {
            return Err(exists(&self.name));
        }
        self.placed = true;
        self.disk.sync_dir(parent(&self.name))
    }
}

fn exists(name: &Path) -> Error {
    Error::io(name, "create", rustix::io::Errno::EXIST.into())
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.placed {
            // It may not exist yet. A file that cannot be removed has a name that nobody mistakes for a database.
            let _ = self.disk.remove(&self.temp);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::BulkWriter;
    use super::*;

    #[test]
    fn files_of_killed_processes_are_removed_and_others_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in [
            "db.tmp-new-1",
            "db.tmp-new-1x",
            "db.tmp-new-",
            "db2.tmp-new-1",
        ] {
            fs::write(at(name), "left behind").unwrap();
        }
        let in_use = BulkWriter::create(&at("db.tmp-new-2"), 4096, 1).unwrap();
        let file = NewFile::new(&at("db")).unwrap();
        file.remove_leftovers();
        fs::write(file.temp(), "whole").unwrap();
        file.place().unwrap();
        assert_eq!(fs::read(at("db")).unwrap(), b"whole");
        assert!(!at("db.tmp-new-1").exists());
        for name in [
            "db.tmp-new-1x",
            "db.tmp-new-",
            "db2.tmp-new-1",
            "db.tmp-new-2",
        ] {
            assert!(at(name).exists(), "{name}");
        }
        drop(in_use);
    }
}
