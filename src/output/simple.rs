//! `-w simple`: plain lines. Keys and values go out as the bytes they are, unless `--hex` asks otherwise.

use std::io::{self, Write};

use super::reply::{EndpointHealth, EndpointTook, GetReply};
use super::rows::{self, Rows};
use super::{RenderError, RenderOptions, Reply};
use crate::golang::{format, string};
use crate::proto::etcdserverpb as pb;
use crate::proto::etcdserverpb::response_op::Response;
use crate::proto::mvccpb;

/// Writes `reply` as lines.
///
/// # Errors
/// As `out` gives them.
pub fn render(
    reply: &Reply,
    options: &RenderOptions,
    out: &mut dyn Write,
) -> Result<(), RenderError> {
    match reply {
        Reply::Get(get) => range(get, options, out)?,
        Reply::Put(answer) => put(answer, options, out)?,
        Reply::Delete(answer) => delete(answer, options, out)?,
        Reply::Txn(answer) => txn(answer, options, out)?,
        Reply::Alarm(answer) => {
            for alarm in &answer.alarms {
                writeln!(out, "{}", rows::alarm(alarm))?;
            }
        }
        Reply::EndpointStatus(endpoints) => lines(&rows::status(endpoints), out)?,
        Reply::EndpointHealth(endpoints) => healthy(endpoints, out)?,
        Reply::EndpointHashKv(endpoints) => lines(&rows::hash_kv(endpoints), out)?,
        Reply::MemberList(answer) => lines(&rows::members(answer), out)?,
        Reply::SnapshotStatus(status) => lines(&rows::snapshot(status), out)?,
        Reply::FileHashKv(hash) => lines(&rows::file_hash_kv(hash), out)?,
        Reply::Compaction(..)
        | Reply::Defrag(_)
        | Reply::SnapshotSaved(_)
        | Reply::Version(_)
        | Reply::Nothing => {
            plain(reply, out)?;
        }
    }
    Ok(())
}

/// Replies that look the same in every format but JSON; nothing for all others.
///
/// # Errors
/// As `out` gives them.
pub fn plain(reply: &Reply, out: &mut dyn Write) -> io::Result<()> {
    match reply {
        Reply::Compaction(_, revision) => writeln!(out, "compacted revision {revision}")?,
        Reply::Defrag(endpoints) => {
            for EndpointTook {
                endpoint,
                took,
                error,
            } in endpoints
            {
                if error.is_none() {
                    let took = format::duration(*took);
                    writeln!(
                        out,
                        "Finished defragmenting etcd member[{endpoint}]. took {took}"
                    )?;
                }
            }
        }
        Reply::SnapshotSaved(saved) => {
            out.write_all(b"Snapshot saved at ")?;
            out.write_all(&string::bytes(&saved.path))?;
            out.write_all(b"\n")?;
            if !saved.version.is_empty() {
                writeln!(out, "Server version {}", saved.version)?;
            }
        }
        Reply::Version(v) => {
            writeln!(out, "{} version: {}", v.tool, v.version)?;
            writeln!(out, "API version: {}", v.api_version)?;
        }
        _ => {}
    }
    Ok(())
}

/// The endpoints that are not healthy, for stderr.
///
/// # Errors
/// As `err` gives them.
pub fn unhealthy(endpoints: &[EndpointHealth], err: &mut dyn Write) -> io::Result<()> {
    for h in endpoints.iter().filter(|h| !h.error.is_empty()) {
        writeln!(
            err,
            "{} is unhealthy: failed to commit proposal: {}",
            h.endpoint, h.error
        )?;
    }
    Ok(())
}

/// The members that were not defragmented, for stderr.
///
/// # Errors
/// As `err` gives them.
pub fn not_defragmented(endpoints: &[EndpointTook], err: &mut dyn Write) -> io::Result<()> {
    for EndpointTook {
        endpoint,
        took,
        error,
    } in endpoints
    {
        if let Some(error) = error {
            let took = format::duration(*took);
            writeln!(
                err,
                "Failed to defragment etcd member[{endpoint}]. took {took}. ({error})"
            )?;
        }
    }
    Ok(())
}

fn healthy(endpoints: &[EndpointHealth], out: &mut dyn Write) -> io::Result<()> {
    for h in endpoints.iter().filter(|h| h.error.is_empty()) {
        let took = format::duration(h.took);
        writeln!(
            out,
            "{} is healthy: successfully committed proposal: took = {took}",
            h.endpoint
        )?;
    }
    Ok(())
}

fn lines(rows: &Rows, out: &mut dyn Write) -> io::Result<()> {
    for row in &rows.rows {
        writeln!(out, "{}", row.join(", "))?;
    }
    Ok(())
}

fn range(get: &GetReply, options: &RenderOptions, out: &mut dyn Write) -> io::Result<()> {
    for kv in &get.response.kvs {
        if !get.print_value_only {
            bytes(&kv.key, options, out)?;
        }
        bytes(&kv.value, options, out)?;
    }
    Ok(())
}

fn put(answer: &pb::PutResponse, options: &RenderOptions, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "OK")?;
    pairs(answer.prev_kv.as_slice(), options, out)
}

fn delete(
    answer: &pb::DeleteRangeResponse,
    options: &RenderOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "{}", answer.deleted)?;
    pairs(&answer.prev_kvs, options, out)
}

/// A transaction inside a transaction is drawn as one of its own; etcdctl prints its Go value.
fn txn(answer: &pb::TxnResponse, options: &RenderOptions, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{}",
        if answer.succeeded {
            "SUCCESS"
        } else {
            "FAILURE"
        }
    )?;
    for op in &answer.responses {
        writeln!(out)?;
        match &op.response {
            Some(Response::ResponseRange(answer)) => pairs(&answer.kvs, options, out)?,
            Some(Response::ResponsePut(answer)) => put(answer, options, out)?,
            Some(Response::ResponseDeleteRange(answer)) => delete(answer, options, out)?,
            Some(Response::ResponseTxn(answer)) => txn(answer, options, out)?,
            None => {}
        }
    }
    Ok(())
}

fn pairs(kvs: &[mvccpb::KeyValue], options: &RenderOptions, out: &mut dyn Write) -> io::Result<()> {
    for kv in kvs {
        bytes(&kv.key, options, out)?;
        bytes(&kv.value, options, out)?;
    }
    Ok(())
}

fn bytes(raw: &[u8], options: &RenderOptions, out: &mut dyn Write) -> io::Result<()> {
    if options.hex {
        return writeln!(out, "{}", format::hex(raw));
    }
    out.write_all(raw)?;
    out.write_all(b"\n")
}
