//! Transactions: compares, operations in order, nesting, overlaps.

use std::sync::Arc;

use etcd_maintenance::proto::etcdserverpb::{
    self as pb, compare::CompareResult, compare::TargetUnion, response_op::Response,
};
use tonic::Code;

use crate::{
    ask::{
        bytes, compact, compare, delete, facts, fill, get, keys, op, prefix, put, range_of,
        refused, txn,
    },
    target::Target,
};

on_every_target! {
    every_target_and_result_is_compared;
    a_missing_key_compares_as_zeros;
    unknown_compare_numbers_behave_as_in_etcd;
    a_negative_revision_is_compacted_in_a_transaction_only;
    a_compare_over_a_range_holds_for_all_of_it;
    operations_run_in_order_in_one_revision;
    reading_alone_makes_no_revision;
    nested_transactions_choose_before_anything_runs;
    a_refused_operation_leaves_nothing;
    a_key_is_written_once;
    bad_transactions_are_refused;
    too_many_operations ["--max-txn-ops=4"];
}

use CompareResult::{Equal, Greater, Less, NotEqual};

async fn every_target_and_result_is_compared(t: Arc<Target>) {
    let mut kv = t.kv();
    // Create revision 2, mod revision 3, version 2, value "m".
    fill(&t, &[("k", "a"), ("k", "m")]).await;
    type Of = fn(i64) -> TargetUnion;
    let targets: [(&str, Of, i64); 4] = [
        ("version", TargetUnion::Version, 2),
        ("create", TargetUnion::CreateRevision, 2),
        ("mod", TargetUnion::ModRevision, 3),
        ("lease", TargetUnion::Lease, 0),
    ];
    for (name, what, is) in targets {
        for (against, order) in [(is - 1, 1), (is, 0), (is + 1, -1)] {
            for result in [Equal, NotEqual, Greater, Less] {
                let holds = match result {
                    Equal => order == 0,
                    NotEqual => order != 0,
                    Greater => order > 0,
                    Less => order < 0,
                };
                let request = txn(vec![compare("k", result, what(against))], vec![], vec![]);
                let answer = kv.txn(request).await.unwrap().into_inner();
                assert_eq!(answer.succeeded, holds, "{name} {result:?} {against}");
            }
        }
    }
    for (against, order) in [("l", 1), ("m", 0), ("ma", -1), ("", 1)] {
        for (result, holds) in [
            (Equal, order == 0),
            (NotEqual, order != 0),
            (Greater, order > 0),
            (Less, order < 0),
        ] {
            let value = TargetUnion::Value(bytes(against));
            let request = txn(vec![compare("k", result, value)], vec![], vec![]);
            let answer = kv.txn(request).await.unwrap().into_inner();
            assert_eq!(answer.succeeded, holds, "value {result:?} {against:?}");
        }
    }
}

async fn a_missing_key_compares_as_zeros(t: Arc<Target>) {
    let mut kv = t.kv();
    for (compare, holds) in [
        (compare("no", Equal, TargetUnion::Version(0)), true),
        (compare("no", Equal, TargetUnion::CreateRevision(0)), true),
        (compare("no", Less, TargetUnion::ModRevision(1)), true),
        (compare("no", Equal, TargetUnion::Lease(0)), true),
        (compare("no", Greater, TargetUnion::Version(0)), false),
        // A missing value equals nothing, not even an empty value.
        (compare("no", Equal, TargetUnion::Value(bytes(""))), false),
        (
            compare("no", NotEqual, TargetUnion::Value(bytes("x"))),
            false,
        ),
    ] {
        let request = txn(vec![compare.clone()], vec![], vec![]);
        let answer = kv.txn(request).await.unwrap().into_inner();
        assert_eq!(answer.succeeded, holds, "{compare:?}");
    }
}

