//! Writes a new log with one segment, for `snapshot restore`. Cannot append to an existing log. Source: etcd v3.7.1,
//! server/storage/wal/{wal,encoder}.go.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use prost::Message as _;

use super::{
    crc::Chain,
    error::{Error, Result},
    names::SegmentName,
    record::{Frame, RecordType},
};
use crate::proto::{
    etcdserverpb::Metadata,
    raftpb::{Entry, HardState},
    walpb,
};

/// Length in bytes to which a segment is preallocated. The part after the records is zeros.
pub const SEGMENT_SIZE: u64 = 64_000_000;

/// A new log. It is incomplete until [`Writer::finish`] returns.
pub struct Writer {
    file: File,
    path: PathBuf,
    crc: Chain,
    buffer: Vec<u8>,
}

impl Writer {
    /// Creates the first segment in the directory `dir`, which must exist and contain no segments, and writes the same
    /// first records as etcd: CRC, metadata, and the empty snapshot.
    ///
    /// # Errors
    /// The file cannot be created, or the disk has no space for a segment.
    pub fn create(dir: &Path, metadata: &Metadata) -> Result<Writer> {
        let name = SegmentName {
            sequence: 0,
            index: 0,
        };
        let path = dir.join(name.to_string());
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|e| Error::io("open", &path, e))?;
        preallocate(&file).map_err(|e| Error::io("preallocate", &path, e))?;
        let mut writer = Writer {
            file,
            path,
            crc: Chain::from(0),
            buffer: Vec::new(),
        };
        writer.push(RecordType::Crc, None);
        writer.push(RecordType::Metadata, Some(metadata.encode_to_vec()));
        writer.snapshot(&walpb::Snapshot {
            index: Some(0),
            term: Some(0),
            conf_state: None,
        });
        Ok(writer)
    }

    /// Adds an entry.
    pub fn entry(&mut self, entry: &Entry) {
        self.push(RecordType::Entry, Some(entry.encode_to_vec()));
    }

    /// Adds a hard state.
    pub fn state(&mut self, state: &HardState) {
        self.push(RecordType::State, Some(state.encode_to_vec()));
    }

    /// Adds a record of a raft snapshot.
    pub fn snapshot(&mut self, snapshot: &walpb::Snapshot) {
        self.push(RecordType::Snapshot, Some(snapshot.encode_to_vec()));
    }

    fn push(&mut self, kind: RecordType, data: Option<Vec<u8>>) {
        let crc = self.crc.add(data.as_deref().unwrap_or_default());
        let record = walpb::Record {
            r#type: Some(kind.number()),
            crc: Some(crc),
            data: data.map(Into::into),
        };
        let bytes = record.encode_to_vec();
        let frame = Frame::of(bytes.len() as u64);
        self.buffer.extend_from_slice(&frame.encode().to_le_bytes());
        self.buffer.extend_from_slice(&bytes);
        let end = self.buffer.len().next_multiple_of(8);
        self.buffer.resize(end, 0);
    }

    /// Writes all records and syncs the file. The caller syncs the directory.
    ///
    /// # Errors
    /// The disk failed.
    pub fn finish(mut self) -> Result<()> {
        self.file
            .write_all(&self.buffer)
            .map_err(|e| Error::io("write", &self.path, e))?;
        self.file
            .sync_all()
            .map_err(|e| Error::io("sync", &self.path, e))
    }
}

/// Preallocates the file, with disk blocks if the file system can do that.
fn preallocate(file: &File) -> std::io::Result<()> {
    use rustix::{fs::FallocateFlags, io::Errno};
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, SEGMENT_SIZE) {
        Ok(()) => Ok(()),
        // Not supported by the file system, or interrupted by a signal.
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::INTR) => {
            file.set_len(SEGMENT_SIZE)
        }
        Err(e) => Err(e.into()),
    }
}
