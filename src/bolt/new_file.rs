//! A file that gets its name when it is complete, and never takes that of another one.
//! What it holds is written by others.

use std::path::{Path, PathBuf};

use super::disk::{Disk, parent};
use super::error::{Error, Result};
use super::open::temp_name;

/// The temporary name of a file that is being written. It is removed when this is dropped.
pub struct NewFile {
    disk: Disk,
    temp: PathBuf,
    name: PathBuf,
    placed: bool,
}

impl NewFile {
    /// For a file that will be called `name`. Nothing is created yet.
    ///
    /// # Errors
    /// [`Error::Io`] if there is a file of that name.
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

    /// Where the file is written, and synced, before it gets its name.
    pub fn temp(&self) -> &Path {
        &self.temp
    }

    /// Gives the file its name and syncs that.
    ///
    /// # Errors
    /// [`Error::Io`], also if there is a file of that name by now.
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
            // There may be none yet; a file that cannot be removed is under a name that nobody takes for a database.
            let _ = self.disk.remove(&self.temp);
        }
    }
}