async fn a_compare_over_a_range_holds_for_all_of_it(t: Arc<Target>) {
    let mut kv = t.kv();
    fill(&t, &[("a1", "x"), ("a2", "x"), ("a3", "y")]).await;
    for (key, end, holds) in [
        ("a1", "a3", true),
        ("a1", "a4", false),
        ("a1", "\0", false),
        ("b", "c", false),
    ] {
        let request = pb::Compare {
            range_end: bytes(end),
            ..compare(key, Equal, TargetUnion::Value(bytes("x")))
        };
        let answer = kv.txn(txn(vec![request], vec![], vec![])).await.unwrap();
        assert_eq!(answer.into_inner().succeeded, holds, "[{key}, {end})");
    }
    // If the range is empty, a compare of anything but a value is that of a missing key.
    let empty = pb::Compare {
        range_end: bytes("c"),
        ..compare("b", Equal, TargetUnion::Version(0))
    };
    let answer = kv.txn(txn(vec![empty], vec![], vec![])).await.unwrap();
    assert!(answer.into_inner().succeeded);
}

const NESTED: [i64; 7] = [2, 3, 3, 3, 3, 3, 3];

async fn operations_run_in_order_in_one_revision(t: Arc<Target>) {
    let mut kv = t.kv();
    fill(&t, &[("old", "1")]).await;
    let request = txn(
        vec![compare("old", Equal, TargetUnion::Version(1))],
        vec![
            op(prefix("new")),
            op(put("new1", "a")),
            op(prefix("new")),
            op(delete("old")),
            op(put("new2", "b")),
            op(prefix("new")),
            op(get("old")),
        ],
        vec![op(put("failed", ""))],
    );
    let answer = kv.txn(request).await.unwrap().into_inner();
    assert!(answer.succeeded);
    assert_eq!(answer.header.unwrap().revision, 3);
    let ops = &answer.responses;
    // The nested responses have headers too, which contain only the revision seen by the operation.
    let revisions: Vec<_> = ops
        .iter()
        .map(|op| {
            let header = match op.response.as_ref().unwrap() {
                Response::ResponseRange(r) => r.header,
                Response::ResponsePut(r) => r.header,
                Response::ResponseDeleteRange(r) => r.header,
                Response::ResponseTxn(r) => r.header,
            };
            let header = header.unwrap_or_default();
            (header.revision, header.member_id)
        })
        .collect();
    assert_eq!(revisions, NESTED.map(|revision| (revision, 0)));
    assert_eq!(keys(range_of(&ops[0])), [""; 0]);
    assert_eq!(keys(range_of(&ops[2])), ["new1"]);
    assert_eq!(keys(range_of(&ops[5])), ["new1", "new2"]);
    assert_eq!(range_of(&ops[6]).count, 0);
    match &ops[3].response {
        Some(Response::ResponseDeleteRange(r)) => assert_eq!(r.deleted, 1),
        other => panic!("{other:?}"),
    }
    let read = kv.range(prefix("new")).await.unwrap().into_inner();
    let both: Vec<_> = read.kvs.iter().map(facts).collect();
    assert_eq!(
        both,
        [
            ("new1".into(), "a".into(), 3, 3, 1),
            ("new2".into(), "b".into(), 3, 3, 1)
        ]
    );
    let old = pb::RangeRequest {
        revision: 2,
        ..get("old")
    };
    assert_eq!(kv.range(old).await.unwrap().into_inner().count, 1);
}

async fn unknown_compare_numbers_behave_as_in_etcd(t: Arc<Target>) {
    let mut kv = t.kv();
    fill(&t, &[("k", "v")]).await;
    let unknown = 77;
    for key in ["k", "missing"] {
        for (result, holds) in [
            (Equal as i32, true),
            (NotEqual as i32, false),
            (Greater as i32, false),
            (Less as i32, false),
            (unknown, true),
        ] {
            let target_unknown = pb::Compare {
                target: unknown,
                result,
                ..compare(key, Equal, TargetUnion::Value(bytes("other")))
            };
            let request = txn(vec![target_unknown], vec![], vec![]);
            let answer = kv.txn(request).await.unwrap().into_inner();
            assert_eq!(answer.succeeded, holds, "{key} {result}");
        }
        let result_unknown = pb::Compare {
            result: unknown,
            ..compare(key, Equal, TargetUnion::Version(9))
        };
        let request = txn(vec![result_unknown], vec![], vec![]);
        assert!(kv.txn(request).await.unwrap().into_inner().succeeded);
    }
}

