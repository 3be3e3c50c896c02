//! Defragmentation of a database that no server has open: everything that its trees reach is written into a
//! new file, which takes the old one's name. The old file is read by pread, so that memory does not grow
//! with it, and it is not touched before the rename.

use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::bulk::BulkWriter;
use super::db::Sizes;
use super::disk::{Disk, DiskFile, parent};
use super::error::{Error, Result};
use super::file::FileReader;
use super::open::temp_name;

/// How often a lock that somebody else holds is tried again.
const RETRY: Duration = Duration::from_millis(50);
/// How often opening begins anew because the file was replaced meanwhile.
const TRIES: usize = 100;

/// A database file that is locked for writing, and not open otherwise. It must be held until the process is
/// done with the database: whoever waits for the lock would else get the file that was replaced.
pub struct LockedFile {
    file: DiskFile,
    path: PathBuf,
    disk: Disk,
}

impl LockedFile {
    /// Takes the exclusive lock of the file, and waits up to `timeout` for it; `None` waits for ever.
    ///
    /// # Errors
    /// There is no such file, or somebody else still holds the lock.
    pub fn lock(path: &Path, timeout: Option<Duration>) -> Result<LockedFile> {
        let until = timeout.map(|t| Instant::now() + t);
        let disk = Disk::default();
        let real = path
            .canonicalize()
            .map_err(|e| Error::io(path, "open", e))?;
        for _ in 0..TRIES {
            let file = disk.open(&real).map_err(|e| Error::io(path, "open", e))?;
            wait_for_lock(&file, path, until)?;
            // While it was waited for, the file may have been replaced by another one.
            if file.is_at(&real)? {
                return Ok(LockedFile {
                    file,
                    path: real,
                    disk,
                });
            }
        }
        let source = io::Error::other("the file is being replaced again and again");
        Err(Error::io(path, "open", source))
    }

    /// Writes everything that is in use into a new file, which replaces this one. The sizes before and after.
    ///
    /// # Errors
    /// The file is damaged, or the disk refuses. Up to the rename everything stays as it was.
    pub fn defragment(&self) -> Result<(Sizes, Sizes)> {
        let reader = FileReader::open(&self.path)?;
        // What is damaged must not be made to look sound, and its size in use has to be known anyway.
        let (checked, used) = reader.check_with_pages(&mut |_| {})?;
        if let Some(finding) = checked.findings.first() {
            return Err(finding.in_file(&self.path));
        }
        let before = Sizes {
            total: reader.size(),
            in_use: used.len() * u64::from(reader.page_size()),
        };
        let temp = temp_name(&self.path, "defrag");
        match self.disk.remove(&temp) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            done => done?,
        }
        let after = match self.rewrite(&reader, &temp) {
            Ok(after) => after,
            Err(e) => {
                // The first failure is the one to tell.
                let _ = self.disk.remove(&temp);
                return Err(e);
            }
        };
        self.disk.sync_dir(parent(&self.path))?;
        Ok((before, after))
    }

    fn rewrite(&self, reader: &FileReader, temp: &Path) -> Result<Sizes> {
        let txid = reader.meta().txid + 1;
        let mut bulk = BulkWriter::create_on(&self.disk, temp, reader.page_size(), txid)?;
        for bucket in reader.buckets()? {
            let (name, bucket) = bucket?;
            bulk.bucket(&name, bucket.sequence())?;
            for entry in bucket.iter()? {
                let entry = entry?;
                if entry.is_bucket() {
                    return Err(Error::Invalid(
                        "a database with nested buckets cannot be defragmented",
                    ));
                }
                bulk.put(&entry.key, &entry.value)?;
            }
        }
        let (file, meta, _) = bulk.finish_file()?;
        // Whoever waits for the lock of the old file must not get hold of the new one first.
        file.lock()?;
        self.disk.rename(temp, &self.path)?;
        let total = meta.size();
        Ok(Sizes {
            total,
            in_use: total,
        })
    }

    /// The file's name, with links resolved.
    pub fn path(&self) -> &Path {
        self.file.path()
    }
}

fn wait_for_lock(file: &DiskFile, path: &Path, until: Option<Instant>) -> Result<()> {
    loop {
        match file.file().try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if until.is_none_or(|t| Instant::now() < t) => {
                thread::sleep(RETRY);
            }
            Err(TryLockError::WouldBlock) => {
                let file = path.to_path_buf();
                return Err(Error::Locked { file });
            }
            Err(TryLockError::Error(e)) => return Err(Error::io(path, "lock", e)),
        }
    }
}
