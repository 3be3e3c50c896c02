//! Put, range and delete, with all their options.

use std::sync::Arc;

use etcd_maintenance::proto::etcdserverpb::{
    self as pb, range_request::SortOrder, range_request::SortTarget,
};
use tonic::Code;

use crate::{
    ask::{bytes, delete, facts, fill, get, keys, prefix, put, refused},
    target::Target,
};

on_every_target! {
    a_put_is_read_back;
    put_keeps_what_it_is_told_to_keep;
    put_refuses_what_makes_no_sense;
    ranges_are_half_open;
    limit_more_and_count;
    keys_only_and_count_only;
    sorted_by_every_target_and_order;
    filtered_by_revisions;
    read_at_a_revision;
    a_range_refuses_what_makes_no_sense;
    deletes_tell_what_they_deleted;
    a_deleted_key_begins_again;
    pieces_of_a_range_make_the_range;
    pieces_refuse_orders_and_filters;
    headers_name_the_member;
    keys_and_values_are_any_bytes;
}

async fn a_put_is_read_back(t: Arc<Target>) {
    let mut kv = t.kv();
    let none = kv.range(get("k")).await.unwrap().into_inner();
    assert_eq!((none.count, none.more, none.kvs.len()), (0, false, 0));
    assert_eq!(none.header.unwrap().revision, 1);
    let first = kv.put(put("k", "v1")).await.unwrap().into_inner();
    assert_eq!(first.header.unwrap().revision, 2);
    assert_eq!(first.prev_kv, None);
    kv.put(put("k", "v2")).await.unwrap();
    let read = kv.range(get("k")).await.unwrap().into_inner();
    assert_eq!((read.count, read.more), (1, false));
    assert_eq!(facts(&read.kvs[0]), ("k".into(), "v2".into(), 2, 3, 2));
    let serializable = pb::RangeRequest {
        serializable: true,
        ..get("k")
    };
    let again = kv.range(serializable).await.unwrap().into_inner();
    assert_eq!(again.kvs, read.kvs);
}

async fn put_keeps_what_it_is_told_to_keep(t: Arc<Target>) {
    let mut kv = t.kv();
    fill(&t, &[("k", "v1")]).await;
    let keep = pb::PutRequest {
        ignore_value: true,
        ignore_lease: true,
        prev_kv: true,
        ..put("k", "")
    };
    let answer = kv.put(keep).await.unwrap().into_inner();
    assert_eq!(
        facts(&answer.prev_kv.unwrap()),
        ("k".into(), "v1".into(), 2, 2, 1)
    );
    let read = kv.range(get("k")).await.unwrap().into_inner();
    assert_eq!(facts(&read.kvs[0]), ("k".into(), "v1".into(), 2, 3, 2));
    for request in [
        pb::PutRequest {
            ignore_value: true,
            ..put("missing", "")
        },
        pb::PutRequest {
            ignore_lease: true,
            ..put("missing", "v")
        },
    ] {
        refused(
            kv.put(request).await,
            Code::InvalidArgument,
            "etcdserver: key not found",
        );
    }
    // An error leaves the revision unchanged.
    let read = kv.range(get("k")).await.unwrap().into_inner();
    assert_eq!(read.header.unwrap().revision, 3);
}

async fn put_refuses_what_makes_no_sense(t: Arc<Target>) {
    let mut kv = t.kv();
    for (request, code, text) in [
        (
            put("", "v"),
            Code::InvalidArgument,
            "etcdserver: key is not provided",
        ),
        (
            pb::PutRequest {
                ignore_value: true,
                ..put("k", "v")
            },
            Code::InvalidArgument,
            "etcdserver: value is provided",
        ),
        (
            pb::PutRequest {
                ignore_lease: true,
                lease: 7,
                ..put("k", "v")
            },
            Code::InvalidArgument,
            "etcdserver: lease is provided",
        ),
        (
            pb::PutRequest {
                lease: 7,
                ..put("k", "v")
            },
            Code::NotFound,
            "etcdserver: requested lease not found",
        ),
    ] {
        refused(kv.put(request).await, code, text);
    }
}

