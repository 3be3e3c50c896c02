//! `wal dump`: a member's log with decoded entries, as etcd's tool etcd-dump-logs prints it.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use serde_json::json;

use super::{Context, dump::List};
use crate::{
    cli::{
        error::{CommandError, ErrorKind},
        value,
        words::Words,
    },
    golang::format::quote,
    output::Format,
    proto::raftpb::ConfState,
    schema::meta,
    snapshot::dump::{DumpedLog, EntryFilter, EntryLine, LogDumpOptions, dump_log, dump_raw},
    words,
};

words! {
    pub WalDumpWords: 1..=1, "<data directory>", BadArgs "a data directory is needed", HINT = ValueHint::DirPath
}

/// Show the write-ahead log of a member with decoded entries
///
/// The log is only read, so the member may be running. Passwords are not shown.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdutl wal dump /var/lib/etcd
  etcdutl wal dump /var/lib/etcd --start-index=1000 --entry-type=IRRPut,IRRTxn
  etcdutl wal dump /var/lib/etcd --raw")]
pub struct WalDumpArgs {
    /// First index to show; by default, start after the newest raft snapshot
    #[arg(long, value_name = "index", value_parser = value::flag_uint)]
    start_index: Option<u64>,
    /// Index at which to stop (exclusive)
    #[arg(long, value_name = "index", value_parser = value::flag_uint)]
    end_index: Option<u64>,
    /// Name of the raft snapshot file to start from
    #[arg(long, value_name = "name")]
    start_snap: Option<String>,
    /// Directory of the log, if it is not inside the data directory
    #[arg(long, value_name = "dir", value_hint = ValueHint::DirPath)]
    wal_dir: Option<PathBuf>,
    /// Kinds of entries to show: ConfigChange, Normal, Request, InternalRaftRequest, IRRRange, IRRPut, IRRDeleteRange,
    /// IRRTxn, IRRCompaction, IRRLeaseGrant, IRRLeaseRevoke, IRRLeaseCheckpoint [default: Normal,ConfigChange]
    #[arg(long, value_name = "kind,...")]
    entry_type: Option<String>,
    /// Show every raw record of the log, even after damage
    #[arg(long = "raw", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "bool", hide_possible_values = true)]
    raw_records: Option<bool>,
    #[command(flatten)]
    words: Words<WalDumpWords>,
}

/// Runs `wal dump`.
///
/// # Errors
/// The log cannot be read, or is damaged.
pub fn dump(ctx: &Context, args: &WalDumpArgs) -> Result<(), CommandError> {
    let [dir] = args.words.exactly()?;
    let bad = |text: String| CommandError::new(ErrorKind::BadArgs, text);
    if args.start_snap.is_some() && args.start_index.is_some() {
        let text = "start-snap and start-index flags cannot be used together.";
        return Err(bad(text.into()));
    }
    let kinds = args.entry_type.as_deref().unwrap_or(EntryFilter::DEFAULT);
    let filter = EntryFilter::parse(kinds).map_err(bad)?;
    let json = match ctx.format()? {
        Format::Simple => false,
        Format::Json => true,
        other => {
            let text = format!("{other} not supported as output format");
            return Err(CommandError::new(ErrorKind::BadFeature, text));
        }
    };
    let options = LogDumpOptions {
        data_dir: PathBuf::from(dir),
        wal_dir: args.wal_dir.clone(),
        start_index: args.start_index,
        end_index: args.end_index,
        start_snap: args.start_snap.clone(),
    };
    if args.raw_records.unwrap_or(false) {
        if args.start_snap.is_some() || args.entry_type.is_some() {
            let text = "--start-snap and --entry-type are not supported with --raw";
            return Err(bad(text.into()));
        }
        return raw(ctx, &options.log_dir(), args.start_index, json);
    }
    let dumped = dump_log(&options).map_err(|e| CommandError::new(ErrorKind::Failed, e))?;
    for damaged in &dumped.damaged {
        ctx.ui.note(&format!("passed over: {damaged}"));
    }
    if let Some(torn) = &dumped.log.torn {
        ctx.ui.note(&format!("the log ends here: {torn}"));
    }
    ctx.ui.data(|out| {
        if json {
            entries_json(out, &dumped, &filter)
        } else {
            entries(out, &dumped, &filter, kinds, args.start_index)
        }
    })
}

