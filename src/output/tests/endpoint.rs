//! Replies about endpoints.

use super::*;

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
