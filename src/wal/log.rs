//! What a log says as a whole: metadata, hard state, and the entries behind a snapshot, the overwritten
//! ones left out. Source: etcd v3.7.1, server/storage/wal/wal.go (ReadAll, ValidSnapshotEntries).

use std::path::Path;

use super::{
    error::{Error, Result},
    reader::{Reader, ReaderOptions},
    record::Content,
};
use crate::proto::{
    etcdserverpb::Metadata,
    raftpb::{Entry, HardState},
    walpb::Snapshot,
};

/// Bytes of entries that [`Log::read`] holds in memory; etcd keeps at most some 100 MB of them in a log
/// between two snapshots.
const MAX_ENTRIES: usize = 1 << 30;

/// A log as a whole.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Who writes it.
    pub metadata: Option<Metadata>,
    /// The newest hard state.
    pub state: HardState,
    /// The entries behind the snapshot that it was read from, in order of their indexes. Those above the
    /// commit index may still be overwritten by a leader.
    pub entries: Vec<Entry>,
    /// Whether a record of that snapshot was found.
    pub snapshot_found: bool,
    /// That the last record was only partly written, which is normal after a crash.
    pub torn: Option<String>,
}

impl Log {
    /// Reads the log in `dir` behind `snapshot`; the empty one is the beginning.
    ///
    /// # Errors
    /// It cannot be read, a record is damaged, or the records do not fit together.
    pub fn read(dir: &Path, snapshot: &Snapshot) -> Result<Log> {
        Log::read_behind(dir, snapshot.index(), Some(snapshot.term()))
    }

    /// Reads the entries behind index `start`, whether there is a snapshot at it or not.
    ///
    /// # Errors
    /// As [`Log::read`].
    pub fn read_from(dir: &Path, start: u64) -> Result<Log> {
        Log::read_behind(dir, start, None)
    }

    fn read_behind(dir: &Path, start: u64, term: Option<u64>) -> Result<Log> {
        let options = ReaderOptions {
            from_index: start,
            ..ReaderOptions::default()
        };
        let mut reader = Reader::open(dir, options)?;
        let mut log = Log::default();
        let mut bytes = 0usize;
        while let Some(content) = log.next(&mut reader)? {
            match content {
                Content::Metadata(metadata) => log.take_metadata(dir, metadata)?,
                Content::State(state) => log.state = state,
                Content::Entry(entry) => {
                    bytes = bytes.saturating_add(entry.data().len() + size_of::<Entry>());
                    if bytes > MAX_ENTRIES {
                        let what = format!("more than {MAX_ENTRIES} bytes of entries");
                        return Err(Error::log(dir, what));
                    }
                    log.take_entry(dir, start, entry)?;
                }
                Content::Snapshot(found) if found.index() == start => {
                    if let Some(term) = term.filter(|term| *term != found.term()) {
                        let found = found.term();
                        let what = format!(
                            "the log has the snapshot at index {start} in term {found}, not {term}"
                        );
                        return Err(Error::log(dir, what));
                    }
                    log.snapshot_found = true;
                }
                Content::Snapshot(_) | Content::Crc(_) => {}
            }
        }
        Ok(log)
    }

    /// The next record. One that was partly written ends the log.
    fn next(&mut self, reader: &mut Reader) -> Result<Option<Content>> {
        match reader.next_record() {
            Ok(record) => Ok(record.map(|r| r.content)),
            Err(e @ Error::Torn { .. }) => {
                self.torn = Some(e.to_string());
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    fn take_metadata(&mut self, dir: &Path, metadata: Metadata) -> Result<()> {
        match &self.metadata {
            Some(first) if *first != metadata => {
                Err(Error::log(dir, "its segments are of different members"))
            }
            _ => {
                self.metadata = Some(metadata);
                Ok(())
            }
        }
    }

    fn take_entry(&mut self, dir: &Path, start: u64, entry: Entry) -> Result<()> {
        let index = entry.index();
        let Some(place) = index.checked_sub(start).and_then(|n| n.checked_sub(1)) else {
            return Ok(());
        };
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        if place > self.entries.len() {
            let last = start + self.entries.len() as u64;
            let what = format!("entry {index} follows entry {last}");
            return Err(Error::log(dir, what));
        }
        // A new leader writes over what was never committed.
        self.entries.truncate(place);
        self.entries.push(entry);
        Ok(())
    }
}

/// The snapshot records of a log, and the newest hard state.
#[derive(Clone, Debug, Default)]
pub struct Snapshots {
    /// In order, those that are committed.
    pub snapshots: Vec<Snapshot>,
    /// The newest hard state.
    pub state: HardState,
}

/// Finds the snapshot records of the log in `dir` that a member may start from.
///
/// # Errors
/// It cannot be read, or a record is damaged.
pub fn valid_snapshots(dir: &Path) -> Result<Snapshots> {
    let mut reader = Reader::open(dir, ReaderOptions::default())?;
    let mut out = Snapshots::default();
    let mut log = Log::default();
    while let Some(content) = log.next(&mut reader)? {
        match content {
            Content::Snapshot(snapshot) => out.snapshots.push(snapshot),
            Content::State(state) => out.state = state,
            _ => {}
        }
    }
    let commit = out.state.commit();
    out.snapshots.retain(|s| s.index() <= commit);
    Ok(out)
}