async fn a_negative_revision_is_compacted_in_a_transaction_only(t: Arc<Target>) {
    let mut kv = t.kv();
    fill(&t, &[("k", "v")]).await;
    let before_all = pb::RangeRequest {
        revision: -5,
        ..get("k")
    };
    let text = "etcdserver: mvcc: required revision has been compacted";
    kv.compact(compact(2)).await.unwrap();
    for ops in [
        vec![op(before_all.clone())],
        vec![op(put("x", "")), op(before_all.clone())],
    ] {
        refused(
            kv.txn(txn(vec![], ops, vec![])).await,
            Code::OutOfRange,
            text,
        );
    }
    assert_eq!(kv.range(before_all).await.unwrap().into_inner().count, 1);
}

async fn reading_alone_makes_no_revision(t: Arc<Target>) {
    let mut kv = t.kv();
    fill(&t, &[("k", "v")]).await;
    let request = txn(vec![], vec![op(get("k")), op(delete("no"))], vec![]);
    let answer = kv.txn(request).await.unwrap().into_inner();
    assert!(answer.succeeded);
    assert_eq!(answer.header.unwrap().revision, 2);
    assert_eq!(range_of(&answer.responses[0]).count, 1);
    let at_old = pb::RangeRequest {
        revision: 1,
        ..get("k")
    };
    let request = txn(
        vec![compare("k", Equal, TargetUnion::Version(7))],
        vec![],
        vec![op(at_old)],
    );
    let answer = kv.txn(request).await.unwrap().into_inner();
    assert!(!answer.succeeded);
    assert_eq!(range_of(&answer.responses[0]).count, 0);
}

async fn nested_transactions_choose_before_anything_runs(t: Arc<Target>) {
    let mut kv = t.kv();
    fill(&t, &[("k", "old")]).await;
    let inner = txn(
        vec![compare("k", Equal, TargetUnion::Value(bytes("old")))],
        vec![op(put("chose", "old")), op(get("k"))],
        vec![op(put("chose", "new"))],
    );
    let request = txn(vec![], vec![op(put("k", "new")), op(inner)], vec![]);
    let answer = kv.txn(request).await.unwrap().into_inner();
    let nested = match &answer.responses[1].response {
        Some(Response::ResponseTxn(r)) => r,
        other => panic!("{other:?}"),
    };
    assert!(nested.succeeded);
    // The compare saw the state before the transaction; the range sees what the transaction has put.
    assert_eq!(range_of(&nested.responses[1]).kvs[0].value, "new");
    let read = kv.range(get("chose")).await.unwrap().into_inner();
    assert_eq!(read.kvs[0].value, "old");
    assert_eq!(read.kvs[0].mod_revision, 3);
}

async fn a_refused_operation_leaves_nothing(t: Arc<Target>) {
    let mut kv = t.kv();
    fill(&t, &[("k", "v")]).await;
    let future = pb::RangeRequest {
        revision: 99,
        ..get("k")
    };
    refused(
        kv.txn(txn(vec![], vec![op(put("x", "")), op(future)], vec![]))
            .await,
        Code::OutOfRange,
        "etcdserver: mvcc: required revision is a future revision",
    );
    let missing = pb::PutRequest {
        ignore_value: true,
        ..put("missing", "")
    };
    refused(
        kv.txn(txn(vec![], vec![op(put("x", "")), op(missing)], vec![]))
            .await,
        Code::InvalidArgument,
        "etcdserver: key not found",
    );
    let leased = pb::PutRequest {
        lease: 7,
        ..put("l", "")
    };
    refused(
        kv.txn(txn(vec![], vec![op(put("x", "")), op(leased)], vec![]))
            .await,
        Code::NotFound,
        "etcdserver: requested lease not found",
    );
    let read = kv.range(get("x")).await.unwrap().into_inner();
    assert_eq!((read.count, read.header.unwrap().revision), (0, 2));
}

