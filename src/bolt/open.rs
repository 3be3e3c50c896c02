//! Opens a database for writing, and creates it if necessary. Afterwards the file is locked, its path leads to it, and
//! its current state is durable.

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

/// Number of attempts to open a file that is replaced in the meantime.
pub(crate) const OPEN_ATTEMPTS: usize = 100;

/// An opened database, with what the writer needs.
pub(crate) struct Opened {
    /// The path with all symbolic links resolved. A defragmentation renames over it.
    pub path: PathBuf,
    pub view: Arc<View>,
    /// The meta page that holds the current meta.
    pub slot: u64,
    pub scan: Scan,
    /// Offset in bytes of a snapshot's digest at the end of the file, if there is one.
    pub digest_at: Option<u64>,
    /// Whether the current meta has a commit record.
    pub has_record: bool,
    /// The transaction that a crash interrupted, if there is one.
    pub interrupted: Option<u64>,
}

pub(crate) fn open(disk: &Disk, path: &Path, options: &Options) -> Result<Opened> {
    let (path, file) = lock(disk, path, options)?;
    // The process that renamed the file may have been killed before it synced the directory.
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
    // Verify the digest of a copied snapshot now; the first write invalidates it.
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

/// Makes sure that the newest complete commit is durable before any page freed by it is reused.
///
/// The process that wrote it may have been killed before its sync returned, so that the commit may be in memory only.
/// Syncing is not enough: after a failed sync, the system considers the pages clean. So everything that the last sync
/// covered is written again: the meta, and the pages in its record. The bytes do not change, so a snapshot's digest
/// remains valid.
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
    // bbolt knows nothing of records and would accept the meta of an interrupted commit. Overwrite it with the content
    // of the current meta, as in a snapshot.
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

/// Opens and locks the file. Creates it if it does not exist.
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
        // Another process may have renamed a file over this one between opening and locking.
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

/// Fails unless this is a regular file.
pub(crate) fn is_regular(file: &DiskFile) -> Result<()> {
    if file.metadata()?.is_file() {
        return Ok(());
    }
    Err(Error::NotBolt {
        file: file.path().to_path_buf(),
        what: "it is not a regular file".into(),
    })
}

/// Rejects an empty file. bbolt would create a database in it. But databases are created under another name and renamed
/// when complete, so an empty file is a sign of damage.
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

/// Creates an empty database: writes and syncs it under a temporary name, then renames it.
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
        // Another process has created the database in the meantime and removed this file as a leftover.
        Err(Error::Io { source, .. })
            if source.kind() == io::ErrorKind::NotFound && path.exists() =>
        {
            Ok(())
        }
        Err(e) => {
            // Report only the first failure.
            let _ = disk.remove(&temp);
            Err(e)
        }
    }
}

/// A temporary name next to a database, for a file that will replace it.
pub(crate) fn temp_name(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".tmp-{suffix}"));
    path.with_file_name(name)
}

/// Removes temporary files of killed processes. The lock must be held.
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

/// Removes a file that another process may be removing at the same time.
fn remove_if_there(disk: &Disk, path: &Path) -> Result<()> {
    match disk.remove(path) {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Reads both meta pages of an open file.
pub(crate) fn read_metas(file: &DiskFile, len: u64) -> Result<Metas> {
    Metas::find(file.path(), &mut |at, into| {
        if at.saturating_add(into.len() as u64) > len {
            return Ok(false);
        }
        file.read_at(at, into).map(|()| true)
    })
}

/// Rejects defects that are harmless for readers, but not for a writer.
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
            "the meta says transaction {}, which is the highest possible number",
            metas.meta.txid
        );
        return Err(Error::corrupt(path, Some(metas.winner), what));
    }
    Ok(())
}
