//! Reads files of unknown origin by pread, with every bound checked and a few MiB of memory. Never maps a file, since
//! truncating a mapped file raises a signal; never writes; locks only when asked.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use parking_lot::Mutex;

use super::error::{Error, Result};
use super::meta::{Meta, Metas};
use super::page::{HEADER_SIZE, Header, Page, check_pgid};
use super::tree::{Bucket, Buckets, Source};

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

/// A database file opened for reading: a snapshot, a stopped member's `db`, or any other.
pub struct FileReader {
    file: File,
    path: PathBuf,
    len: u64,
    metas: Metas,
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
    /// Opens a file and finds its meta pages.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read; [`Error::NotBolt`] if it is not a bolt database; [`Error::Corrupt`] if
    /// no meta is valid, or if the valid one contradicts the length of the file.
    pub fn open(path: impl AsRef<Path>) -> Result<FileReader> {
        let path = path.as_ref().to_path_buf();
        // Opening a pipe would block until there is a writer.
        let before = std::fs::metadata(&path).map_err(|e| Error::io(&path, "open", e))?;
        if !before.is_file() {
            return Err(Error::NotBolt {
                file: path,
                what: "it is not a regular file".into(),
            });
        }
        let file = File::open(&path).map_err(|e| Error::io(&path, "open", e))?;
        let len = file
            .metadata()
            .map_err(|e| Error::io(&path, "read the length", e))?
            .len();
        let metas = Metas::find(&path, &mut |at, into| {
            if at.saturating_add(into.len() as u64) > len {
                return Ok(false);
            }
            read_exact(&file, &path, at, into).map(|()| true)
        })?;
        metas
            .meta
            .check(metas.winner, len)
            .map_err(|d| d.in_file(&path))?;
        Ok(FileReader {
            file,
            path,
            len,
            metas,
            cache: Mutex::default(),
        })
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

    fn read(&self, pgid: u64, pages: u64) -> Result<Bytes> {
        let ps = u64::from(self.page_size());
        let want = (pages * ps) as usize;
        let mut buf = Vec::with_capacity(want);
        while buf.len() < want {
            let at = pgid * ps + buf.len() as u64;
            match rustix::io::pread(&self.file, rustix::buffer::spare_capacity(&mut buf), at) {
                Ok(0) => {
                    let what = "the file has become shorter while it was read";
                    return Err(Error::corrupt(&self.path, Some(pgid), what));
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
        let mut cache = self.cache.lock();
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
        let data = self.read(pgid, pages)?;
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
            cache.bytes += data.len();
            cache.order.push_back(pgid);
            cache.singles.insert(pgid, data.clone());
        }
        Ok(data)
    }
}

fn read_exact(file: &File, path: &Path, at: u64, into: &mut [u8]) -> Result<()> {
    use std::os::unix::fs::FileExt;
    file.read_exact_at(into, at)
        .map_err(|e| Error::io(path, "read", e))
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
