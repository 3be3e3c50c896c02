//! Opens a database for writing, and creates it where there is none.
//! Afterwards the file is locked, its name leads to it, and the state that counts is on the disk.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::bulk::BulkWriter;
use super::digest::{DIGEST_SIZE, check_trailing_digest, has_trailing_digest};
use super::disk::{Disk, DiskFile, parent};
use super::error::{Error, Result};
use super::map::Map;
use super::meta::{Meta, Metas};
use super::options::Options;
use super::page::META;
use super::page_counts::{Scan, scan};
use super::view::{Store, View};

/// How often opening starts again because the file was replaced meanwhile.
pub(crate) const OPEN_ATTEMPTS: usize = 100;

/// An opened database, as the writer needs it.
pub(crate) struct Opened {
    /// The name with all links resolved: what a defragmentation renames over.
    pub path: PathBuf,
    pub view: Arc<View>,
    /// The meta page that holds the winner.
    pub slot: u64,
    pub scan: Scan,
    /// Where the digest of a snapshot begins that still stands at the end of the file, in bytes.
    pub digest_at: Option<u64>,
    /// Whether the meta has a record of the pages that its commit wrote.
    pub has_record: bool,
    /// The transaction that a crash interrupted, if one did.
    pub interrupted: Option<u64>,
}

pub(crate) fn open(disk: &Disk, path: &Path, options: &Options) -> Result<Opened> {
    let (path, file) = lock(disk, path, options)?;
    // The process that renamed the file may have been killed before it could sync the directory.
    disk.sync_dir(parent(&path))?;
    remove_leftovers(disk, &path)?;
    let len = file.metadata()?.len();
    refuse_empty(&path, len)?;
    let metas = read_metas(&file, len)?;
    metas
        .meta
        .check(metas.winner, len)
        .map_err(|d| d.in_file(&path))?;
    check_writable(&path, &metas)?;
    // A snapshot that was copied into place is checked while its digest is still true of it.
    check_trailing_digest(&file, len)?;
    let map =
        Map::new(file.file(), len, options.reserve).map_err(|e| Error::io(&path, "map", e))?;
    let page_size = metas.meta.page_size;
    let view = Arc::new(View {
        store: Arc::new(Store::new(file, page_size)),
        map: Arc::new(map),
        meta: metas.meta,
    });
    let scan = scan(&*view)?;
    make_durable(&view.store.file, &metas)?;
    Ok(Opened {
        path,
        view,
        slot: metas.winner,
        scan,
        digest_at: has_trailing_digest(len).then(|| len - DIGEST_SIZE),
        has_record: metas.record.is_some(),
        interrupted: metas.interrupted(),
    })
}

/// Brings the newest complete commit to the disk for certain, before any page that it has freed is reused.
///
/// The process that wrote it may have been killed before its sync returned, so that it is in memory only. A sync
/// alone proves nothing: after one that failed, the system takes the pages for clean. So everything that the
/// last sync was to bring to the disk is written again: the meta, and the pages that its record names. All are
/// written as they stand in the file; a snapshot's digest stays true of it.
fn make_durable(file: &DiskFile, metas: &Metas) -> Result<()> {
    let page_size = u64::from(metas.meta.page_size);
    let rewrite = |first: u64, pages: u64| {
        let mut page = vec![0; page_size as usize];
        (first..first + pages).try_for_each(|pgid| {
            file.read_at(pgid * page_size, &mut page)?;
            file.write_at(pgid * page_size, &page)
        })
    };
    if let Some(record) = &metas.record {
        record.runs().try_for_each(|(first, n)| rewrite(first, n))?;
    }
    rewrite(metas.winner, 1)?;
    file.sync()?;
    // bbolt takes the meta of an interrupted commit for good, since it knows nothing of records. It gets the
    // contents of the meta that counts, as in a snapshot.
    if metas.interrupted().is_some() {
        let slot = 1 - metas.winner;
        let older = Meta {
            txid: metas.meta.txid.saturating_sub(1),
            ..metas.meta
        };
        file.write_at(slot * page_size, &older.encode(slot))?;
        file.sync()?;
    }
    Ok(())
}

