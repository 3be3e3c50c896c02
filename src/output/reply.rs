//! What a command found out, as a value. A format is one pure file over it; a new variant does not
//! compile until every format answers for it.

use crate::golang::format;
use crate::proto::etcdserverpb as pb;

/// The answer of a command.
#[derive(Clone, Debug)]
pub enum Reply {
    /// `get`.
    Get(GetReply),
    /// `put`.
    Put(pb::PutResponse),
    /// `del`.
    Delete(pb::DeleteRangeResponse),
    /// `txn`.
    Txn(pb::TxnResponse),
    /// `compaction`: the answer and the revision that was asked for.
    Compaction(pb::CompactionResponse, i64),
    /// `alarm list`, `alarm disarm`.
    Alarm(pb::AlarmResponse),
    /// `defrag`. In JSON all members at once; in the other formats a command may hand over one at a time,
    /// so that each line appears when its member is done.
    Defrag(Vec<EndpointTook>),
    /// `endpoint status`.
    EndpointStatus(Vec<(String, pb::StatusResponse)>),
    /// `endpoint health`.
    EndpointHealth(Vec<EndpointHealth>),
    /// `endpoint hashkv`.
    EndpointHashKv(Vec<(String, pb::HashKvResponse)>),
    /// `member list`.
    MemberList(pb::MemberListResponse),
    /// `snapshot save`.
    SnapshotSaved(SnapshotSaved),
    /// `snapshot status`.
    SnapshotStatus(SnapshotStatus),
    /// `etcdutl hashkv`.
    FileHashKv(FileHashKv),
    /// `version`.
    Version(VersionReply),
    /// Nothing to say.
    Nothing,
}

/// A range answer, and what the command line asked of its printing.
#[derive(Clone, Debug, Default)]
pub struct GetReply {
    /// The server's answer.
    pub response: pb::RangeResponse,
    /// `--print-value-only`.
    pub print_value_only: bool,
    /// `--keys-only`.
    pub keys_only: bool,
    /// `--count-only`.
    pub count_only: bool,
}

/// How long one endpoint took, or why it failed.
#[derive(Clone, Debug)]
pub struct EndpointTook {
    /// As typed.
    pub endpoint: String,
    /// Wall time of the call.
    pub took: std::time::Duration,
    /// The failure, if it was one.
    pub error: Option<String>,
}

/// One row of `endpoint health`.
#[derive(Clone, Debug)]
pub struct EndpointHealth {
    /// As typed.
    pub endpoint: String,
    /// Whether a read went through and no alarm is active.
    pub health: bool,
    /// Wall time of the check; zero where nothing could be asked.
    pub took: std::time::Duration,
    /// Why it is unhealthy; empty when healthy.
    pub error: String,
}

impl EndpointHealth {
    /// [`EndpointHealth::took`] as Go prints it; nothing where nothing could be asked.
    pub fn took_text(&self) -> String {
        if self.took.is_zero() {
            return String::new();
        }
        format::duration(self.took)
    }
}

/// What `snapshot save` wrote.
#[derive(Clone, Debug)]
pub struct SnapshotSaved {
    /// The file, as typed.
    pub path: String,
    /// Server version, where the server said it (3.6 and later).
    pub version: String,
    /// Bytes written, the digest at the end included.
    pub size: u64,
    /// What `snapshot status` says of the file, where it has been computed.
    pub status: Option<SnapshotStatus>,
}

/// What `snapshot status` computes (etcd v3.7.1, etcdutl/snapshot).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotStatus {
    /// CRC-32C over all buckets.
    pub hash: u32,
    /// Revision of the last record in `key`.
    pub revision: i64,
    /// Live user keys.
    pub total_key: i64,
    /// High-water pgid x page size, bytes.
    pub total_size: i64,
    /// Storage version; empty where the file has none.
    pub version: String,
}

/// What `etcdutl hashkv` computes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHashKv {
    /// CRC-32C over the history.
    pub hash: u32,
    /// The revision it goes up to.
    pub hash_revision: i64,
    /// The newest compaction; -1 before the first.
    pub compact_revision: i64,
}

/// `version`.
#[derive(Clone, Debug)]
pub struct VersionReply {
    /// `etcdctl` or `etcdutl`.
    pub tool: &'static str,
    /// The release this tool is a drop-in for.
    pub version: String,
    /// `major.minor`.
    pub api_version: String,
}
