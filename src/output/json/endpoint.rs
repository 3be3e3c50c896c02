//! JSON of the answers of single endpoints: `endpoint health`, `endpoint status`, `endpoint hashkv`.
//! Names, order and omissions are those of the struct tags in etcd v3.7.1's generated Go.

use serde::Serialize;

use super::header::{HeaderJson, empty, header};
use crate::output::reply::EndpointHealth;
use crate::output::rows::tidy_alarm;
use crate::proto::etcdserverpb as pb;

/// One endpoint of `endpoint health`.
#[derive(Serialize)]
pub struct HealthJson<'a> {
    endpoint: &'a str,
    health: bool,
    took: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    error: &'a str,
}

impl<'a> From<&'a EndpointHealth> for HealthJson<'a> {
    fn from(h: &'a EndpointHealth) -> Self {
        Self {
            endpoint: &h.endpoint,
            health: h.health,
            took: h.took_text(),
            error: &h.error,
        }
    }
}

/// One endpoint of `endpoint status`.
#[derive(Serialize)]
pub struct StatusOfJson<'a> {
    #[serde(rename = "Endpoint")]
    endpoint: &'a str,
    #[serde(rename = "Status")]
    status: StatusJson<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<HeaderJson>,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    #[serde(skip_serializing_if = "empty")]
    db_size: i64,
    #[serde(skip_serializing_if = "empty")]
    leader: u64,
    #[serde(skip_serializing_if = "empty")]
    raft_index: u64,
    #[serde(skip_serializing_if = "empty")]
    raft_term: u64,
    #[serde(skip_serializing_if = "empty")]
    raft_applied_index: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<String>,
    #[serde(skip_serializing_if = "empty")]
    db_size_in_use: i64,
    #[serde(skip_serializing_if = "empty")]
    is_learner: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    storage_version: &'a str,
    #[serde(skip_serializing_if = "empty")]
    db_size_quota: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    downgrade_info: Option<DowngradeJson<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DowngradeJson<'a> {
    #[serde(skip_serializing_if = "empty")]
    enabled: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    target_version: &'a str,
}

impl<'a> From<&'a (String, pb::StatusResponse)> for StatusOfJson<'a> {
    fn from((endpoint, s): &'a (String, pb::StatusResponse)) -> Self {
        let status = StatusJson {
            header: header(&s.header),
            version: &s.version,
            db_size: s.db_size,
            leader: s.leader,
            raft_index: s.raft_index,
            raft_term: s.raft_term,
            raft_applied_index: s.raft_applied_index,
            errors: s.errors.iter().map(|e| tidy_alarm(e)).collect(),
            db_size_in_use: s.db_size_in_use,
            is_learner: s.is_learner,
            storage_version: &s.storage_version,
            db_size_quota: s.db_size_quota,
            downgrade_info: s.downgrade_info.as_ref().map(|d| DowngradeJson {
                enabled: d.enabled,
                target_version: &d.target_version,
            }),
        };
        Self { endpoint, status }
    }
}

/// One endpoint of `endpoint hashkv`.
#[derive(Serialize)]
pub struct HashOfJson<'a> {
    #[serde(rename = "Endpoint")]
    endpoint: &'a str,
    #[serde(rename = "HashKV")]
    hash_kv: HashJson,
}

#[derive(Serialize)]
struct HashJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<HeaderJson>,
    #[serde(skip_serializing_if = "empty")]
    hash: u32,
    #[serde(skip_serializing_if = "empty")]
    compact_revision: i64,
    #[serde(skip_serializing_if = "empty")]
    hash_revision: i64,
}

impl<'a> From<&'a (String, pb::HashKvResponse)> for HashOfJson<'a> {
    fn from((endpoint, h): &'a (String, pb::HashKvResponse)) -> Self {
        let hash_kv = HashJson {
            header: header(&h.header),
            hash: h.hash,
            compact_revision: h.compact_revision,
            hash_revision: h.hash_revision,
        };
        Self { endpoint, hash_kv }
    }
}
