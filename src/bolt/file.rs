//! Reads files of unknown origin by pread, with every bound checked and a few MiB of memory. Never maps a file, since
//! truncating a mapped file raises a signal; never writes; locks only when asked.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use parking_lot::Mutex;

use super::digest;
use super::error::{Error, Result};
use super::meta::{META_SIZE, MIN_PAGE_SIZE, Meta, MetaFault, Metas, NO_FREELIST};
use super::page::{HEADER_SIZE, Header, Page, check_pgid};
use super::tree::{Bucket, Buckets, Source};
use super::unpack;

/// Bytes read at a time when the reader knows that the following pages are needed too.
const CHUNK: usize = 256 << 10;
/// Number of cached chunks: a scan uses one for its leaves and one for its branches, and a few more for their
/// neighbours.
const CHUNKS: usize = 4;
/// Cache for single pages, in bytes.
const SINGLES: usize = 2 << 20;
/// Largest page that is read, with continuation pages, in bytes. Pages are held in memory as a whole. The largest
/// values that etcd accepts by default are 1.5 MiB, and Go's bbolt may store four of them on one page.
const MAX_PAGE: u64 = 256 << 20;
/// Position of the transaction in a meta, in bytes.
const TXID: std::ops::Range<usize> = 48..56;
/// The error for a file to which another transaction was committed.
const CHANGED: &str = "the file was changed while it was read";
/// The error for a file that ends too early.
const SHORTER: &str = "the file has become shorter while it was read";

/// A database file opened for reading: a snapshot, a stopped member's `db`, or any other.
pub struct FileReader {
    file: Arc<File>,
    path: PathBuf,
    len: u64,
    metas: Metas,
    /// Both metas as found in the file when it was opened.
    metas_read: [[u8; META_SIZE]; 2],
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    chunks: VecDeque<(u64, Bytes)>,
    singles: HashMap<u64, Bytes>,
    order: VecDeque<u64>,
    bytes: usize,
}

impl FileReader {
    /// Opens a file and finds its meta pages. One that is compressed with zstd is unpacked first.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read; [`Error::NotBolt`] if it is not a bolt database; [`Error::Corrupt`] if
    /// no meta is valid, or if the valid one contradicts the length of the file.
    pub fn open(path: impl AsRef<Path>) -> Result<FileReader> {
        let path = path.as_ref();
        let file = open_file(path)?;
        FileReader::of_file(file, path)
    }

    /// Like [`FileReader::open`], for a file that is already open and not compressed.
    ///
    /// # Errors
    /// See [`FileReader::open`].
    pub(crate) fn of_file(file: File, path: &Path) -> Result<FileReader> {
        let path = path.to_path_buf();
        let len = length(&file, &path)?;
        let metas = find_metas(&file, &path, len)?;
        metas
            .meta
            .check(metas.winner, len)
            .map_err(|d| d.in_file(&path))?;
        let page_size = metas.meta.page_size;
        let metas_read = raw_metas(&file, &path, page_size)?;
        for (page, (read, found)) in (0..).zip(metas_read.iter().zip(&metas.pages)) {
            if (found.as_ref()).is_ok_and(|meta| read[TXID] != meta.txid.to_le_bytes()) {
                return Err(Error::corrupt(&path, Some(page), CHANGED));
            }
        }
        Ok(FileReader {
            file: Arc::new(file),
            path,
            len,
            metas,
            metas_read,
            cache: Mutex::default(),
        })
    }

    /// A reader for a file that may have no valid meta, which must then be supplied, and the valid metas.
    pub(super) fn open_raw(path: &Path) -> Result<(FileReader, [Option<Meta>; 2])> {
        let path = path.to_path_buf();
        let file = open_file(&path)?;
        let len = length(&file, &path)?;
        let found = match find_metas(&file, &path, len) {
            Ok(metas) => metas.pages.map(Result::ok),
            Err(e @ Error::Io { .. }) => return Err(e),
            Err(_) => [None, None],
        };
        let unknown = || Err(MetaFault::Short);
        let header = Header::parse(&[0; HEADER_SIZE]);
        let meta = Meta {
            page_size: MIN_PAGE_SIZE,
            flags: 0,
            root: 0,
            sequence: 0,
            freelist: NO_FREELIST,
            high_water: 0,
            txid: 0,
        };
        let metas = Metas {
            pages: [unknown(), unknown()],
            headers: [header, header],
            winner: 0,
            meta,
            record: None,
        };
        let reader = FileReader {
            file: Arc::new(file),
            path,
            len,
            metas,
            metas_read: [[0; META_SIZE]; 2],
            cache: Mutex::default(),
        };
        Ok((reader, found))
    }

    /// A reader for the state described by `meta`.
    pub(super) fn with_meta(&self, meta: Meta) -> FileReader {
        let mut reader = self.fork();
        reader.metas.meta = meta;
        reader
    }

