//! Every reply in every format, against what etcd v3.7.1's own tools print for the same answers
//! (`tests/data/golden`, with ids and sizes filled in).

use std::time::Duration;

use bytes::Bytes;

use super::replies::{
    endpoint::{EndpointHealth, HashKv, Health, Status},
    kv::{Compacted, Get},
    maintenance::{Defragmented, MemberTook, SnapshotSaved},
    snapshot::FileStatus,
    version::Version,
};
use super::{Format, RenderOptions, Reply, render};
use crate::proto::etcdserverpb as pb;
use crate::proto::etcdserverpb::response_op::Response;
use crate::proto::mvccpb::KeyValue;

const MEMBER: u64 = 0x8e9e05c52164694d;
const CLUSTER: u64 = 0xcdf818194e3a8c32;

fn text_with(reply: &dyn Reply, format: Format, hex: bool) -> String {
    let mut out = Vec::new();
    render(reply, format, &RenderOptions { hex }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn text(reply: &dyn Reply, format: Format) -> String {
    text_with(reply, format, false)
}

fn refused(reply: &dyn Reply, format: Format) -> String {
    let mut out = Vec::new();
    let error = render(reply, format, &RenderOptions::default(), &mut out).unwrap_err();
    assert!(out.is_empty(), "nothing may be written before a refusal");
    error.to_string()
}

fn header(revision: i64) -> Option<pb::ResponseHeader> {
    Some(pb::ResponseHeader {
        cluster_id: CLUSTER,
        member_id: MEMBER,
        revision,
        raft_term: 2,
    })
}

fn pair(key: &'static str, value: &'static str) -> KeyValue {
    KeyValue {
        key: Bytes::from_static(key.as_bytes()),
        value: Bytes::from_static(value.as_bytes()),
        create_revision: 2,
        mod_revision: 3,
        version: 2,
        lease: 0,
    }
}

fn get() -> Get {
    let response = pb::RangeResponse {
        header: header(3),
        kvs: vec![pair("foo", "bar")],
        more: false,
        count: 1,
    };
    Get {
        answer: response,
        ..Default::default()
    }
}

fn inner(revision: i64) -> Option<pb::ResponseHeader> {
    Some(pb::ResponseHeader {
        revision,
        ..Default::default()
    })
}

/// A range, a put over an old pair, a delete of nothing, and a transaction that failed with a range in it.
fn txn() -> pb::TxnResponse {
    let op = |response| pb::ResponseOp {
        response: Some(response),
    };
    let range = pb::RangeResponse {
        header: inner(6),
        kvs: vec![pair("k", "3")],
        more: false,
        count: 1,
    };
    let nested = pb::TxnResponse {
        header: inner(7),
        succeeded: false,
        responses: vec![op(Response::ResponseRange(pb::RangeResponse {
            header: inner(7),
            ..Default::default()
        }))],
    };
    pb::TxnResponse {
        header: header(7),
        succeeded: true,
        responses: vec![
            op(Response::ResponseRange(range)),
            op(Response::ResponsePut(pb::PutResponse {
                header: inner(7),
                prev_kv: Some(pair("k", "3")),
            })),
            op(Response::ResponseDeleteRange(pb::DeleteRangeResponse {
                header: inner(7),
                ..Default::default()
            })),
            op(Response::ResponseTxn(nested)),
        ],
    }
}

fn status() -> Status {
    let status = pb::StatusResponse {
        header: header(5),
        version: "3.7.1".into(),
        db_size: 20480,
        leader: MEMBER,
        raft_index: 8,
        raft_term: 2,
        raft_applied_index: 8,
        errors: vec![format!("memberID:{MEMBER}  alarm:NOSPACE")],
        db_size_in_use: 16384,
        is_learner: false,
        storage_version: "3.7.0".into(),
        db_size_quota: 131072,
        downgrade_info: Some(pb::DowngradeInfo::default()),
    };
    Status(vec![("127.0.0.1:2379".into(), status)])
}

fn health() -> Health {
    let row = |endpoint: &str, error: &str| EndpointHealth {
        endpoint: endpoint.into(),
        health: error.is_empty(),
        took: Duration::from_nanos(1_234_567),
        error: error.into(),
    };
    Health(vec![
        row("a:1", ""),
        row("b:2", "context deadline exceeded"),
    ])
}

fn alarms() -> pb::AlarmResponse {
    let alarms = vec![pb::AlarmMember {
        member_id: MEMBER,
        alarm: pb::AlarmType::Nospace as i32,
    }];
    pb::AlarmResponse {
        header: header(4),
        alarms,
    }
}

fn members() -> pb::MemberListResponse {
    let member = pb::Member {
        id: MEMBER,
        name: "default".into(),
        peer_ur_ls: vec!["http://localhost:2380".into()],
        client_ur_ls: vec!["http://127.0.0.1:2379".into()],
        is_learner: false,
    };
    let learner = pb::Member {
        id: 0x1f,
        peer_ur_ls: vec!["http://127.0.0.1:2".into()],
        is_learner: true,
        ..Default::default()
    };
    pb::MemberListResponse {
        header: header(0),
        members: vec![member, learner],
    }
}

fn snapshot_status() -> FileStatus {
    FileStatus {
        hash: 0x78a2bf53,
        revision: 14,
        total_key: 5,
        total_size: 20480,
        version: "3.7.0".into(),
    }
}

#[test]
fn get_in_every_format() {
    assert_eq!(text(&get(), Format::Simple), "foo\nbar\n");
    assert_eq!(
        text_with(&get(), Format::Simple, true),
        "\\x66\\x6f\\x6f\n\\x62\\x61\\x72\n"
    );
    assert_eq!(
        text(&get(), Format::Json),
        "{\"header\":{\"cluster_id\":14841639068965178418,\"member_id\":10276657743932975437,\"revision\":3,\"raft_term\":2},\
         \"kvs\":[{\"key\":\"Zm9v\",\"create_revision\":2,\"mod_revision\":3,\"version\":2,\"value\":\"YmFy\"}],\"count\":1}\n"
    );
    assert_eq!(
        text(&get(), Format::Fields),
        "\"ClusterID\" : 14841639068965178418\n\"MemberID\" : 10276657743932975437\n\"Revision\" : 3\n\"RaftTerm\" : 2\n\
         \"Key\" : \"foo\"\n\"CreateRevision\" : 2\n\"ModRevision\" : 3\n\"Version\" : 2\n\"Value\" : \"bar\"\n\"Lease\" : 0\n\
         \"More\" : false\n\"Count\" : 1\n"
    );
    assert_eq!(
        text_with(&get(), Format::Fields, true),
        "\"ClusterID\" : cdf818194e3a8c32\n\"MemberID\" : 8e9e05c52164694d\n\"Revision\" : 3\n\"RaftTerm\" : 2\n\
         \"Key\" : \"foo\"\n\"CreateRevision\" : 2\n\"ModRevision\" : 3\n\"Version\" : 2\n\"Value\" : \"bar\"\n\
         \"Lease\" : 0000000000000000\n\"More\" : false\n\"Count\" : 1\n"
    );
    assert_eq!(
        refused(&get(), Format::Table),
        "table not supported as output format"
    );
    let mut out = Vec::new();
    render(
        &get(),
        Format::Protobuf,
        &RenderOptions::default(),
        &mut out,
    )
    .unwrap();
    let message: pb::RangeResponse = prost::Message::decode(&out[..]).unwrap();
    assert_eq!((message.count, &message.kvs[0].value[..]), (1, &b"bar"[..]));
}

#[test]
fn values_alone_and_keys_alone() {
    let mut reply = get();
    reply.print_value_only = true;
    assert_eq!(text(&reply, Format::Simple), "bar\n");
    reply.print_value_only = false;
    reply.answer.kvs[0].value = Bytes::new();
    assert_eq!(
        text(&reply, Format::Simple),
        "foo\n\n",
        "an empty line stands for the value"
    );
}

#[test]
fn puts_and_deletes_show_the_old_pairs() {
    let put = pb::PutResponse {
        header: header(9),
        prev_kv: Some(pair("p", "<2>")),
    };
    assert_eq!(text(&put, Format::Simple), "OK\np\n<2>\n");
    assert!(text(&put, Format::Json).ends_with(
        "\"prev_kv\":{\"key\":\"cA==\",\"create_revision\":2,\"mod_revision\":3,\"version\":2,\"value\":\"PDI+\"}}\n"
    ));
    assert!(text(&put, Format::Fields).ends_with("\"PrevValue\" : \"<2>\"\n\"PrevLease\" : 0\n"));
    let delete = pb::DeleteRangeResponse {
        header: header(9),
        deleted: 1,
        prev_kvs: vec![pair("p", "2")],
    };
    assert_eq!(text(&delete, Format::Simple), "1\np\n2\n");
    assert!(text(&delete, Format::Fields).contains("\"Deleted\" : 1\n\"PrevKey\" : \"p\"\n"));
    let nothing = pb::DeleteRangeResponse {
        header: header(9),
        ..Default::default()
    };
    assert!(
        text(&nothing, Format::Json).ends_with("\"raft_term\":2}}\n"),
        "a count of 0 is left out"
    );
}

#[test]
fn transactions_of_every_kind() {
    let reply = txn();
    assert_eq!(
        text(&reply, Format::Simple),
        "SUCCESS\n\nk\n3\n\nOK\nk\n3\n\n0\n\nFAILURE\n\n"
    );
    let kv = "{\"key\":\"aw==\",\"create_revision\":2,\"mod_revision\":3,\"version\":2,\"value\":\"Mw==\"}";
    assert_eq!(
        text(&reply, Format::Json),
        format!(
            "{{\"header\":{{\"cluster_id\":{CLUSTER},\"member_id\":{MEMBER},\"revision\":7,\"raft_term\":2}},\"succeeded\":true,\
             \"responses\":[\
             {{\"Response\":{{\"response_range\":{{\"header\":{{\"revision\":6}},\"kvs\":[{kv}],\"count\":1}}}}}},\
             {{\"Response\":{{\"response_put\":{{\"header\":{{\"revision\":7}},\"prev_kv\":{kv}}}}}}},\
             {{\"Response\":{{\"response_delete_range\":{{\"header\":{{\"revision\":7}}}}}}}},\
             {{\"Response\":{{\"response_txn\":{{\"header\":{{\"revision\":7}},\"responses\":[\
             {{\"Response\":{{\"response_range\":{{\"header\":{{\"revision\":7}}}}}}}}]}}}}}}]}}\n"
        )
    );
    let fields = text(&reply, Format::Fields);
    assert!(
        fields.contains(
            "\"Succeeded\" : true\n\"ClusterID\" : 0\n\"MemberID\" : 0\n\"Revision\" : 6\n"
        ),
        "{fields}"
    );
    assert!(fields.contains("\"Succeeded\" : false\n"), "{fields}");
    let open = pb::TxnResponse {
        responses: vec![pb::ResponseOp { response: None }],
        ..Default::default()
    };
    assert_eq!(
        text(&open, Format::Json),
        "{\"responses\":[{\"Response\":{}}]}\n"
    );
}

#[test]
fn what_etcdctl_says_in_text_only_has_json() {
    let compaction = Compacted {
        answer: pb::CompactionResponse { header: header(9) },
        revision: 5,
    };
    let defrag = Defragmented(vec![
        MemberTook {
            endpoint: "a:1".into(),
            took: Duration::from_millis(90),
            error: None,
        },
        MemberTook {
            endpoint: "b:2".into(),
            took: Duration::from_secs(5),
            error: Some("context deadline exceeded".into()),
        },
    ]);
    let saved = SnapshotSaved {
        path: "b.db".into(),
        version: "3.7.0".into(),
        size: 20512,
        status: Some(snapshot_status()),
    };
    let version = Version {
        name: "etcdctl",
        version: "3.7.1",
        api_version: "3.7",
    };
    for format in [
        Format::Simple,
        Format::Table,
        Format::Fields,
        Format::Protobuf,
    ] {
        assert_eq!(text(&compaction, format), "compacted revision 5\n");
        assert_eq!(
            text(&defrag, format),
            "Finished defragmenting etcd member[a:1]. took 90ms\n"
        );
        assert_eq!(
            text(&saved, format),
            "Snapshot saved at b.db\nServer version 3.7.0\n"
        );
        assert_eq!(
            text(&version, format),
            "etcdctl version: 3.7.1\nAPI version: 3.7\n"
        );
    }
    assert!(
        text(&compaction, Format::Json).ends_with("\"raft_term\":2},\"compacted_revision\":5}\n")
    );
    assert_eq!(
        text(&defrag, Format::Json),
        "[{\"endpoint\":\"a:1\",\"took\":\"90ms\"},{\"endpoint\":\"b:2\",\"took\":\"5s\",\"error\":\"context deadline exceeded\"}]\n"
    );
    assert_eq!(
        text(&saved, Format::Json),
        "{\"path\":\"b.db\",\"version\":\"3.7.0\",\"size\":20512,\"status\":{\"hash\":2023931731,\"revision\":14,\
         \"totalKey\":5,\"totalSize\":20480,\"version\":\"3.7.0\"}}\n"
    );
    assert_eq!(
        text(&version, Format::Json),
        "{\"name\":\"etcdctl\",\"version\":\"3.7.1\",\"apiVersion\":\"3.7\"}\n"
    );
    // Servers before 3.6 do not send their version with a snapshot.
    let old = SnapshotSaved {
        path: "b.db".into(),
        version: String::new(),
        size: 20512,
        status: None,
    };
    assert_eq!(text(&old, Format::Simple), "Snapshot saved at b.db\n");
    assert_eq!(
        defrag.failures(),
        ["Failed to defragment etcd member[b:2]. took 5s. (context deadline exceeded)"]
    );
}

#[test]
fn alarms_in_every_format() {
    assert_eq!(
        text(&alarms(), Format::Simple),
        "memberID:10276657743932975437 alarm:NOSPACE\n"
    );
    assert!(
        text(&alarms(), Format::Json)
            .ends_with("\"alarms\":[{\"memberID\":10276657743932975437,\"alarm\":1}]}\n")
    );
    assert!(
        text(&alarms(), Format::Fields)
            .ends_with("\"MemberID\" : 10276657743932975437\n\"AlarmType\" : NOSPACE\n\n")
    );
    assert!(
        text_with(&alarms(), Format::Fields, true)
            .ends_with("\"MemberID\" : 8e9e05c52164694d\n\"AlarmType\" : NOSPACE\n\n")
    );
    assert_eq!(
        refused(&alarms(), Format::Table),
        "table not supported as output format"
    );
    let none = pb::AlarmResponse::default();
    assert_eq!(text(&none, Format::Json), "{}\n");
    assert_eq!(
        text(&none, Format::Fields),
        "\"ClusterID\" : 0\n\"MemberID\" : 0\n\"RaftTerm\" : 0\n"
    );
    assert_eq!(text(&none, Format::Protobuf), "");
}

#[test]
fn status_in_every_format() {
    assert_eq!(
        text(&status(), Format::Simple),
        "127.0.0.1:2379, 8e9e05c52164694d, 3.7.1, 3.7.0, 20 kB, 16 kB, 20%, 131 kB, true, false, 2, 8, 8, \
         memberID:10276657743932975437 alarm:NOSPACE, , false\n"
    );
    assert_eq!(
        text(&status(), Format::Json),
        format!(
            "[{{\"Endpoint\":\"127.0.0.1:2379\",\"Status\":{{\"header\":{{\"cluster_id\":{CLUSTER},\"member_id\":{MEMBER},\
             \"revision\":5,\"raft_term\":2}},\"version\":\"3.7.1\",\"dbSize\":20480,\"leader\":{MEMBER},\"raftIndex\":8,\
             \"raftTerm\":2,\"raftAppliedIndex\":8,\"errors\":[\"memberID:{MEMBER} alarm:NOSPACE\"],\"dbSizeInUse\":16384,\
             \"storageVersion\":\"3.7.0\",\"dbSizeQuota\":131072,\"downgradeInfo\":{{}}}}}}]\n"
        )
    );
    assert_eq!(text(&Status(vec![]), Format::Json), "null\n");
    let fields = text(&status(), Format::Fields);
    assert_eq!(fields.matches("RaftTerm").count(), 1);
    assert!(fields.contains(&format!(
        "\"Errors\" : [memberID:{MEMBER} alarm:NOSPACE]\n\"Endpoint\" : \"127.0.0.1:2379\"\n"
    )));
    assert!(
        text_with(&status(), Format::Fields, true).contains(&format!("\"Leader\" : {MEMBER}\n"))
    );
    let table = text(&status(), Format::Table);
    let widths: Vec<_> = table.lines().map(str::len).collect();
    assert_eq!(widths.len(), 6, "an alarm takes a second line:\n{table}");
    assert!(widths.iter().all(|w| *w == widths[0]), "{table}");
    assert_eq!(
        refused(&status(), Format::Protobuf),
        "protobuf not supported as output format"
    );
}

#[test]
fn health_in_every_format() {
    assert_eq!(
        text(&health(), Format::Simple),
        "a:1 is healthy: successfully committed proposal: took = 1.234567ms\n"
    );
    assert_eq!(
        health().failures(),
        ["b:2 is unhealthy: failed to commit proposal: context deadline exceeded"]
    );
    assert_eq!(
        text(&health(), Format::Json),
        "[{\"endpoint\":\"a:1\",\"health\":true,\"took\":\"1.234567ms\"},\
         {\"endpoint\":\"b:2\",\"health\":false,\"took\":\"1.234567ms\",\"error\":\"context deadline exceeded\"}]\n"
    );
    assert!(text(&health(), Format::Fields).ends_with(
        "\"Endpoint\" : \"b:2\"\n\"Health\" : false\n\"Took\" : 1.234567ms\n\"Error\" : context deadline exceeded\n\n"
    ));
    assert_eq!(
        refused(&health(), Format::Protobuf),
        "protobuf not supported as output format"
    );
}

#[test]
fn hashes_in_every_format() {
    let hash = pb::HashKvResponse {
        header: header(6),
        hash: 1586507828,
        compact_revision: -1,
        hash_revision: 6,
    };
    let reply = HashKv(vec![("127.0.0.1:23456".into(), hash)]);
    assert_eq!(
        text(&reply, Format::Simple),
        "127.0.0.1:23456, 1586507828, 6\n"
    );
    assert!(
        text(&reply, Format::Json)
            .ends_with("\"hash\":1586507828,\"compact_revision\":-1,\"hash_revision\":6}}]\n")
    );
    assert!(
        text(&reply, Format::Json)
            .starts_with("[{\"Endpoint\":\"127.0.0.1:23456\",\"HashKV\":{\"header\":{")
    );
    assert!(text(&reply, Format::Fields).ends_with(
        "\"Endpoint\" : \"127.0.0.1:23456\"\n\"Hash\" : 1586507828\n\"HashRevision\" : 6\n\n"
    ));
    assert_eq!(
        text(&reply, Format::Table),
        "\
+-----------------+------------+---------------+
|    ENDPOINT     |    HASH    | HASH REVISION |
+-----------------+------------+---------------+
| 127.0.0.1:23456 | 1586507828 |             6 |
+-----------------+------------+---------------+
"
    );
    assert_eq!(
        refused(&reply, Format::Protobuf),
        "protobuf not supported as output format"
    );
}

#[test]
fn members_in_every_format() {
    assert_eq!(
        text(&members(), Format::Simple),
        "8e9e05c52164694d, started, default, http://localhost:2380, http://127.0.0.1:2379, false\n\
         1f, unstarted, , http://127.0.0.1:2, , true\n"
    );
    assert_eq!(
        text(&members(), Format::Json),
        format!(
            "{{\"header\":{{\"cluster_id\":{CLUSTER},\"member_id\":{MEMBER},\"raft_term\":2}},\"members\":[\
             {{\"ID\":{MEMBER},\"name\":\"default\",\"peerURLs\":[\"http://localhost:2380\"],\
             \"clientURLs\":[\"http://127.0.0.1:2379\"]}},\
             {{\"ID\":31,\"peerURLs\":[\"http://127.0.0.1:2\"],\"isLearner\":true}}]}}\n"
        )
    );
    assert!(text_with(&members(), Format::Json, true).starts_with(
        "{\"header\":{\"cluster_id\":\"cdf818194e3a8c32\",\"member_id\":\"8e9e05c52164694d\",\"raft_term\":2},\
         \"members\":[{\"ID\":\"8e9e05c52164694d\",\"name\":\"default\","
    ));
    assert_eq!(
        text_with(&members(), Format::Fields, true),
        "\"ClusterID\" : cdf818194e3a8c32\n\"MemberID\" : 8e9e05c52164694d\n\"RaftTerm\" : 2\n\
         \"ID\" : 8e9e05c52164694d\n\"Name\" : \"default\"\n\"PeerURL\" : \"http://localhost:2380\"\n\
         \"ClientURL\" : \"http://127.0.0.1:2379\"\n\"IsLearner\" : false\n\n\
         \"ID\" : 1f\n\"Name\" : \"\"\n\"PeerURL\" : \"http://127.0.0.1:2\"\n\"IsLearner\" : true\n\n"
    );
    assert!(text(&members(), Format::Table).starts_with(
        "\
+------------------+-----------+---------+-----------------------+-----------------------+------------+
|        ID        |  STATUS   |  NAME   |      PEER ADDRS       |     CLIENT ADDRS      | IS LEARNER |
+------------------+-----------+---------+-----------------------+-----------------------+------------+
| 8e9e05c52164694d |   started | default | http://localhost:2380 | http://127.0.0.1:2379 |      false |
"
    ));
}

#[test]
fn snapshot_status_in_every_format() {
    let reply = snapshot_status();
    assert_eq!(
        text(&reply, Format::Simple),
        "78a2bf53, 14, 5, 20 kB, 3.7.0\n"
    );
    assert_eq!(
        text(&reply, Format::Json),
        "{\"hash\":2023931731,\"revision\":14,\"totalKey\":5,\"totalSize\":20480,\"version\":\"3.7.0\"}\n"
    );
    assert_eq!(
        text(&reply, Format::Fields),
        "\"Hash\" : 2023931731\n\"Revision\" : 14\n\"Keys\" : 5\n\"Size\" : 20480\n\"Version\" : 3.7.0\n"
    );
    assert_eq!(
        refused(&reply, Format::Protobuf),
        "protobuf not supported as output format"
    );
    assert_eq!(
        text(&reply, Format::Table),
        "\
+----------+----------+------------+------------+---------+
|   HASH   | REVISION | TOTAL KEYS | TOTAL SIZE | VERSION |
+----------+----------+------------+------------+---------+
| 78a2bf53 |       14 |          5 |      20 kB |   3.7.0 |
+----------+----------+------------+------------+---------+
"
    );
    let empty = FileStatus {
        version: String::new(),
        hash: 0xc,
        ..snapshot_status()
    };
    assert_eq!(
        text(&empty, Format::Simple),
        "c, 14, 5, 20 kB, \n",
        "no leading zeros"
    );
}
