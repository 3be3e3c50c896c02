//! A file that appears under its name when it is complete, and never replaces another file. The caller writes the
//! content.

use std::path::{Path, PathBuf};

use super::disk::{Disk, parent};
use super::error::{Error, Result};
use super::open::temp_name;

/// The temporary name of a file that is being written. Dropping this removes the file.
pub struct NewFile {
    disk: Disk,
    temp: PathBuf,
    name: PathBuf,
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
        let temp = temp_name(name, &format!("new-{}", std::process::id()));
        Ok(NewFile {
            disk: Disk::default(),
            temp,
            name: name.to_path_buf(),
            placed: false,
        })
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
        if !self.disk.rename_new(&self.temp, &self.name)? {
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