async fn ranges_are_half_open(t: Arc<Target>) {
    let mut kv = t.kv();
    fill(&t, &[("a", "1"), ("b", "2"), ("ba", "3"), ("c", "4")]).await;
    for (key, end, want) in [
        ("a", "c", &["a", "b", "ba"][..]),
        ("a", "b\0", &["a", "b"]),
        ("b", "\0", &["b", "ba", "c"]),
        ("\0", "\0", &["a", "b", "ba", "c"]),
        ("c", "a", &[]),
        ("b", "b", &[]),
        ("d", "\0", &[]),
    ] {
        let request = pb::RangeRequest {
            range_end: bytes(end),
            ..get(key)
        };
        let read = kv.range(request).await.unwrap().into_inner();
        assert_eq!(keys(&read), want, "[{key:?}, {end:?})");
        assert_eq!(read.count, want.len() as i64);
    }
}

async fn limit_more_and_count(t: Arc<Target>) {
    let mut kv = t.kv();
    fill(&t, &[("a1", ""), ("a2", ""), ("a3", ""), ("b", "")]).await;
    for (limit, len, more) in [(0, 3, false), (1, 1, true), (2, 2, true), (3, 3, false)] {
        let request = pb::RangeRequest {
            limit,
            ..prefix("a")
        };
        let read = kv.range(request).await.unwrap().into_inner();
        assert_eq!((read.kvs.len(), read.more, read.count), (len, more, 3));
    }
    // With an order, the limit applies after sorting.
    let request = pb::RangeRequest {
        limit: 1,
        sort_order: SortOrder::Descend.into(),
        ..prefix("a")
    };
    let read = kv.range(request).await.unwrap().into_inner();
    assert_eq!((keys(&read), read.more), (vec!["a3".to_string()], true));
}

async fn keys_only_and_count_only(t: Arc<Target>) {
    let mut kv = t.kv();
    fill(&t, &[("a1", "x"), ("a2", "y")]).await;
    let request = pb::RangeRequest {
        keys_only: true,
        ..prefix("a")
    };
    let read = kv.range(request).await.unwrap().into_inner();
    assert_eq!(facts(&read.kvs[1]), ("a2".into(), String::new(), 3, 3, 1));
    let request = pb::RangeRequest {
        count_only: true,
        limit: 1,
        ..prefix("a")
    };
    let read = kv.range(request).await.unwrap().into_inner();
    assert_eq!((read.count, read.kvs.len(), read.more), (2, 0, false));
}

async fn sorted_by_every_target_and_order(t: Arc<Target>) {
    let mut kv = t.kv();
    // Key:      a b c
    // Create:   2 3 4
    // Mod:      7 3 6
    // Version:  2 1 3
    // Value:    y z x
    fill(
        &t,
        &[
            ("a", "1"),
            ("b", "z"),
            ("c", "2"),
            ("c", "3"),
            ("c", "x"),
            ("a", "y"),
        ],
    )
    .await;
    for (target, ascending) in [
        (SortTarget::Key, ["a", "b", "c"]),
        (SortTarget::Version, ["b", "a", "c"]),
        (SortTarget::Create, ["a", "b", "c"]),
        (SortTarget::Mod, ["b", "c", "a"]),
        (SortTarget::Value, ["c", "a", "b"]),
    ] {
        let mut descending = ascending;
        descending.reverse();
        // No order with a target other than the key means ascending.
        for (order, want) in [
            (SortOrder::Ascend, ascending),
            (SortOrder::Descend, descending),
            (SortOrder::None, ascending),
        ] {
            let request = pb::RangeRequest {
                range_end: bytes("\0"),
                sort_order: order.into(),
                sort_target: target.into(),
                ..get("\0")
            };
            let read = kv.range(request).await.unwrap().into_inner();
            assert_eq!(keys(&read), want, "{target:?} {order:?}");
        }
    }
}

