//! Prints a member's log as etcd-dump-logs does: decoded entries, or every raw record. Source: etcd v3.6.14 and v3.7.1,
//! tools/etcd-dump-logs/{main,raw}.go. The tool of 3.7.1 prints pointers instead of term and index; this follows 3.6.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use prost::Message as _;

use crate::{
    golang::{format::quote, proto_text},
    proto::{
        etcdserverpb::{InternalRaftRequest, Request},
        raftpb::{ConfChange, Entry, EntryType, HardState, Snapshot},
        walpb,
    },
    wal::{Content, Error, Log, Reader, ReaderOptions, Record, newest_snap, read_snap},
};

/// What part of a log to show.
#[derive(Clone, Debug, Default)]
pub struct LogDumpOptions {
    /// The data directory.
    pub data_dir: PathBuf,
    /// The directory of the log, if it is not in the data directory.
    pub wal_dir: Option<PathBuf>,
    /// The first index; by default, start after the newest raft snapshot.
    pub start_index: Option<u64>,
    /// The index at which to stop (exclusive).
    pub end_index: Option<u64>,
    /// Name of the raft snapshot file to start from.
    pub start_snap: Option<String>,
}

impl LogDumpOptions {
    /// The directory of the log.
    pub fn log_dir(&self) -> PathBuf {
        match &self.wal_dir {
            Some(dir) => dir.clone(),
            None => self.data_dir.join("member/wal"),
        }
    }
}

/// A log, and the snapshot it was read from.
#[derive(Clone, Debug)]
pub struct DumpedLog {
    /// The raft snapshot, unless a start index was given.
    pub snapshot: Option<Snapshot>,
    /// Metadata, hard state and entries.
    pub log: Log,
    /// Raft snapshot files that were skipped because they are damaged.
    pub damaged: Vec<String>,
}

/// Reads a log.
///
/// # Errors
/// It cannot be read, or is damaged.
pub fn dump_log(options: &LogDumpOptions) -> Result<DumpedLog, Error> {
    let mut damaged = Vec::new();
    let (snapshot, start) = match options.start_index {
        // Entries are read from the index after this one.
        Some(index) => (
            None,
            walpb::Snapshot {
                index: Some(index.saturating_sub(1)),
                ..walpb::Snapshot::default()
            },
        ),
        None => {
            let dir = options.data_dir.join("member/snap");
            let snapshot = match &options.start_snap {
                Some(name) => Some(read_snap(&dir.join(name))?),
                None => {
                    let newest = newest_snap(&dir, |_| true)?;
                    damaged = newest.damaged.iter().map(Error::to_string).collect();
                    newest.found.map(|(_, snapshot)| snapshot)
                }
            };
            let metadata = snapshot.as_ref().and_then(|s| s.metadata.as_ref());
            let start = walpb::Snapshot {
                index: metadata.and_then(|m| m.index),
                term: metadata.and_then(|m| m.term),
                conf_state: None,
            };
            (snapshot, start)
        }
    };
    let dir = options.log_dir();
    let mut log = if options.start_index.is_some() {
        Log::read_from(&dir, start.index())?
    } else {
        Log::read(&dir, &start)?
    };
    if options.start_index.is_none() && !log.snapshot_found {
        return Err(Error::Log {
            dir,
            what: format!(
                "the log has no record of the snapshot at index {}",
                start.index()
            ),
        });
    }
    if let Some(end) = options.end_index {
        log.entries.retain(|entry| entry.index() < end);
    }
    Ok(DumpedLog {
        snapshot,
        log,
        damaged,
    })
}

/// Which kinds of entries to show, by etcd-dump-logs' names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryFilter(BTreeSet<&'static str>);

/// The names in etcd-dump-logs' order.
const KINDS: [&str; 12] = [
    "ConfigChange",
    "Normal",
    "Request",
    "InternalRaftRequest",
    "IRRRange",
    "IRRPut",
    "IRRDeleteRange",
    "IRRTxn",
    "IRRCompaction",
    "IRRLeaseGrant",
    "IRRLeaseRevoke",
    "IRRLeaseCheckpoint",
];

