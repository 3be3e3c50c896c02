//! JSON for `compaction`, `defrag`, `snapshot save` and `version`, for which etcdctl prints text only. The
//! shapes are ours, in the style of the others; `snapshot status` beside them is etcdutl's.

use std::borrow::Cow;

use serde::Serialize;

use super::header::{HeaderJson, header};
use crate::golang::{format, string};
use crate::output::reply::{EndpointTook, FileHashKv, SnapshotSaved, SnapshotStatus, VersionReply};
use crate::proto::etcdserverpb as pb;

/// `compaction`.
#[derive(Serialize)]
pub struct CompactedJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<HeaderJson>,
    compacted_revision: i64,
}

impl CompactedJson {
    /// `revision` is what was asked for; the server does not repeat it.
    pub fn new(answer: &pb::CompactionResponse, revision: i64) -> Self {
        Self {
            header: header(&answer.header),
            compacted_revision: revision,
        }
    }
}

/// One member of `defrag`.
#[derive(Serialize)]
pub struct TookJson<'a> {
    endpoint: &'a str,
    took: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl<'a> From<&'a EndpointTook> for TookJson<'a> {
    fn from(t: &'a EndpointTook) -> Self {
        Self {
            endpoint: &t.endpoint,
            took: format::duration(t.took),
            error: t.error.as_deref(),
        }
    }
}

/// `snapshot status`, as etcdutl writes it: nothing is left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotJson<'a> {
    hash: u32,
    revision: i64,
    total_key: i64,
    total_size: i64,
    version: &'a str,
}

impl<'a> From<&'a SnapshotStatus> for SnapshotJson<'a> {
    fn from(s: &'a SnapshotStatus) -> Self {
        Self {
            hash: s.hash,
            revision: s.revision,
            total_key: s.total_key,
            total_size: s.total_size,
            version: &s.version,
        }
    }
}

/// `etcdutl hashkv`, as etcdutl writes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileHashKvJson {
    hash: u32,
    hash_revision: i64,
    compact_revision: i64,
}

impl From<&FileHashKv> for FileHashKvJson {
    fn from(h: &FileHashKv) -> Self {
        Self {
            hash: h.hash,
            hash_revision: h.hash_revision,
            compact_revision: h.compact_revision,
        }
    }
}

/// `snapshot save`.
#[derive(Serialize)]
pub struct SavedJson<'a> {
    path: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<SnapshotJson<'a>>,
}

impl<'a> From<&'a SnapshotSaved> for SavedJson<'a> {
    fn from(s: &'a SnapshotSaved) -> Self {
        Self {
            path: string::lossy(&s.path),
            version: &s.version,
            size: s.size,
            status: s.status.as_ref().map(Into::into),
        }
    }
}

/// `version`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionJson<'a> {
    name: &'a str,
    version: &'a str,
    api_version: &'a str,
}

impl<'a> From<&'a VersionReply> for VersionJson<'a> {
    fn from(v: &'a VersionReply) -> Self {
        Self {
            name: v.tool,
            version: &v.version,
            api_version: &v.api_version,
        }
    }
}