async fn filtered_by_revisions(t: Arc<Target>) {
    let mut kv = t.kv();
    // Created at 2, 3, 4; last changed at 5, 3, 4.
    fill(&t, &[("a", "1"), ("b", "1"), ("c", "1"), ("a", "2")]).await;
    let all = pb::RangeRequest {
        range_end: bytes("\0"),
        ..get("\0")
    };
    for (request, want) in [
        (
            pb::RangeRequest {
                min_mod_revision: 4,
                ..all.clone()
            },
            &["a", "c"][..],
        ),
        (
            pb::RangeRequest {
                max_mod_revision: 4,
                ..all.clone()
            },
            &["b", "c"],
        ),
        (
            pb::RangeRequest {
                min_create_revision: 3,
                ..all.clone()
            },
            &["b", "c"],
        ),
        (
            pb::RangeRequest {
                max_create_revision: 2,
                ..all.clone()
            },
            &["a"],
        ),
        (
            pb::RangeRequest {
                min_mod_revision: 4,
                max_create_revision: 2,
                limit: 1,
                ..all.clone()
            },
            &["a"],
        ),
    ] {
        let read = kv.range(request.clone()).await.unwrap().into_inner();
        assert_eq!(keys(&read), want, "{request:?}");
        // The count is that of the range, before the filters.
        assert_eq!(read.count, 3, "{request:?}");
    }
}

async fn read_at_a_revision(t: Arc<Target>) {
    let mut kv = t.kv();
    fill(&t, &[("k", "v2"), ("k", "v3")]).await;
    kv.delete_range(delete("k")).await.unwrap();
    fill(&t, &[("k", "v5")]).await;
    for (revision, want) in [
        (1, None),
        (2, Some(("k".into(), "v2".into(), 2, 2, 1))),
        (3, Some(("k".into(), "v3".into(), 2, 3, 2))),
        (4, None),
        (5, Some(("k".into(), "v5".into(), 5, 5, 1))),
        (0, Some(("k".into(), "v5".into(), 5, 5, 1))),
        // Anything below zero means the current revision.
        (-1, Some(("k".into(), "v5".into(), 5, 5, 1))),
    ] {
        let request = pb::RangeRequest {
            revision,
            ..get("k")
        };
        let read = kv.range(request).await.unwrap().into_inner();
        assert_eq!(read.kvs.first().map(facts), want, "at {revision}");
        assert_eq!(read.header.unwrap().revision, 5);
    }
    let future = pb::RangeRequest {
        revision: 6,
        ..get("k")
    };
    refused(
        kv.range(future).await,
        Code::OutOfRange,
        "etcdserver: mvcc: required revision is a future revision",
    );
}

async fn a_range_refuses_what_makes_no_sense(t: Arc<Target>) {
    let mut kv = t.kv();
    for (request, text) in [
        (get(""), "etcdserver: key is not provided"),
        (
            pb::RangeRequest {
                range_end: bytes("z"),
                ..get("")
            },
            "etcdserver: key is not provided",
        ),
        (
            pb::RangeRequest {
                sort_order: 3,
                ..get("k")
            },
            "etcdserver: invalid sort option",
        ),
        (
            pb::RangeRequest {
                sort_target: -1,
                ..get("k")
            },
            "etcdserver: invalid sort option",
        ),
    ] {
        refused(kv.range(request).await, Code::InvalidArgument, text);
    }
    refused(
        kv.delete_range(delete("")).await,
        Code::InvalidArgument,
        "etcdserver: key is not provided",
    );
}

async fn deletes_tell_what_they_deleted(t: Arc<Target>) {
    let mut kv = t.kv();
    fill(&t, &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]).await;
    let nothing = kv.delete_range(delete("x")).await.unwrap().into_inner();
    assert_eq!(nothing.deleted, 0);
    assert_eq!(nothing.header.unwrap().revision, 5);
    let request = pb::DeleteRangeRequest {
        range_end: bytes("c"),
        prev_kv: true,
        ..delete("a")
    };
    let two = kv.delete_range(request).await.unwrap().into_inner();
    assert_eq!(two.deleted, 2);
    assert_eq!(two.header.unwrap().revision, 6);
    let gone: Vec<_> = two.prev_kvs.iter().map(facts).collect();
    assert_eq!(
        gone,
        [
            ("a".into(), "1".into(), 2, 2, 1),
            ("b".into(), "2".into(), 3, 3, 1)
        ]
    );
    let rest = pb::DeleteRangeRequest {
        range_end: bytes("\0"),
        ..delete("b")
    };
    let rest = kv.delete_range(rest).await.unwrap().into_inner();
    assert_eq!((rest.deleted, rest.prev_kvs.len()), (2, 0));
}

