//! Replies of the commands under `endpoint`, with one record per endpoint.

use std::time::Duration;

use serde::Serialize;

use crate::golang::format;
use crate::output::{
    Rendered, Reply, Rows,
    fields::Fields,
    json::{HeaderJson, IdJson, Json, empty, header_hex},
    protobuf::Protobuf,
    simple::Simple,
    table::Table,
};
use crate::proto::etcdserverpb as pb;

/// `endpoint health`.
#[derive(Clone, Debug)]
pub struct Health(pub Vec<EndpointHealth>);

/// The health of one endpoint.
#[derive(Clone, Debug)]
pub struct EndpointHealth {
    /// As typed.
    pub endpoint: String,
    /// Whether a read succeeded and no alarm is active.
    pub health: bool,
    /// Duration of the check; zero if no request could be sent.
    pub took: Duration,
    /// Why it is unhealthy; empty when healthy.
    pub error: String,
}

impl EndpointHealth {
    /// [`EndpointHealth::took`] as Go prints it; empty if no request could be sent.
    fn took_text(&self) -> String {
        if self.took.is_zero() {
            return String::new();
        }
        format::duration(self.took)
    }
}

impl Health {
    /// The lines about unhealthy endpoints, which `simple` prints to stderr.
    pub fn failures(&self) -> Vec<String> {
        self.0
            .iter()
            .filter(|h| !h.error.is_empty())
            .map(|h| {
                format!(
                    "{} is unhealthy: failed to commit proposal: {}",
                    h.endpoint, h.error
                )
            })
            .collect()
    }
}

impl Reply for Health {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        for h in self.0.iter().filter(|h| h.error.is_empty()) {
            out.line(format_args!(
                "{} is healthy: successfully committed proposal: took = {}",
                h.endpoint,
                format::duration(h.took)
            ))?;
        }
        Ok(())
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        for h in &self.0 {
            out.quoted("Endpoint", h.endpoint.as_bytes())?;
            out.line("Health", h.health)?;
            out.line("Took", h.took_text())?;
            out.line("Error", &h.error)?;
            out.end_of_record()?;
        }
        Ok(())
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.list(self.0.iter().map(|h| HealthJson {
            endpoint: &h.endpoint,
            health: h.health,
            took: h.took_text(),
            error: &h.error,
        }))
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        let row = |h: &EndpointHealth| {
            vec![
                h.endpoint.clone(),
                h.health.to_string(),
                h.took_text(),
                h.error.clone(),
            ]
        };
        out.rows(&Rows {
            header: &["endpoint", "health", "took", "error"],
            rows: self.0.iter().map(row).collect(),
        })
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.unsupported()
    }
}

#[derive(Serialize)]
struct HealthJson<'a> {
    endpoint: &'a str,
    health: bool,
    took: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    error: &'a str,
}

/// `endpoint status`: each endpoint with its response.
#[derive(Clone, Debug)]
pub struct Status(pub Vec<(String, pb::StatusResponse)>);

impl Status {
    /// A cell is empty if an older server does not send the field.
    fn rows(&self) -> Rows {
        Rows {
            header: &[
                "endpoint",
                "ID",
                "version",
                "storage version",
                "db size",
                "in use",
                "percentage not in use",
                "quota",
                "is leader",
                "is learner",
                "raft term",
                "raft index",
                "raft applied index",
                "errors",
                "downgrade target version",
                "downgrade enabled",
            ],
            rows: self.0.iter().map(|(e, s)| status_row(e, s)).collect(),
        }
    }
}

fn status_row(endpoint: &str, s: &pb::StatusResponse) -> Vec<String> {
    let member_id = s.header.as_ref().map_or(0, |h| h.member_id);
    let downgrade = s.downgrade_info.as_ref();
    let in_use = match s.db_size_in_use {
        0 => String::new(),
        size => format::bytes(unsigned(size)),
    };
    let errors: Vec<String> = s.errors.iter().map(|e| tidy_alarm(e)).collect();
    vec![
        endpoint.to_owned(),
        format!("{member_id:x}"),
        s.version.clone(),
        s.storage_version.clone(),
        format::bytes(unsigned(s.db_size)),
        in_use,
        not_in_use(s),
        quota(s.db_size_quota),
        (s.leader == member_id).to_string(),
        s.is_learner.to_string(),
        s.raft_term.to_string(),
        s.raft_index.to_string(),
        s.raft_applied_index.to_string(),
        errors.join(", "),
        downgrade.map_or_else(String::new, |d| d.target_version.clone()),
        downgrade.map_or_else(String::new, |d| d.enabled.to_string()),
    ]
}

