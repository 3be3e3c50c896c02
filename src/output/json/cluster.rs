//! JSON of the answers about members and alarms: `member list`, `alarm list`, `alarm disarm`.
//! Names, order and omissions are those of the struct tags in etcd v3.7.1's generated Go.

use serde::Serialize;

use super::header::{HeaderJson, empty, header};
use crate::proto::etcdserverpb as pb;

/// `alarm list`, `alarm disarm`.
#[derive(Serialize)]
pub struct AlarmsJson {
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

impl From<&pb::AlarmResponse> for AlarmsJson {
    fn from(r: &pb::AlarmResponse) -> Self {
        let alarm = |a: &pb::AlarmMember| AlarmJson {
            member_id: a.member_id,
            alarm: a.alarm,
        };
        Self {
            header: header(&r.header),
            alarms: r.alarms.iter().map(alarm).collect(),
        }
    }
}

/// `member list`.
#[derive(Serialize)]
pub struct MembersJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<HeaderJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    members: Vec<MemberJson<'a, u64>>,
}

#[derive(Serialize)]
struct MemberJson<'a, Id: Serialize + Default + PartialEq> {
    #[serde(rename = "ID", skip_serializing_if = "empty")]
    id: Id,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(rename = "peerURLs", skip_serializing_if = "<[String]>::is_empty")]
    peer_urls: &'a [String],
    #[serde(rename = "clientURLs", skip_serializing_if = "<[String]>::is_empty")]
    client_urls: &'a [String],
    #[serde(rename = "isLearner", skip_serializing_if = "empty")]
    is_learner: bool,
}

fn member<Id: Serialize + Default + PartialEq>(m: &pb::Member, id: Id) -> MemberJson<'_, Id> {
    MemberJson {
        id,
        name: &m.name,
        peer_urls: &m.peer_ur_ls,
        client_urls: &m.client_ur_ls,
        is_learner: m.is_learner,
    }
}

impl<'a> From<&'a pb::MemberListResponse> for MembersJson<'a> {
    fn from(r: &'a pb::MemberListResponse) -> Self {
        Self {
            header: header(&r.header),
            members: r.members.iter().map(|m| member(m, m.id)).collect(),
        }
    }
}

/// `member list --hex`: ids are texts, and neither ids nor lists are left out.
#[derive(Serialize)]
pub struct HexMembersJson<'a> {
    header: Option<HexHeaderJson>,
    members: Vec<MemberJson<'a, String>>,
}

#[derive(Serialize)]
struct HexHeaderJson {
    cluster_id: String,
    member_id: String,
    #[serde(skip_serializing_if = "empty")]
    revision: i64,
    #[serde(skip_serializing_if = "empty")]
    raft_term: u64,
}

impl<'a> From<&'a pb::MemberListResponse> for HexMembersJson<'a> {
    fn from(r: &'a pb::MemberListResponse) -> Self {
        let header = r.header.as_ref().map(|h| HexHeaderJson {
            cluster_id: format!("{:x}", h.cluster_id),
            member_id: format!("{:x}", h.member_id),
            revision: h.revision,
            raft_term: h.raft_term,
        });
        Self {
            header,
            members: r
                .members
                .iter()
                .map(|m| member(m, format!("{:x}", m.id)))
                .collect(),
        }
    }
}