impl EntryFilter {
    /// The kinds shown by default.
    pub const DEFAULT: &str = "Normal,ConfigChange";

    /// Parses a comma-separated list of names.
    ///
    /// # Errors
    /// A name is unknown.
    pub fn parse(text: &str) -> Result<EntryFilter, String> {
        text.split(',')
            .map(|name| {
                let found = KINDS.into_iter().find(|kind| *kind == name);
                found.ok_or_else(|| {
                    format!(
                        "{name:?} is not a type of entry; the types are {}",
                        KINDS.join(", ")
                    )
                })
            })
            .collect::<Result<_, _>>()
            .map(EntryFilter)
    }

    fn shows(&self, entry: &Entry, request: Option<&InternalRaftRequest>) -> bool {
        let has = |kind| self.0.contains(kind);
        if entry.r#type() == EntryType::EntryConfChange {
            return has("ConfigChange");
        }
        if entry.r#type() != EntryType::EntryNormal {
            return false;
        }
        let Some(request) = request else {
            return has("Normal") || has("Request");
        };
        has("Normal")
            || has("InternalRaftRequest")
            || has("IRRRange") && request.range.is_some()
            || has("IRRPut") && request.put.is_some()
            || has("IRRDeleteRange") && request.delete_range.is_some()
            || has("IRRTxn") && request.txn.is_some()
            || has("IRRCompaction") && request.compaction.is_some()
            || has("IRRLeaseGrant") && request.lease_grant.is_some()
            || has("IRRLeaseRevoke") && request.lease_revoke.is_some()
            || has("IRRLeaseCheckpoint") && request.lease_checkpoint.is_some()
    }
}

/// A formatted entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryLine {
    /// Its term.
    pub term: u64,
    /// Its index.
    pub index: u64,
    /// `norm` or `conf`.
    pub kind: &'static str,
    /// The request in readable form.
    pub data: String,
}

impl EntryLine {
    /// Formats an entry; `None` if the filter hides it.
    pub fn of(entry: &Entry, filter: &EntryFilter) -> Option<EntryLine> {
        let request = InternalRaftRequest::decode(entry.data()).ok();
        // Version 2 requests, which 3.5 and older releases log, have a string where newer requests have the header.
        let request = request.filter(|_| !is_version_2(entry.data()));
        if !filter.shows(entry, request.as_ref()) {
            return None;
        }
        let (kind, data) = if entry.r#type() == EntryType::EntryConfChange {
            ("conf", conf_change(entry.data()))
        } else {
            let data = match request {
                Some(request) => internal(request),
                None => version_2(entry.data()).unwrap_or_else(|| "???".into()),
            };
            ("norm", data)
        };
        Some(EntryLine {
            term: entry.term(),
            index: entry.index(),
            kind,
            data,
        })
    }
}

/// Whether the bytes are a version 2 request. Its field 2 is the method; newer requests do not use this field.
fn is_version_2(bytes: &[u8]) -> bool {
    Request::decode(bytes).is_ok_and(|request| request.method.is_some())
}

fn internal(mut request: InternalRaftRequest) -> String {
    const REMOVED: &str = "<value removed>";
    let hide = |text: &mut String| {
        if !text.is_empty() {
            *text = REMOVED.into();
        }
    };
    if let Some(change) = &mut request.auth_user_change_password {
        hide(&mut change.password);
    }
    if let Some(add) = &mut request.auth_user_add {
        hide(&mut add.password);
    }
    if let Some(login) = &mut request.authenticate {
        hide(&mut login.password);
        hide(&mut login.simple_token);
    }
    let name = "etcdserverpb.InternalRaftRequest";
    proto_text::decode(name, &request.encode_to_vec()).unwrap_or_else(|| "???".into())
}

