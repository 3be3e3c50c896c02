//! Defragments a database that no server has open: writes everything reachable from its trees to a new file, which then
//! replaces the old one. Reads by pread, so memory use does not grow with the file. The old file is untouched until the
//! rename.

use std::fs::TryLockError;
use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::bulk::BulkWriter;
use super::disk::{Disk, DiskFile, parent};
use super::error::{Error, Result};
use super::file::FileReader;
use super::open::temp_name;
use super::sizes::Sizes;
use crate::files::unfinished::{Unfinished, finish};

/// Interval between attempts to take a lock that is held by another process.
const RETRY: Duration = Duration::from_millis(50);
/// Number of attempts to open a file that is replaced in the meantime.
const TRIES: usize = 100;

/// A database file that is locked for writing, but not open as a database. Hold it until the process is done with the
/// database; otherwise a process waiting for the lock would get the replaced file.
pub struct LockedFile {
    file: DiskFile,
    path: PathBuf,
    disk: Disk,
}

impl LockedFile {
    /// Takes an exclusive lock on the file, waiting for up to `timeout`; `None` waits forever.
    ///
    /// # Errors
    /// The file does not exist, or another process still holds the lock.
    pub fn lock(path: &Path, timeout: Option<Duration>) -> Result<LockedFile> {
        let until = timeout.map(|t| Instant::now() + t);
        let disk = Disk::default();
        let real = path
            .canonicalize()
            .map_err(|e| Error::io(path, "open", e))?;
        for _ in 0..TRIES {
            let file = disk.open(&real).map_err(|e| Error::io(path, "open", e))?;
            wait_for_lock(&file, path, until)?;
            // The file may have been replaced while waiting for the lock.
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

    /// Writes everything in use to a new file, which replaces this one. Returns the sizes before and after.
    ///
    /// # Errors
    /// The file is damaged, or the disk fails. Nothing changes before the rename.
    pub fn defragment(&self) -> Result<(Sizes, Sizes)> {
        let reader = FileReader::open(&self.path)?;
        let temp = temp_name(&self.path, "defrag");
        match self.disk.remove(&temp) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            done => done?,
        }
        let _unfinished = Unfinished::file(&temp);
        let done = self.check_and_rewrite(&reader, &temp);
        if done.is_err() {
            // Report only the first failure.
            let _ = self.disk.remove(&temp);
        }
        let sizes = done?;
        self.disk.sync_dir(parent(&self.path))?;
        Ok(sizes)
    }

    /// Checks every page on a second thread while the new file is written. Rewriting must not hide damage, and the size
    /// in use is needed in any case.
    fn check_and_rewrite(&self, reader: &FileReader, temp: &Path) -> Result<(Sizes, Sizes)> {
        // The check has its own reader, because the two threads read different parts of the file.
        let checker = reader.fork();
        let give_up = AtomicBool::new(false);
        let (checked, written) = thread::scope(|scope| {
            let checking = scope.spawn(|| {
                let checked = checker.check_with_pages(&mut |_| {});
                if !checked.as_ref().is_ok_and(|(c, _)| c.findings.is_empty()) {
                    // A damaged tree can lead to the same pages again and again, so stop writing.
                    give_up.store(true, Ordering::Relaxed);
                }
                checked
            });
            let written = self.write_copy(reader, temp, &give_up);
            (
                checking.join().unwrap_or_else(|e| resume_unwind(e)),
                written,
            )
        });
        let (checked, used) = checked?;
        if let Some(finding) = checked.findings.first() {
            return Err(finding.in_file(&self.path));
        }
        let (file, total) = written?;
        // Lock the new file before the rename, so that a process waiting for the old file's lock cannot get it first.
        file.lock()?;
        finish(|| self.disk.rename(temp, &self.path))?;
        let before = Sizes {
            total: reader.size(),
            in_use: used.len() * u64::from(reader.page_size()),
        };
        let after = Sizes {
            total,
            in_use: total,
        };
        Ok((before, after))
    }

    /// Writes all buckets to `temp` and syncs it. Returns the file and its size in bytes. Fails early once `give_up` is
    /// set.
    fn write_copy(
        &self,
        reader: &FileReader,
        temp: &Path,
        give_up: &AtomicBool,
    ) -> Result<(DiskFile, u64)> {
        // The greatest transaction id is followed by 0.
        let txid = reader.meta().txid.wrapping_add(1);
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
                if give_up.load(Ordering::Relaxed) {
                    return Err(Error::Invalid("a damaged database cannot be defragmented"));
                }
                bulk.put(&entry.key, &entry.value)?;
            }
        }
        let (file, meta, _) = bulk.finish_file()?;
        Ok((file, meta.size()))
    }

    /// Path of the file, with symbolic links resolved.
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
            Err(e) => return Err(Error::lock(path, e)),
        }
    }
}
