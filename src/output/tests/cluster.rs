//! Replies about members, alarms and snapshots, and replies for which etcdctl has only text.

use super::*;

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
fn replies_that_are_only_text_in_etcdctl_have_json() {
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
        details: None,
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
        details: None,
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