    /// Another reader of the same open file, with a separate cache, for another thread.
    pub fn fork(&self) -> FileReader {
        FileReader {
            file: Arc::clone(&self.file),
            path: self.path.clone(),
            len: self.len,
            metas: self.metas.clone(),
            metas_read: self.metas_read,
            cache: Mutex::default(),
        }
    }

    /// Fails if the file was truncated, or a transaction was committed to it, since it was opened. Everything that was
    /// read before a successful call belongs to one state: a page that the opened state needs can be overwritten by the
    /// second transaction after it at the earliest, when the first one has already changed a meta page.
    ///
    /// # Errors
    /// [`Error::Corrupt`] with the meta page that has changed, or [`Error::Io`].
    pub fn check_unchanged(&self) -> Result<()> {
        let now = raw_metas(&self.file, &self.path, self.page_size())?;
        match (0..)
            .zip(now.iter().zip(&self.metas_read))
            .find(|(_, (a, b))| a != b)
        {
            None => Ok(()),
            Some((page, _)) => Err(Error::corrupt(&self.path, Some(page), CHANGED)),
        }
    }

    /// Takes a shared flock on the file without waiting, and holds it until the reader is dropped.
    ///
    /// # Errors
    /// [`Error::Locked`] if a server or a tool has the file open for writing.
    pub fn lock_shared(&self) -> Result<()> {
        self.file
            .try_lock_shared()
            .map_err(|e| Error::lock(&self.path, e))
    }

    /// Path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Length of the file in bytes, including anything after the pages.
    pub fn file_len(&self) -> u64 {
        self.len
    }

    /// Page size in bytes.
    pub fn page_size(&self) -> u32 {
        self.metas.meta.page_size
    }

    /// The current meta.
    pub fn meta(&self) -> &Meta {
        &self.metas.meta
    }

    /// Both meta pages, and which of them is current.
    pub fn metas(&self) -> &Metas {
        &self.metas
    }

    /// Bytes from the beginning to the high-water mark: `totalSize` of `snapshot status`.
    pub fn size(&self) -> u64 {
        self.metas.meta.size()
    }

    /// The bucket called `name`, if there is one.
    pub fn bucket(&self, name: &[u8]) -> Result<Option<Bucket<&FileReader>>> {
        Bucket::open(self, name)
    }

    /// All buckets, in order of their names.
    pub fn buckets(&self) -> Result<Buckets<&FileReader>> {
        Buckets::new(self)
    }

    /// Reads bytes at an offset of the file, for example to compute a digest.
    ///
    /// # Errors
    /// [`Error::Io`], also if the file was truncated in the meantime.
    pub fn read_raw(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        read_exact(&self.file, &self.path, offset, into)
    }

    /// The SHA-256 of the first `size` bytes; `None` once `give_up` is set.
    ///
    /// # Errors
    /// See [`FileReader::read_raw`].
    pub fn sha256(&self, size: u64, give_up: &AtomicBool) -> Result<Option<[u8; 32]>> {
        digest::sha256(size, &|at, into| self.read_raw(at, into), give_up)
    }

    /// Checks the digest at the end of a snapshot; a database without one passes. Reads the whole file in order, even
    /// without a digest, so that a concurrent walk over its trees finds pages in memory. Returns nothing once `give_up`
    /// is set, which matters only for a file without a digest.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the digest does not match, or the length is that of neither a snapshot
    /// nor a database.
    pub fn check_digest(&self, give_up: &AtomicBool) -> Result<()> {
        // Only a hint; if it is rejected, the system reads ahead less.
        let _ = rustix::fs::fadvise(&self.file, 0, None, rustix::fs::Advice::Sequential);
        let read = |at, into: &mut [u8]| self.read_raw(at, into);
        if digest::has_trailing_digest(self.len) {
            return digest::check_digest(&self.path, self.len, &read, &AtomicBool::new(false));
        }
        let behind = self.len - self.size();
        if !self.len.is_multiple_of(digest::SECTOR_SIZE) {
            let what = format!(
                "{behind} bytes follow the last page, where a snapshot has a digest of {} and a database has none",
                digest::DIGEST_SIZE
            );
            return Err(Error::corrupt(&self.path, None, what));
        }
        digest::read_through(self.size(), &read, give_up)
    }

    fn read(&self, pgid: u64, pages: u64) -> Result<Bytes> {
        let ps = u64::from(self.page_size());
        let want = (pages * ps) as usize;
        let mut buf = Vec::with_capacity(want);
        while buf.len() < want {
            let at = pgid * ps + buf.len() as u64;
            match rustix::io::pread(&self.file, rustix::buffer::spare_capacity(&mut buf), at) {
                Ok(0) => {
                    return Err(Error::corrupt(&self.path, Some(pgid), SHORTER));
                }
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(Error::io(&self.path, "read", e.into())),
            }
        }
        buf.truncate(want);
        Ok(Bytes::from(buf))
    }