fn raw(ctx: &Context, dir: &Path, from: Option<u64>, json: bool) -> Result<(), CommandError> {
    let mut problems = Vec::new();
    ctx.ui.data(|out| {
        let mut list = List::begin(out, json, "\"schema\":1,\"records\":");
        let done = dump_raw(dir, from, &mut |line| {
            list.item(|| line.clone(), || json!(line).to_string())
        });
        let ended = list.end("");
        problems = done.map_err(|e| CommandError::new(ErrorKind::Failed, e))?;
        ended
    })?;
    match problems.split_last() {
        None => Ok(()),
        Some((last, others)) => {
            for problem in others {
                ctx.ui.note(problem);
            }
            Err(CommandError::new(ErrorKind::Failed, last.clone()))
        }
    }
}

/// The output of etcd-dump-logs.
fn entries(
    out: &mut dyn std::io::Write,
    dumped: &DumpedLog,
    filter: &EntryFilter,
    kinds: &str,
    start_index: Option<u64>,
) -> Result<(), CommandError> {
    let mut list = List::begin(out, false, "");
    let mut line = |text: String| {
        list.item(|| text, String::new);
    };
    match (start_index, &dumped.snapshot) {
        (Some(index), _) => line(format!("Start dumping log entries from index {index}.")),
        (None, None) => line("Snapshot:\nempty\nStart dumping log entries from snapshot.".into()),
        (None, Some(snapshot)) => {
            let metadata = snapshot.metadata.clone().unwrap_or_default();
            let state = metadata.conf_state.clone().unwrap_or_default();
            let nodes: Vec<String> = state.voters.iter().map(|id| format!("{id:x}")).collect();
            line(format!(
                "Snapshot:\nterm={} index={} nodes=[{}] confstate={}",
                metadata.term(),
                metadata.index(),
                nodes.join(" "),
                conf_state(&state)
            ));
            line("Start dumping log entries from snapshot.".into());
        }
    }
    let log = &dumped.log;
    let metadata = log.metadata.unwrap_or_default();
    line(format!(
        "WAL metadata:\nnodeID={:x} clusterID={:x} term={} commitIndex={} vote={:x}",
        metadata.node_id(),
        metadata.cluster_id(),
        log.state.term(),
        log.state.commit(),
        log.state.vote()
    ));
    line(format!("WAL entries: {}", log.entries.len()));
    if let Some(last) = log.entries.last() {
        line(format!("lastIndex={}", last.index()));
    }
    line(format!("{:>4}\t{:>10}\ttype\tdata", "term", "index"));
    let mut count = 0;
    for entry in log.entries.iter().filter_map(|e| EntryLine::of(e, filter)) {
        let EntryLine {
            term,
            index,
            kind,
            data,
        } = entry;
        line(format!("{term:>4}\t{index:>10}\t{kind}\t{data}"));
        count += 1;
    }
    line(format!("\nEntry types ({kinds}) count is : {count}"));
    list.end("")
}

/// The configuration as Go's JSON prints it.
fn conf_state(state: &ConfState) -> String {
    let state = meta::ConfState {
        voters: state.voters.clone(),
        learners: state.learners.clone(),
        voters_outgoing: state.voters_outgoing.clone(),
        learners_next: state.learners_next.clone(),
        auto_leave: state.auto_leave(),
    };
    String::from_utf8_lossy(&meta::encode_conf_state(&state)).into_owned()
}

fn entries_json(
    out: &mut dyn std::io::Write,
    dumped: &DumpedLog,
    filter: &EntryFilter,
) -> Result<(), CommandError> {
    let log = &dumped.log;
    let metadata = log.metadata.unwrap_or_default();
    let id = |id: u64| quote(format!("{id:016x}").as_bytes());
    let snapshot = dumped.snapshot.as_ref().and_then(|s| s.metadata.as_ref());
    let head = format!(
        "\"schema\":1,\"member_id\":{},\"cluster_id\":{},\"term\":{},\"commit_index\":{},\"vote\":{},\
         \"snapshot_index\":{},\"snapshot_term\":{},\"entries\":",
        id(metadata.node_id()),
        id(metadata.cluster_id()),
        log.state.term(),
        log.state.commit(),
        id(log.state.vote()),
        snapshot.map_or(0, |s| s.index()),
        snapshot.map_or(0, |s| s.term()),
    );
    let mut list = List::begin(out, true, &head);
    for entry in log.entries.iter().filter_map(|e| EntryLine::of(e, filter)) {
        let object = json!({
            "term": entry.term,
            "index": entry.index,
            "type": entry.kind,
            "data": entry.data.trim_end(),
        });
        list.item(String::new, || object.to_string());
    }
    list.end("")
}
