//! Reads the records of a log in order, across all its segments. Memory use is bounded by the largest record. Never
//! writes, and never panics whatever the files contain. Source: etcd v3.7.1, server/storage/wal/decoder.go.

use std::{
    fs::File,
    io::{self, BufReader, Read as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use prost::Message as _;

use super::{
    crc::Chain,
    error::{Error, Result},
    names::{SegmentName, segments},
    record::{Content, FRAME, Frame, MAX_RECORD, Record},
};
use crate::proto::walpb;

/// Bytes read at a time.
const BUFFER: usize = 64 << 10;
/// A disk writes sectors of this many bytes atomically. If a sector of a record is all zeros, the machine stopped while
/// the record was being written.
const SECTOR: u64 = 512;

/// How a log is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReaderOptions {
    /// Start with the segment that can contain the entry after this index; 0 is the beginning of the log.
    pub from_index: u64,
    /// Continue after a wrong CRC and mark the record, for tools that examine damage.
    pub past_bad_crc: bool,
}

/// The records of a log.
pub struct Reader {
    dir: PathBuf,
    names: Vec<SegmentName>,
    options: ReaderOptions,
    /// The current segment, and its index in `names`.
    open: Option<Open>,
    next: usize,
    crc: Chain,
    /// Whether the CRC chain has begun. Before that, any value is accepted.
    chained: bool,
    done: bool,
}

struct Open {
    file: BufReader<File>,
    path: PathBuf,
    segment: usize,
    /// Offset of the next record.
    offset: u64,
    len: u64,
}

impl Reader {
    /// Opens the log in the directory `dir`.
    ///
    /// # Errors
    /// The directory cannot be read or contains no log, a segment is missing, or the log begins after the requested
    /// index.
    pub fn open(dir: &Path, options: ReaderOptions) -> Result<Reader> {
        let mut names = segments(dir)?;
        let start = names
            .iter()
            .rposition(|name| name.index <= options.from_index)
            .ok_or_else(|| Error::NoSegment {
                dir: dir.to_owned(),
                index: options.from_index,
            })?;
        names.drain(..start);
        Ok(Reader {
            dir: dir.to_owned(),
            names,
            options,
            open: None,
            next: 0,
            crc: Chain::from(0),
            chained: false,
            done: false,
        })
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// All segments that are read, in order.
    pub fn segments(&self) -> &[SegmentName] {
        &self.names
    }

    /// The segment and offset in bytes of the next record; after the last record, the end of the log.
    pub fn position(&self) -> Option<(SegmentName, u64)> {
        let open = self.open.as_ref()?;
        Some((*self.names.get(open.segment)?, open.offset))
    }

    /// The next record; `None` at the end of the log. After an error, there are no more records.
    ///
    /// # Errors
    /// [`Error::Torn`] if the last record was written only in part, which is normal after a crash; [`Error::Record`]
    /// for any other damage.
    pub fn next_record(&mut self) -> Result<Option<Record>> {
        if self.done {
            return Ok(None);
        }
        let result = self.read();
        self.done = !matches!(result, Ok(Some(_)));
        result
    }

    fn read(&mut self) -> Result<Option<Record>> {
        let last = self.names.len();
        loop {
            if let Some(open) = &mut self.open {
                let is_last = open.segment + 1 == last;
                if let Some((frame, body)) = open.body(is_last)? {
                    return self.record(frame, body, is_last).map(Some);
                }
                if is_last {
                    return Ok(None);
                }
            }
            let Some(name) = self.names.get(self.next) else {
                return Ok(None);
            };
            self.open = Some(Open::new(self.dir.join(name.to_string()), self.next)?);
            self.next += 1;
        }
    }

    fn record(&mut self, frame: Frame, mut body: Vec<u8>, is_last: bool) -> Result<Record> {
        // A segment is open, because `body` has read from it.
        let Some(open) = &mut self.open else {
            return Err(Error::Empty(self.dir.clone()));
        };
        let fail = |what: String, torn: bool| {
            let (file, offset) = (open.path.clone(), open.offset);
            if torn {
                Error::Torn { file, offset, what }
            } else {
                Error::Record { file, offset, what }
            }
        };
        let torn = is_last && is_torn(&body, open.offset + FRAME);
        body.truncate(usize::try_from(frame.len).unwrap_or(usize::MAX));
        let record = walpb::Record::decode(Bytes::from(body))
            .map_err(|e| fail(format!("it is not a record: {e}"), torn))?;
        let data_len = record.data.as_ref().map_or(0, Bytes::len);
        let stored = record.crc.unwrap_or_default();
        let is_crc = record.r#type == Some(super::RecordType::Crc.number());
        let actual = if is_crc {
            self.crc.value()
        } else {
            self.crc.add(record.data.as_deref().unwrap_or_default())
        };
        // The first CRC record continues from a segment that may no longer exist.
        let sound = stored == actual || (is_crc && !self.chained);
        if !sound && !self.options.past_bad_crc {
            let what =
                format!("its CRC is {stored:08x}, but that of the log up to it is {actual:08x}");
            return Err(fail(what, torn));
        }
        if is_crc {
            self.crc = Chain::from(stored);
        }
        self.chained = true;
        let content = Content::decode(record).map_err(|what| fail(what, torn))?;
        let record = Record {
            segment: open.segment,
            offset: open.offset,
            padding: frame.padding,
            crc: stored,
            sound,
            data_len,
            content,
        };
        open.offset += FRAME + frame.body();
        Ok(record)
    }
}

impl Open {
    fn new(path: PathBuf, segment: usize) -> Result<Open> {
        let file = File::open(&path).map_err(|e| Error::io("open", &path, e))?;
        let len = file
            .metadata()
            .map_err(|e| Error::io("stat", &path, e))?
            .len();
        Ok(Open {
            file: BufReader::with_capacity(BUFFER, file),
            path,
            segment,
            offset: 0,
            len,
        })
    }

    /// The frame of the next record, and its bytes including padding; `None` at the end of the records.
    fn body(&mut self, is_last: bool) -> Result<Option<(Frame, Vec<u8>)>> {
        let left = self.len.saturating_sub(self.offset);
        if left == 0 {
            return Ok(None);
        }
        let mut field = [0; FRAME as usize];
        let short = field.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.fill(&mut field[..short])?;
        if u64::from_le_bytes(field) == 0 {
            return Ok(None);
        }
        let fail = |what: String| {
            let (file, offset) = (self.path.clone(), self.offset);
            if is_last {
                Error::Torn { file, offset, what }
            } else {
                Error::Record { file, offset, what }
            }
        };
        let frame = Frame::decode(u64::from_le_bytes(field));
        let room = left.saturating_sub(FRAME);
        if left < FRAME || frame.body() > room {
            return Err(fail(format!(
                "it is {} bytes long, but the file ends after {room}",
                frame.body()
            )));
        }
        if frame.body() > MAX_RECORD {
            return Err(Error::Record {
                file: self.path.clone(),
                offset: self.offset,
                what: format!(
                    "it is {} bytes long, more than the {MAX_RECORD} that are read at once",
                    frame.body()
                ),
            });
        }
        // The length is at most MAX_RECORD, and the file is long enough.
        let mut body = vec![0; usize::try_from(frame.body()).unwrap_or_default()];
        self.fill(&mut body)?;
        Ok(Some((frame, body)))
    }

    fn fill(&mut self, into: &mut [u8]) -> Result<()> {
        match self.file.read_exact(into) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Err(Error::Record {
                file: self.path.clone(),
                offset: self.offset,
                what: "the file has become shorter while it was read".into(),
            }),
            Err(e) => Err(Error::io("read", &self.path, e)),
        }
    }
}

/// Whether one of the sectors of `body`, which begins at `offset` in its file, was never written.
fn is_torn(body: &[u8], offset: u64) -> bool {
    let first = usize::try_from(SECTOR - offset % SECTOR).unwrap_or_default();
    let (head, rest) = body.split_at(first.min(body.len()));
    std::iter::once(head)
        .chain(rest.chunks(SECTOR as usize))
        .any(|sector| !sector.is_empty() && sector.iter().all(|byte| *byte == 0))
}