    /// Reads bytes from the start of page `pgid` on, at least one page.
    fn fetch(&self, pgid: u64, ahead: impl FnOnce() -> u64) -> Result<Bytes> {
        let ps = self.page_size() as usize;
        let cache = self.cache.lock();
        for (first, data) in &cache.chunks {
            if let Some(skip) = pgid.checked_sub(*first)
                && skip < (data.len() / ps) as u64
            {
                return Ok(data.slice(skip as usize * ps..));
            }
        }
        if let Some(b) = cache.singles.get(&pgid) {
            return Ok(b.clone());
        }
        let most = ((CHUNK / ps) as u64).min(self.metas.meta.high_water - pgid);
        let pages = ahead().clamp(1, most.max(1));
        // Do not hold the lock while waiting for the disk.
        drop(cache);
        let data = self.read(pgid, pages)?;
        let mut cache = self.cache.lock();
        if pages > 1 {
            if cache.chunks.len() >= CHUNKS {
                cache.chunks.pop_front();
            }
            cache.chunks.push_back((pgid, data.clone()));
        } else {
            while cache.bytes + data.len() > SINGLES {
                let Some(old) = cache.order.pop_front() else {
                    break;
                };
                let gone = cache.singles.remove(&old).map_or(0, |b| b.len());
                cache.bytes -= gone;
            }
            // Another thread may have read the same page meanwhile.
            if cache.singles.insert(pgid, data.clone()).is_none() {
                cache.bytes += data.len();
                cache.order.push_back(pgid);
            }
        }
        Ok(data)
    }
}

/// Opens a regular file, and decompresses it if necessary.
fn open_file(path: &Path) -> Result<File> {
    // Opening a pipe would block until there is a writer.
    let before = std::fs::metadata(path).map_err(|e| Error::io(path, "open", e))?;
    if !before.is_file() {
        return Err(Error::NotBolt {
            file: path.to_path_buf(),
            what: "it is not a regular file".into(),
        });
    }
    let file = File::open(path).map_err(|e| Error::io(path, "open", e))?;
    unpack::plain(file, path)
}

/// The length of a file in bytes.
fn length(file: &File, path: &Path) -> Result<u64> {
    let info = file.metadata();
    Ok(info
        .map_err(|e| Error::io(path, "read the length", e))?
        .len())
}

fn find_metas(file: &File, path: &Path, len: u64) -> Result<Metas> {
    Metas::find(path, &mut |at, into| {
        if at.saturating_add(into.len() as u64) > len {
            return Ok(false);
        }
        read_exact(file, path, at, into).map(|()| true)
    })
}

fn read_exact(file: &File, path: &Path, at: u64, into: &mut [u8]) -> Result<()> {
    use std::os::unix::fs::FileExt;
    match file.read_exact_at(into, at) {
        Err(e) if e.kind() == ErrorKind::UnexpectedEof => Err(Error::corrupt(path, None, SHORTER)),
        done => done.map_err(|e| Error::io(path, "read", e)),
    }
}

/// The bytes of both metas without their page headers, because a clean close by this engine changes only a header.
fn raw_metas(file: &File, path: &Path, page_size: u32) -> Result<[[u8; META_SIZE]; 2]> {
    let mut metas = [[0; META_SIZE]; 2];
    for (slot, meta) in (0u64..).zip(&mut metas) {
        read_exact(
            file,
            path,
            slot * u64::from(page_size) + HEADER_SIZE as u64,
            meta,
        )?;
    }
    Ok(metas)
}

impl Source for &FileReader {
    type Buf = Bytes;
    const STRICT: bool = true;

    fn meta(&self) -> &Meta {
        &self.metas.meta
    }

    fn file(&self) -> &Path {
        &self.path
    }

    fn page(&self, pgid: u64, ahead: impl FnOnce() -> u64) -> Result<Page<Bytes>> {
        let fail = |d: super::error::Damage| d.in_file(&self.path);
        let high_water = self.metas.meta.high_water;
        check_pgid(pgid, high_water, "the tree").map_err(fail)?;
        let mut data = self.fetch(pgid, ahead)?;
        let Some(head) = data.first_chunk::<HEADER_SIZE>() else {
            return Err(Error::corrupt(
                &self.path,
                Some(pgid),
                "the file ends inside the page",
            ));
        };
        let header = Header::parse(head);
        header.check(pgid, high_water).map_err(fail)?;
        let bytes = header.pages() * u64::from(self.page_size());
        if bytes > MAX_PAGE {
            let what = format!(
                "it is {bytes} bytes long with its continuation, more than is read at once"
            );
            return Err(Error::corrupt(&self.path, Some(pgid), what));
        }
        if data.len() as u64 >= bytes {
            data.truncate(bytes as usize);
        } else {
            data = self.read(pgid, header.pages())?;
        }
        Page::new(pgid, data).map_err(fail)
    }
}
