//! `-w fields`: one `"Name" : value` a line. Keys and values are quoted as Go's `%q`, texts of the
//! server are not.

use std::io::{self, Write};

use super::reply::{EndpointHealth, FileHashKv, SnapshotStatus};
use super::{RenderError, RenderOptions, Reply, rows, simple};
use crate::golang::format::quote;
use crate::proto::etcdserverpb as pb;
use crate::proto::etcdserverpb::response_op::Response;
use crate::proto::mvccpb;

/// Writes `reply` as fields.
///
/// # Errors
/// As `out` gives them.
pub fn render(
    reply: &Reply,
    options: &RenderOptions,
    out: &mut dyn Write,
) -> Result<(), RenderError> {
    let mut f = Fields {
        hex: options.hex,
        out,
    };
    match reply {
        Reply::Get(get) => f.range(&get.response)?,
        Reply::Put(answer) => f.put(answer)?,
        Reply::Delete(answer) => f.delete(answer)?,
        Reply::Txn(answer) => f.txn(answer)?,
        Reply::Alarm(answer) => f.alarms(answer)?,
        Reply::EndpointStatus(endpoints) => endpoints
            .iter()
            .try_for_each(|(endpoint, s)| f.status(endpoint, s))?,
        Reply::EndpointHealth(endpoints) => endpoints.iter().try_for_each(|h| f.health(h))?,
        Reply::EndpointHashKv(endpoints) => endpoints
            .iter()
            .try_for_each(|(endpoint, h)| f.hash_kv(endpoint, h))?,
        Reply::MemberList(answer) => f.members(answer)?,
        Reply::SnapshotStatus(status) => f.snapshot(status)?,
        Reply::FileHashKv(hash) => f.file_hash_kv(hash)?,
        Reply::Compaction(..)
        | Reply::Defrag(_)
        | Reply::SnapshotSaved(_)
        | Reply::Version(_)
        | Reply::Nothing => {
            simple::plain(reply, f.out)?;
        }
    }
    Ok(())
}

struct Fields<'a> {
    hex: bool,
    out: &'a mut dyn Write,
}

