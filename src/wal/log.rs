//! The content of a whole log: metadata, hard state, and the entries after a snapshot, without those that were
//! overwritten. Source: etcd v3.7.1, server/storage/wal/wal.go (ReadAll, ValidSnapshotEntries).

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

/// Maximum size in bytes of the entries that [`Log::read`] holds in memory. etcd's logs have about 100 MB of entries
/// between two snapshots.
const MAX_ENTRIES: usize = 1 << 30;

/// The content of a log.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// The member and cluster that write it.
    pub metadata: Option<Metadata>,
    /// The latest hard state.
    pub state: HardState,
    /// The entries after the snapshot it was read from, ordered by index. Entries above the commit index may still be
    /// overwritten by a leader.
    pub entries: Vec<Entry>,
    /// Whether there was a record of that snapshot.
    pub snapshot_found: bool,
    /// How it was detected that the last record was written only in part, which is normal after a crash.
    pub torn: Option<String>,
}

impl Log {
    /// Reads the log in `dir` after `snapshot`; the empty snapshot means from the beginning.
    ///
    /// # Errors
    /// The log cannot be read, a record is damaged, or records are inconsistent with each other.
    pub fn read(dir: &Path, snapshot: &Snapshot) -> Result<Log> {
        Log::read_behind(dir, snapshot.index(), Some(snapshot.term()))
    }

    /// Reads the entries after index `start`, whether or not there is a snapshot at that index.
    ///
    /// # Errors
    /// Like [`Log::read`].
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

    /// The next record. A partly written record ends the log.
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
        // A new leader overwrites entries that were never committed.
        self.entries.truncate(place);
        self.entries.push(entry);
        Ok(())
    }
}

/// The snapshot records of a log, and the latest hard state.
#[derive(Clone, Debug, Default)]
pub struct Snapshots {
    /// The committed ones, in order.
    pub snapshots: Vec<Snapshot>,
    /// The latest hard state.
    pub state: HardState,
}

/// Finds the snapshot records in `dir` from which a member may start.
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