/// Opens and locks the file, and creates it if there is none.
fn lock(disk: &Disk, path: &Path, options: &Options) -> Result<(PathBuf, DiskFile)> {
    for _ in 0..OPEN_ATTEMPTS {
        let file = match disk.open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                create(disk, path, options)?;
                continue;
            }
            Err(e) => return Err(Error::io(path, "open", e)),
        };
        is_regular(&file)?;
        file.lock()?;
        // Between opening and locking, another process may have renamed a file over this one.
        if !file.is_at(path)? {
            continue;
        }
        let real = path
            .canonicalize()
            .map_err(|e| Error::io(path, "look up", e))?;
        return Ok((real.clone(), file.renamed(&real)));
    }
    Err(Error::io(
        path,
        "open",
        io::Error::other("the file is being replaced again and again"),
    ))
}

/// Fails unless the file is a regular one.
pub(crate) fn is_regular(file: &DiskFile) -> Result<()> {
    if file.metadata()?.is_file() {
        return Ok(());
    }
    Err(Error::NotBolt {
        file: file.path().to_path_buf(),
        what: "it is not a regular file".into(),
    })
}

/// Refuses a file without contents. bbolt makes a new database in it; but a database is created under another
/// name and renamed when it is complete, so that an empty file is what remains of a damaged one.
pub(crate) fn refuse_empty(path: &Path, len: u64) -> Result<()> {
    match len {
        0 => Err(Error::corrupt(
            path,
            None,
            "the file is empty; restore it from a backup, or remove it to start a new database",
        )),
        _ => Ok(()),
    }
}

/// Creates an empty database: written and synced under a temporary name, and renamed when it is complete.
fn create(disk: &Disk, path: &Path, options: &Options) -> Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let dir = parent(path);
    disk.create_dirs(dir)?;
    let system = u32::try_from(rustix::param::page_size()).unwrap_or(4096);
    let page_size = options.page_size.unwrap_or(system);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let temp = temp_name(path, &format!("new-{}-{count}", std::process::id()));
    let made = BulkWriter::create_on(disk, &temp, page_size, 1).and_then(|new| {
        new.finish()?;
        disk.rename_new(&temp, path)
    });
    match made {
        Ok(true) => disk.sync_dir(dir),
        Ok(false) => remove_if_there(disk, &temp),
        // Another process has created the database meanwhile and removed this file as a leftover.
        Err(Error::Io { source, .. })
            if source.kind() == io::ErrorKind::NotFound && path.exists() =>
        {
            Ok(())
        }
        Err(e) => {
            // Only the first failure is reported.
            let _ = disk.remove(&temp);
            Err(e)
        }
    }
}

/// A temporary name beside a database for a file that is to replace it.
pub(crate) fn temp_name(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".tmp-{suffix}"));
    path.with_file_name(name)
}

/// Removes the temporary files of killed processes. The lock must be held.
fn remove_leftovers(disk: &Disk, path: &Path) -> Result<()> {
    let dir = parent(path);
    let mut prefix = path.file_name().unwrap_or_default().to_os_string();
    prefix.push(".tmp");
    let fail = |e| Error::io(dir, "list the directory", e);
    for entry in std::fs::read_dir(dir).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let leftover = entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(prefix.as_encoded_bytes());
        if !leftover || !entry.file_type().is_ok_and(|t| t.is_file()) {
            continue;
        }
        remove_if_there(disk, &entry.path())?;
    }
    Ok(())
}

/// Removes a file that another process may remove at the same time.
fn remove_if_there(disk: &Disk, path: &Path) -> Result<()> {
    match disk.remove(path) {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Both meta pages of an open file.
pub(crate) fn read_metas(file: &DiskFile, len: u64) -> Result<Metas> {
    Metas::find(file.path(), &mut |at, into| {
        if at.saturating_add(into.len() as u64) > len {
            return Ok(false);
        }
        file.read_at(at, into).map(|()| true)
    })
}

/// Refuses what is harmless for a reader but not for a writer.
fn check_writable(path: &Path, metas: &Metas) -> Result<()> {
    let header = metas.headers[metas.winner as usize];
    if header.id != metas.winner || header.flags != META {
        let what = format!(
            "its header says page {} with flags {:#x}",
            header.id, header.flags
        );
        return Err(Error::corrupt(path, Some(metas.winner), what));
    }
    if metas.meta.txid >= u64::MAX - 2 {
        let what = format!(
            "the meta says transaction {}, after which there can be none",
            metas.meta.txid
        );
        return Err(Error::corrupt(path, Some(metas.winner), what));
    }
    Ok(())
}