async fn a_deleted_key_begins_again(t: Arc<Target>) {
    let mut kv = t.kv();
    fill(&t, &[("k", "1"), ("k", "2")]).await;
    kv.delete_range(delete("k")).await.unwrap();
    let request = pb::PutRequest {
        prev_kv: true,
        ..put("k", "3")
    };
    let answer = kv.put(request).await.unwrap().into_inner();
    assert_eq!(answer.prev_kv, None);
    let read = kv.range(get("k")).await.unwrap().into_inner();
    assert_eq!(facts(&read.kvs[0]), ("k".into(), "3".into(), 5, 5, 1));
}

async fn pieces_of_a_range_make_the_range(t: Arc<Target>) {
    let mut kv = t.kv();
    for i in 0..100 {
        kv.put(put(&format!("k{i:03}"), &"v".repeat(i)))
            .await
            .unwrap();
    }
    for request in [
        prefix("k"),
        pb::RangeRequest {
            limit: 35,
            ..prefix("k")
        },
        pb::RangeRequest {
            count_only: true,
            ..prefix("k")
        },
        pb::RangeRequest {
            revision: 30,
            keys_only: true,
            ..prefix("k")
        },
        get("missing"),
    ] {
        let whole = kv.range(request.clone()).await.unwrap().into_inner();
        let mut stream = kv.range_stream(request.clone()).await.unwrap().into_inner();
        let mut kvs = Vec::new();
        let mut last = pb::RangeResponse::default();
        let mut pieces = 0;
        while let Some(piece) = stream.message().await.unwrap() {
            last = piece.range_response.unwrap();
            kvs.append(&mut last.kvs);
            pieces += 1;
        }
        assert_eq!(kvs, whole.kvs, "{request:?}");
        assert_eq!((last.more, last.count), (whole.more, whole.count));
        assert_eq!(
            last.header.unwrap().revision,
            whole.header.unwrap().revision
        );
        assert_eq!(pieces > 1, kvs.len() > 10, "{request:?}");
    }
}

async fn pieces_refuse_orders_and_filters(t: Arc<Target>) {
    let mut kv = t.kv();
    for (request, code, text) in [
        (
            get(""),
            Code::InvalidArgument,
            "etcdserver: key is not provided",
        ),
        (
            pb::RangeRequest {
                sort_order: SortOrder::Descend.into(),
                ..get("k")
            },
            Code::Unimplemented,
            "RangeStream does not support custom sort orders",
        ),
        (
            pb::RangeRequest {
                max_mod_revision: 9,
                ..get("k")
            },
            Code::Unimplemented,
            "RangeStream does not support revision filters",
        ),
        (
            pb::RangeRequest {
                revision: 9,
                ..get("k")
            },
            Code::OutOfRange,
            "etcdserver: mvcc: required revision is a future revision",
        ),
    ] {
        let refusal = match kv.range_stream(request).await {
            Ok(stream) => stream.into_inner().message().await.unwrap_err(),
            Err(status) => status,
        };
        assert_eq!((refusal.code(), refusal.message()), (code, text));
    }
}

async fn headers_name_the_member(t: Arc<Target>) {
    let mut kv = t.kv();
    let header = kv.range(get("k")).await.unwrap().into_inner().header;
    let header = header.unwrap();
    assert_eq!(header.member_id, 0x8e9e_05c5_2164_694d);
    assert_eq!(header.cluster_id, 0xcdf8_1819_4e3a_8c32);
    assert_eq!(header.raft_term, 2);
}

async fn keys_and_values_are_any_bytes(t: Arc<Target>) {
    let mut kv = t.kv();
    let key = bytes::Bytes::from_static(&[0xff, 0, 0xc3, 0x28]);
    let value: bytes::Bytes = (0..=255u8).collect::<Vec<_>>().into();
    let request = pb::PutRequest {
        key: key.clone(),
        value: value.clone(),
        ..Default::default()
    };
    kv.put(request).await.unwrap();
    let request = pb::RangeRequest {
        key: key.clone(),
        ..Default::default()
    };
    let read = kv.range(request).await.unwrap().into_inner();
    assert_eq!((&read.kvs[0].key, &read.kvs[0].value), (&key, &value));
}