async fn a_key_is_written_once(t: Arc<Target>) {
    let mut kv = t.kv();
    let a_to_c = pb::DeleteRangeRequest {
        range_end: bytes("c"),
        ..delete("a")
    };
    let text = "etcdserver: duplicate key given in txn request";
    for ops in [
        vec![op(put("a", "1")), op(put("a", "2"))],
        vec![op(put("b", "1")), op(a_to_c.clone())],
        vec![
            op(txn(vec![], vec![op(put("a", ""))], vec![])),
            op(put("a", "")),
        ],
        vec![
            op(txn(vec![], vec![], vec![op(a_to_c.clone())])),
            op(put("b", "")),
        ],
        vec![
            op(txn(vec![], vec![op(put("a", ""))], vec![])),
            op(txn(vec![], vec![], vec![op(put("a", ""))])),
        ],
    ] {
        for request in [
            txn(vec![], ops.clone(), vec![]),
            txn(vec![], vec![], ops.clone()),
        ] {
            refused(kv.txn(request).await, Code::InvalidArgument, text);
        }
    }
    for ops in [
        vec![op(put("c", "1")), op(a_to_c)],
        vec![op(txn(
            vec![],
            vec![op(put("a", ""))],
            vec![op(put("a", ""))],
        ))],
        vec![
            op(pb::DeleteRangeRequest {
                range_end: bytes("\0"),
                ..delete("a")
            }),
            op(put("d", "")),
        ],
    ] {
        kv.txn(txn(vec![], ops, vec![])).await.unwrap();
    }
}

async fn bad_transactions_are_refused(t: Arc<Target>) {
    let mut kv = t.kv();
    let no_key = "etcdserver: key is not provided";
    for (request, text) in [
        (txn(vec![], vec![op(put("", ""))], vec![]), no_key),
        (txn(vec![], vec![], vec![op(get(""))]), no_key),
        (txn(vec![], vec![op(delete(""))], vec![]), no_key),
        (
            txn(
                vec![compare("", Equal, TargetUnion::Version(0))],
                vec![],
                vec![],
            ),
            no_key,
        ),
        (
            txn(vec![], vec![pb::RequestOp { request: None }], vec![]),
            "etcdserver: key not found",
        ),
        (
            txn(
                vec![],
                vec![op(pb::RangeRequest {
                    sort_target: 9,
                    ..get("k")
                })],
                vec![],
            ),
            "etcdserver: invalid sort option",
        ),
    ] {
        refused(kv.txn(request).await, Code::InvalidArgument, text);
    }
    let empty = kv.txn(txn(vec![], vec![], vec![])).await.unwrap();
    assert!(empty.into_inner().succeeded);
}

async fn too_many_operations(t: Arc<Target>) {
    let mut kv = t.kv();
    let text = "etcdserver: too many operations in txn request";
    let puts = |n: usize| -> Vec<_> { (0..n).map(|i| op(put(&format!("k{i}"), ""))).collect() };
    kv.txn(txn(vec![], puts(4), puts(4))).await.unwrap();
    refused(
        kv.txn(txn(vec![], puts(5), vec![])).await,
        Code::InvalidArgument,
        text,
    );
    let compares = (0..5)
        .map(|i| compare(&format!("k{i}"), Equal, TargetUnion::Version(0)))
        .collect();
    refused(
        kv.txn(txn(compares, vec![], vec![])).await,
        Code::InvalidArgument,
        text,
    );
    // A nested transaction may contain what its parent leaves.
    let nested = |n| txn(vec![], vec![op(txn(vec![], puts(n), vec![]))], vec![]);
    kv.txn(nested(3)).await.unwrap();
    refused(kv.txn(nested(4)).await, Code::InvalidArgument, text);
}
