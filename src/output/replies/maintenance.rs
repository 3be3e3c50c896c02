//! Replies of the service Maintenance: `alarm`, `defrag`, `downgrade`, `move-leader`, `snapshot save`. Those of
//! `endpoint` are in [`super::endpoint`].

use std::{borrow::Cow, time::Duration};

use serde::Serialize;

use super::snapshot::{FileStatus, FileStatusJson};
use crate::golang::{format, string};
use crate::output::{
    Rendered, Reply,
    fields::Fields,
    json::{HeaderJson, Json, OnlyHeaderJson, empty, header},
    protobuf::Protobuf,
    simple::Simple,
    table::Table,
};
use crate::proto::etcdserverpb as pb;

/// `alarm list`, `alarm disarm`.
impl Reply for pb::AlarmResponse {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        self.alarms.iter().try_for_each(|a| out.line(alarm(a)))
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.header(self.header.as_ref())?;
        for alarm in &self.alarms {
            out.id("MemberID", alarm.member_id)?;
            out.line("AlarmType", alarm_name(alarm.alarm))?;
            out.end_of_record()?;
        }
        Ok(())
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        let alarm = |a: &pb::AlarmMember| AlarmJson {
            member_id: a.member_id,
            alarm: a.alarm,
        };
        out.value(&AlarmsJson {
            header: header(&self.header),
            alarms: self.alarms.iter().map(alarm).collect(),
        })
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.unsupported()
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.message(self)
    }
}

#[derive(Serialize)]
struct AlarmsJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<HeaderJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    alarms: Vec<AlarmJson>,
}

#[derive(Serialize)]
struct AlarmJson {
    #[serde(rename = "memberID", skip_serializing_if = "empty")]
    member_id: u64,
    #[serde(skip_serializing_if = "empty")]
    alarm: i32,
}

/// An alarm in Go's protobuf text format: fields without a value are omitted, and one space separates fields.
fn alarm(a: &pb::AlarmMember) -> String {
    let mut parts = Vec::with_capacity(2);
    if a.member_id != 0 {
        parts.push(format!("memberID:{}", a.member_id));
    }
    if a.alarm != 0 {
        parts.push(format!("alarm:{}", alarm_name(a.alarm)));
    }
    parts.join(" ")
}

/// The name of an alarm, or its number if etcd v3.7.1 does not know it.
fn alarm_name(number: i32) -> String {
    pb::AlarmType::try_from(number).map_or_else(
        |_| number.to_string(),
        |known| known.as_str_name().to_string(),
    )
}

/// `defrag`. With JSON, the results of all members are printed together; in the other formats a command emits one reply
/// per member as soon as that member is done.
#[derive(Clone, Debug)]
pub struct Defragmented(pub Vec<MemberTook>);

/// Duration of the defragmentation of one member, or why it failed.
#[derive(Clone, Debug)]
pub struct MemberTook {
    /// As typed.
    pub endpoint: String,
    /// Duration of the RPC.
    pub took: Duration,
    /// The failure, if it failed.
    pub error: Option<String>,
}

impl Defragmented {
    /// The lines about members that failed, which are printed to stderr.
    pub fn failures(&self) -> Vec<String> {
        let failure = |m: &MemberTook| {
            let (endpoint, took) = (&m.endpoint, format::duration(m.took));
            let error = m.error.as_ref()?;
            Some(format!(
                "Failed to defragment etcd member[{endpoint}]. took {took}. ({error})"
            ))
        };
        self.0.iter().filter_map(failure).collect()
    }
}

/// etcdctl prints text in every format; the JSON is ours.
impl Reply for Defragmented {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        for member in self.0.iter().filter(|m| m.error.is_none()) {
            let took = format::duration(member.took);
            out.line(format_args!(
                "Finished defragmenting etcd member[{}]. took {took}",
                member.endpoint
            ))?;
        }
        Ok(())
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.as_simple(self)
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.list(self.0.iter().map(|m| TookJson {
            endpoint: &m.endpoint,
            took: format::duration(m.took),
            error: m.error.as_deref(),
        }))
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.as_simple(self)
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.as_simple(self)
    }
}

#[derive(Serialize)]
struct TookJson<'a> {
    endpoint: &'a str,
    took: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// `snapshot save`.
#[derive(Clone, Debug)]
pub struct SnapshotSaved {
    /// The file, as typed.
    pub path: String,
    /// Version of the server, if it sends it (3.6 and later).
    pub version: String,
    /// Number of bytes written, including the digest at the end.
    pub size: u64,
    /// The result of `snapshot status` for the file, if it was computed.
    pub status: Option<FileStatus>,
    /// The source, if a flag of ours was given.
    pub details: Option<SavedDetails>,
}

/// The source of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SavedDetails {
    /// The endpoint.
    pub endpoint: String,
    /// The member, 16 hexadecimal digits.
    pub member_id: String,
    /// The revision of the file; `None` if the file would have to be decompressed for it.
    pub revision: Option<i64>,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// The endpoints that failed before.
    pub tried: Vec<Tried>,
}

/// A member that did not deliver a complete snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// The endpoint.
    pub endpoint: String,
    /// Bytes received from it.
    pub bytes: u64,
    /// The reason.
    pub error: String,
}

/// etcdctl prints text in every format; the JSON is ours.
impl Reply for SnapshotSaved {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.line(format_args!("Snapshot saved at {}", self.path))?;
        if self.version.is_empty() {
            return Ok(());
        }
        out.line(format_args!("Server version {}", self.version))
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.as_simple(self)
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(&SavedJson {
            path: string::lossy(&self.path),
            version: &self.version,
            size: self.size,
            status: self.status.as_ref().map(Into::into),
            details: self.details.as_ref(),
        })
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.as_simple(self)
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.as_simple(self)
    }
}

#[derive(Serialize)]
struct SavedJson<'a> {
    path: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<FileStatusJson<'a>>,
    #[serde(flatten)]
    details: Option<&'a SavedDetails>,
}

/// `move-leader`.
#[derive(Clone, Debug)]
pub struct LeaderMoved {
    /// The previous leader.
    pub from: u64,
    /// The new leader.
    pub to: u64,
    /// The server's answer.
    pub answer: pb::MoveLeaderResponse,
}

impl Reply for LeaderMoved {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.line(format_args!(
            "Leadership transferred from {:x} to {:x}",
            self.from, self.to
        ))
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.unsupported()
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(&OnlyHeaderJson::new(&self.answer.header))
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.unsupported()
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.message(&self.answer)
    }
}

/// The commands under `downgrade`.
#[derive(Clone, Debug)]
pub struct Downgraded {
    /// `validate`, `enable` or `cancel`.
    pub what: &'static str,
    /// The server's answer.
    pub answer: pb::DowngradeResponse,
}

impl Reply for Downgraded {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.line(format_args!(
            "Downgrade {} success, cluster version {}",
            self.what, self.answer.version
        ))
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.unsupported()
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(&DowngradeJson {
            header: header(&self.answer.header),
            version: &self.answer.version,
        })
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.unsupported()
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.message(&self.answer)
    }
}

#[derive(Serialize)]
struct DowngradeJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<HeaderJson>,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_have_one_space() {
        let member = |member_id, kind| pb::AlarmMember {
            member_id,
            alarm: kind,
        };
        for (of, text) in [
            (
                member(10276657743932975437, 1),
                "memberID:10276657743932975437 alarm:NOSPACE",
            ),
            (member(0, 2), "alarm:CORRUPT"),
            (member(7, 9), "memberID:7 alarm:9"),
        ] {
            assert_eq!(alarm(&of), text);
        }
    }
}
