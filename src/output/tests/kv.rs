//! Replies to reads and writes of keys.

use super::*;

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
        "an empty line in place of the value"
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