fn version_2(bytes: &[u8]) -> Option<String> {
    let request = Request::decode(bytes).ok()?;
    let path = || excerpt(request.path(), 64, 64);
    Some(match request.method() {
        "" => "noop".into(),
        "SYNC" => format!("method=SYNC time={}", request.time()),
        method @ ("QGET" | "DELETE") => format!("method={method} path={}", path()),
        method => format!(
            "method={method} path={} val={}",
            path(),
            excerpt(request.val(), 128, 0)
        ),
    })
}

/// A quoted text, shortened in the middle if it is long. Lengths in bytes.
fn excerpt(text: &str, head: usize, tail: usize) -> String {
    let bytes = text.as_bytes();
    if head + tail > bytes.len() {
        return quote(bytes);
    }
    let (first, last) = (&bytes[..head], &bytes[bytes.len() - tail..]);
    format!("{}...{}", quote(first), quote(last))
}

fn conf_change(bytes: &[u8]) -> String {
    match ConfChange::decode(bytes) {
        Ok(change) => format!(
            "method={} id={:x}",
            change.r#type().as_str_name(),
            change.node_id()
        ),
        Err(_) => "???".into(),
    }
}

/// Prints every record of the log in `dir` on a line, including records with a wrong CRC. `from` skips entries, states
/// and snapshots before an index. Returns how the log ends: the last line, and the problems found.
///
/// # Errors
/// The log cannot be opened.
pub fn dump_raw(
    dir: &Path,
    from: Option<u64>,
    show: &mut dyn FnMut(String) -> bool,
) -> Result<Vec<String>, Error> {
    let options = ReaderOptions {
        past_bad_crc: true,
        ..ReaderOptions::default()
    };
    let mut reader = Reader::open(dir, options)?;
    let mut problems = Vec::new();
    let mut in_step = true;
    loop {
        match reader.next_record() {
            Ok(Some(record)) => {
                // Report a damaged record once: all records after it have a wrong CRC too.
                if !record.sound && in_step {
                    problems.push(format!(
                        "the CRC of the record at byte {} does not match",
                        record.offset
                    ));
                }
                in_step = record.sound || matches!(record.content, Content::Crc(_));
                if let Some(line) = raw_line(&record, from)
                    && !show(line)
                {
                    return Ok(problems);
                }
            }
            Ok(None) => {
                show("EOF: All entries were processed.".into());
                return Ok(problems);
            }
            Err(e @ Error::Torn { .. }) => {
                show(format!(
                    "ErrUnexpectedEOF: The last record might be corrupted, error: {e}."
                ));
                return Ok(problems);
            }
            Err(e) => {
                problems.push(e.to_string());
                return Ok(problems);
            }
        }
    }
}

fn raw_line(record: &Record, from: Option<u64>) -> Option<String> {
    let text = |name: &str, bytes: Vec<u8>| proto_text::decode(name, &bytes).unwrap_or_default();
    let shown = |index: u64| from.is_none_or(|from| index >= from);
    match &record.content {
        Content::Crc(crc) => Some(format!("CRC: {crc}")),
        Content::Metadata(metadata) => {
            let text = text("etcdserverpb.Metadata", metadata.encode_to_vec());
            Some(format!("Metadata: {text}"))
        }
        Content::Entry(entry) => shown(entry.index()).then(|| raw_entry(entry)),
        Content::Snapshot(snapshot) => shown(snapshot.index()).then(|| {
            let text = text("walpb.Snapshot", snapshot.encode_to_vec());
            format!("Snapshot: {text}")
        }),
        Content::State(state) => shown(state.commit()).then(|| {
            let text = text("raftpb.HardState", HardState::encode_to_vec(state));
            format!("HardState: {text}")
        }),
    }
}

fn raw_entry(entry: &Entry) -> String {
    let kind = match entry.r#type() {
        EntryType::EntryNormal => String::new(),
        other => format!(" Type:{}", other.as_str_name()),
    };
    let data = match entry.data() {
        [] => " ".into(),
        bytes => format!(" Data:{} ", proto_text::quote(bytes)),
    };
    format!(
        "Entry: Term:{} Index:{}{kind}{data}",
        entry.term(),
        entry.index()
    )
}
