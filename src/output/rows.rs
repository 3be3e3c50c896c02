//! Replies that are rows: the cells of a line of simple and of a table. Says what stands in a cell,
//! never how it is drawn.

use super::reply::{EndpointHealth, FileHashKv, SnapshotStatus};
use crate::golang::format;
use crate::proto::etcdserverpb as pb;

/// Column names as etcdctl writes them, and the cells below.
pub struct Rows {
    /// Lower case or mixed, as in etcd's source; a table shows them in capitals.
    pub header: &'static [&'static str],
    /// As many cells in each as there are names.
    pub rows: Vec<Vec<String>>,
}

/// `member list`.
pub fn members(reply: &pb::MemberListResponse) -> Rows {
    let row = |m: &pb::Member| {
        vec![
            format!("{:x}", m.id),
            if m.name.is_empty() {
                "unstarted"
            } else {
                "started"
            }
            .to_string(),
            m.name.clone(),
            m.peer_ur_ls.join(","),
            m.client_ur_ls.join(","),
            m.is_learner.to_string(),
        ]
    };
    Rows {
        header: &[
            "ID",
            "Status",
            "Name",
            "Peer Addrs",
            "Client Addrs",
            "Is Learner",
        ],
        rows: reply.members.iter().map(row).collect(),
    }
}

/// `endpoint health`.
pub fn health(endpoints: &[EndpointHealth]) -> Rows {
    let row = |h: &EndpointHealth| {
        vec![
            h.endpoint.clone(),
            h.health.to_string(),
            h.took_text(),
            h.error.clone(),
        ]
    };
    Rows {
        header: &["endpoint", "health", "took", "error"],
        rows: endpoints.iter().map(row).collect(),
    }
}

/// `endpoint status`. A cell whose field an older server does not send is empty.
pub fn status(endpoints: &[(String, pb::StatusResponse)]) -> Rows {
    let row = |(endpoint, s): &(String, pb::StatusResponse)| {
        let member_id = s.header.as_ref().map_or(0, |h| h.member_id);
        let downgrade = s.downgrade_info.as_ref();
        vec![
            endpoint.clone(),
            format!("{member_id:x}"),
            s.version.clone(),
            s.storage_version.clone(),
            format::bytes(unsigned(s.db_size)),
            if s.db_size_in_use == 0 {
                String::new()
            } else {
                format::bytes(unsigned(s.db_size_in_use))
            },
            not_in_use(s),
            quota(s.db_size_quota),
            (s.leader == member_id).to_string(),
            s.is_learner.to_string(),
            s.raft_term.to_string(),
            s.raft_index.to_string(),
            s.raft_applied_index.to_string(),
            s.errors
                .iter()
                .map(|e| tidy_alarm(e))
                .collect::<Vec<_>>()
                .join(", "),
            downgrade.map_or_else(String::new, |d| d.target_version.clone()),
            downgrade.map_or_else(String::new, |d| d.enabled.to_string()),
        ]
    };
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
        rows: endpoints.iter().map(row).collect(),
    }
}

/// `endpoint hashkv`. The revision of the hash is empty where an older server does not send it.
pub fn hash_kv(endpoints: &[(String, pb::HashKvResponse)]) -> Rows {
    let row = |(endpoint, h): &(String, pb::HashKvResponse)| {
        let revision = if h.hash_revision == 0 {
            String::new()
        } else {
            h.hash_revision.to_string()
        };
        vec![endpoint.clone(), h.hash.to_string(), revision]
    };
    Rows {
        header: &["endpoint", "hash", "hash_revision"],
        rows: endpoints.iter().map(row).collect(),
    }
}

/// `snapshot status`.
pub fn snapshot(s: &SnapshotStatus) -> Rows {
    Rows {
        header: &["hash", "revision", "total keys", "total size", "version"],
        rows: vec![vec![
            format!("{:x}", s.hash),
            s.revision.to_string(),
            s.total_key.to_string(),
            format::bytes(unsigned(s.total_size)),
            s.version.clone(),
        ]],
    }
}

/// `etcdutl hashkv`.
pub fn file_hash_kv(h: &FileHashKv) -> Rows {
    Rows {
        header: &["hash", "hash revision", "compact revision"],
        rows: vec![vec![
            h.hash.to_string(),
            h.hash_revision.to_string(),
            h.compact_revision.to_string(),
        ]],
    }
}

/// An alarm in the text form of Go's protobuf, fields without a value left out, one space between two.
pub fn alarm(a: &pb::AlarmMember) -> String {
    let mut parts = Vec::with_capacity(2);
    if a.member_id != 0 {
        parts.push(format!("memberID:{}", a.member_id));
    }
    if a.alarm != 0 {
        parts.push(format!("alarm:{}", alarm_name(a.alarm)));
    }
    parts.join(" ")
}

/// The name of an alarm, or its number where it is none that v3.7.1 knows.
pub fn alarm_name(number: i32) -> String {
    pb::AlarmType::try_from(number).map_or_else(
        |_| number.to_string(),
        |known| known.as_str_name().to_string(),
    )
}

/// An alarm as a server spells it in its status. The number of spaces in it varies from build to build of
/// the server (Go's protobuf randomises it), here it is always one.
pub fn tidy_alarm(text: &str) -> String {
    if text.starts_with("memberID:") {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    } else {
        text.to_string()
    }
}

/// Sizes are signed on the wire; none is negative.
fn unsigned(size: i64) -> u64 {
    u64::try_from(size).unwrap_or(0)
}

fn not_in_use(s: &pb::StatusResponse) -> String {
    // Widened: the product of a large size and 100 does not fit into 64 bits.
    let (size, in_use) = (i128::from(s.db_size), i128::from(s.db_size_in_use));
    if size <= 0 || in_use <= 0 {
        String::new()
    } else {
        format!("{}%", 100 - in_use * 100 / size)
    }
}

/// Servers before 3.6 do not tell it (0); a negative quota is none.
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
    fn alarms_have_one_space() {
        let nospace = pb::AlarmMember {
            member_id: 10276657743932975437,
            alarm: 1,
        };
        assert_eq!(
            alarm(&nospace),
            "memberID:10276657743932975437 alarm:NOSPACE"
        );
        assert_eq!(
            alarm(&pb::AlarmMember {
                member_id: 0,
                alarm: 2
            }),
            "alarm:CORRUPT"
        );
        assert_eq!(
            alarm(&pb::AlarmMember {
                member_id: 7,
                alarm: 9
            }),
            "memberID:7 alarm:9"
        );
        assert_eq!(
            tidy_alarm("memberID:1  alarm:NOSPACE "),
            "memberID:1 alarm:NOSPACE"
        );
        assert_eq!(
            tidy_alarm("etcdserver:  no leader"),
            "etcdserver:  no leader"
        );
    }

    /// A 3.4 server tells no size in use, quota, storage version or downgrade state.
    #[test]
    fn an_old_server_leaves_cells_empty() {
        let old = pb::StatusResponse {
            db_size: 20480,
            ..Default::default()
        };
        let row = &status(&[("e".into(), old)]).rows[0];
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
        let row = &status(&[("e".into(), s)]).rows[0];
        assert_eq!(row[5..8], ["2.3 EB", "76%", "none"]);
    }
}