impl Fields<'_> {
    fn line(&mut self, name: &str, value: impl std::fmt::Display) -> io::Result<()> {
        writeln!(self.out, "\"{name}\" : {value}")
    }

    /// Ids turn with `--hex`.
    fn id(&mut self, name: &str, id: u64) -> io::Result<()> {
        if self.hex {
            self.line(name, format_args!("{id:x}"))
        } else {
            self.line(name, id)
        }
    }

    /// The revision only where there is one: answers about members have none.
    fn header(&mut self, header: Option<&pb::ResponseHeader>) -> io::Result<()> {
        let none = pb::ResponseHeader::default();
        let header = header.unwrap_or(&none);
        self.id("ClusterID", header.cluster_id)?;
        self.id("MemberID", header.member_id)?;
        if header.revision > 0 {
            self.line("Revision", header.revision)?;
        }
        self.line("RaftTerm", header.raft_term)
    }

    fn pair(&mut self, prefix: &str, kv: &mvccpb::KeyValue) -> io::Result<()> {
        self.line(&format!("{prefix}Key"), quote(&kv.key))?;
        self.line(&format!("{prefix}CreateRevision"), kv.create_revision)?;
        self.line(&format!("{prefix}ModRevision"), kv.mod_revision)?;
        self.line(&format!("{prefix}Version"), kv.version)?;
        self.line(&format!("{prefix}Value"), quote(&kv.value))?;
        let lease = format!("{prefix}Lease");
        if self.hex {
            self.line(&lease, format_args!("{:016x}", kv.lease))
        } else {
            self.line(&lease, kv.lease)
        }
    }

    fn range(&mut self, answer: &pb::RangeResponse) -> io::Result<()> {
        self.header(answer.header.as_ref())?;
        for kv in &answer.kvs {
            self.pair("", kv)?;
        }
        self.line("More", answer.more)?;
        self.line("Count", answer.count)
    }

    fn put(&mut self, answer: &pb::PutResponse) -> io::Result<()> {
        self.header(answer.header.as_ref())?;
        answer
            .prev_kv
            .iter()
            .try_for_each(|kv| self.pair("Prev", kv))
    }

    fn delete(&mut self, answer: &pb::DeleteRangeResponse) -> io::Result<()> {
        self.header(answer.header.as_ref())?;
        self.line("Deleted", answer.deleted)?;
        answer
            .prev_kvs
            .iter()
            .try_for_each(|kv| self.pair("Prev", kv))
    }

    fn txn(&mut self, answer: &pb::TxnResponse) -> io::Result<()> {
        self.header(answer.header.as_ref())?;
        self.line("Succeeded", answer.succeeded)?;
        for op in &answer.responses {
            match &op.response {
                Some(Response::ResponseRange(answer)) => self.range(answer)?,
                Some(Response::ResponsePut(answer)) => self.put(answer)?,
                Some(Response::ResponseDeleteRange(answer)) => self.delete(answer)?,
                Some(Response::ResponseTxn(answer)) => self.txn(answer)?,
                None => {}
            }
        }
        Ok(())
    }

    fn alarms(&mut self, answer: &pb::AlarmResponse) -> io::Result<()> {
        self.header(answer.header.as_ref())?;
        for alarm in &answer.alarms {
            self.id("MemberID", alarm.member_id)?;
            self.line("AlarmType", rows::alarm_name(alarm.alarm))?;
            writeln!(self.out)?;
        }
        Ok(())
    }

    /// The raft term stands in the header already. The leader stays decimal under `--hex`, as in v3.7.1.
    fn status(&mut self, endpoint: &str, s: &pb::StatusResponse) -> io::Result<()> {
        self.header(s.header.as_ref())?;
        self.line("Version", quote(s.version.as_bytes()))?;
        self.line("StorageVersion", quote(s.storage_version.as_bytes()))?;
        self.line("DBSize", s.db_size)?;
        self.line("DBSizeInUse", s.db_size_in_use)?;
        // Servers before 3.6 send neither the quota nor a downgrade state.
        if s.db_size_quota != 0 {
            self.line("DBSizeQuota", s.db_size_quota)?;
        }
        self.line("Leader", s.leader)?;
        self.line("IsLearner", s.is_learner)?;
        self.line("RaftIndex", s.raft_index)?;
        self.line("RaftAppliedIndex", s.raft_applied_index)?;
        let errors: Vec<_> = s.errors.iter().map(|e| rows::tidy_alarm(e)).collect();
        self.line("Errors", format_args!("[{}]", errors.join(" ")))?;
        self.line("Endpoint", quote(endpoint.as_bytes()))?;
        if let Some(downgrade) = &s.downgrade_info {
            self.line(
                "DowngradeTargetVersion",
                quote(downgrade.target_version.as_bytes()),
            )?;
            self.line("DowngradeEnabled", downgrade.enabled)?;
        }
        writeln!(self.out)
    }

    fn health(&mut self, h: &EndpointHealth) -> io::Result<()> {
        self.line("Endpoint", quote(h.endpoint.as_bytes()))?;
        self.line("Health", h.health)?;
        self.line("Took", h.took_text())?;
        self.line("Error", &h.error)?;
        writeln!(self.out)
    }

    fn hash_kv(&mut self, endpoint: &str, h: &pb::HashKvResponse) -> io::Result<()> {
        self.header(h.header.as_ref())?;
        self.line("Endpoint", quote(endpoint.as_bytes()))?;
        self.line("Hash", h.hash)?;
        if h.hash_revision != 0 {
            self.line("HashRevision", h.hash_revision)?;
        }
        writeln!(self.out)
    }

    fn members(&mut self, answer: &pb::MemberListResponse) -> io::Result<()> {
        self.header(answer.header.as_ref())?;
        for m in &answer.members {
            self.id("ID", m.id)?;
            self.line("Name", quote(m.name.as_bytes()))?;
            for url in &m.peer_ur_ls {
                self.line("PeerURL", quote(url.as_bytes()))?;
            }
            for url in &m.client_ur_ls {
                self.line("ClientURL", quote(url.as_bytes()))?;
            }
            self.line("IsLearner", m.is_learner)?;
            writeln!(self.out)?;
        }
        Ok(())
    }

    fn file_hash_kv(&mut self, h: &FileHashKv) -> io::Result<()> {
        self.line("Hash", h.hash)?;
        self.line("Hash revision", h.hash_revision)?;
        self.line("Compact revision", h.compact_revision)
    }

    fn snapshot(&mut self, s: &SnapshotStatus) -> io::Result<()> {
        self.line("Hash", s.hash)?;
        self.line("Revision", s.revision)?;
        self.line("Keys", s.total_key)?;
        self.line("Size", s.total_size)?;
        self.line("Version", &s.version)
    }
}