impl Reply for Status {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.rows(&self.rows())
    }

    /// The raft term is already in the header. The leader stays decimal under `--hex`, as in v3.7.1.
    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        for (endpoint, s) in &self.0 {
            out.header(s.header.as_ref())?;
            out.quoted("Version", s.version.as_bytes())?;
            out.quoted("StorageVersion", s.storage_version.as_bytes())?;
            out.line("DBSize", s.db_size)?;
            out.line("DBSizeInUse", s.db_size_in_use)?;
            // Servers before 3.6 send neither quota nor downgrade state.
            if s.db_size_quota != 0 {
                out.line("DBSizeQuota", s.db_size_quota)?;
            }
            out.line("Leader", s.leader)?;
            out.line("IsLearner", s.is_learner)?;
            out.line("RaftIndex", s.raft_index)?;
            out.line("RaftAppliedIndex", s.raft_applied_index)?;
            let errors: Vec<_> = s.errors.iter().map(|e| tidy_alarm(e)).collect();
            out.line("Errors", format_args!("[{}]", errors.join(" ")))?;
            out.quoted("Endpoint", endpoint.as_bytes())?;
            if let Some(downgrade) = &s.downgrade_info {
                out.quoted(
                    "DowngradeTargetVersion",
                    downgrade.target_version.as_bytes(),
                )?;
                out.line("DowngradeEnabled", downgrade.enabled)?;
            }
            out.end_of_record()?;
        }
        Ok(())
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        let hex = out.hex();
        out.list(self.0.iter().map(|of| StatusOfJson::new(of, hex)))
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.rows(&self.rows())
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.unsupported()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StatusOfJson<'a> {
    endpoint: &'a str,
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
    #[serde(skip_serializing_if = "IdJson::omitted")]
    leader: IdJson,
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

impl<'a> StatusOfJson<'a> {
    /// With `hex`, ids are strings, for readers that parse numbers as floating point.
    fn new((endpoint, s): &'a (String, pb::StatusResponse), hex: bool) -> Self {
        let status = StatusJson {
            header: header_hex(&s.header, hex),
            version: &s.version,
            db_size: s.db_size,
            leader: IdJson::new(s.leader, hex),
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

/// `endpoint hashkv`: each endpoint with its response.
#[derive(Clone, Debug)]
pub struct HashKv(pub Vec<(String, pb::HashKvResponse)>);

impl HashKv {
    /// The hash revision is empty if an older server does not send it.
    fn rows(&self) -> Rows {
        let row = |(endpoint, h): &(String, pb::HashKvResponse)| {
            let revision = match h.hash_revision {
                0 => String::new(),
                revision => revision.to_string(),
            };
            vec![endpoint.clone(), h.hash.to_string(), revision]
        };
        Rows {
            header: &["endpoint", "hash", "hash_revision"],
            rows: self.0.iter().map(row).collect(),
        }
    }
}

impl Reply for HashKv {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.rows(&self.rows())
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        for (endpoint, h) in &self.0 {
            out.header(h.header.as_ref())?;
            out.quoted("Endpoint", endpoint.as_bytes())?;
            out.line("Hash", h.hash)?;
            if h.hash_revision != 0 {
                out.line("HashRevision", h.hash_revision)?;
            }
            out.end_of_record()?;
        }
        Ok(())
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        let hex = out.hex();
        out.list(self.0.iter().map(|(endpoint, h)| HashOfJson {
            endpoint,
            hash_kv: HashJson {
                header: header_hex(&h.header, hex),
                hash: h.hash,
                compact_revision: h.compact_revision,
                hash_revision: h.hash_revision,
            },
        }))
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.rows(&self.rows())
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.unsupported()
    }
}

#[derive(Serialize)]
struct HashOfJson<'a> {
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

/// An alarm as text, as a server sends it in its status, with exactly one space between fields. Go's protobuf varies
/// the number of spaces randomly from build to build.
fn tidy_alarm(text: &str) -> String {
    if text.starts_with("memberID:") {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    } else {
        text.to_string()
    }
}

/// Sizes are signed on the wire, but never negative.
fn unsigned(size: i64) -> u64 {
    u64::try_from(size).unwrap_or(0)
}

fn not_in_use(s: &pb::StatusResponse) -> String {
    // Widened, because a large size times 100 does not fit into 64 bits.
    let (size, in_use) = (i128::from(s.db_size), i128::from(s.db_size_in_use));
    if size <= 0 || in_use <= 0 {
        String::new()
    } else {
        format!("{}%", 100 - in_use * 100 / size)
    }
}

/// Servers before 3.6 do not send the quota (0); a negative quota means no quota.
fn quota(bytes: i64) -> String {
    match bytes {
        0 => String::new(),
        ..0 => "none".to_string(),
        _ => format::bytes(unsigned(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_of_a_status_have_one_space() {
        for (text, tidy) in [
            ("memberID:1  alarm:NOSPACE ", "memberID:1 alarm:NOSPACE"),
            ("etcdserver:  no leader", "etcdserver:  no leader"),
        ] {
            assert_eq!(tidy_alarm(text), tidy);
        }
    }

    /// A 3.4 server sends no size in use, quota, storage version or downgrade state.
    #[test]
    fn an_old_server_leaves_cells_empty() {
        let old = pb::StatusResponse {
            db_size: 20480,
            ..Default::default()
        };
        let row = status_row("e", &old);
        assert_eq!(row[3..8], ["", "20 kB", "", "", ""]);
        assert_eq!(row[14..], ["", ""]);
    }

    #[test]
    fn percentages_do_not_overflow() {
        let s = pb::StatusResponse {
            db_size: i64::MAX,
            db_size_in_use: i64::MAX / 4,
            db_size_quota: -1,
            ..Default::default()
        };
        let row = status_row("e", &s);
        assert_eq!(row[5..8], ["2.3 EB", "76%", "none"]);
    }
}
