//! Compaction: what is removed, what stays, and its errors.

use std::sync::Arc;

use etcd_maintenance::proto::etcdserverpb as pb;
use tonic::Code;

use crate::{
    ask::{bytes, compact, delete, facts, fill, get, op, prefix, put, refused, txn},
    target::Target,
};

on_every_target! {
    old_revisions_are_gone_and_the_rest_stays;
    refusals_name_the_reason;
    a_deleted_key_is_gone_for_good;
    a_compaction_without_physical_is_answered_too;
    a_transaction_reads_no_compacted_revision;
    compaction_leaves_the_revision;
}

const GONE: &str = "etcdserver: mvcc: required revision has been compacted";
const FUTURE: &str = "etcdserver: mvcc: required revision is a future revision";

fn at(revision: i64, key: &str) -> pb::RangeRequest {
    pb::RangeRequest {
        revision,
        ..get(key)
    }
}

async fn old_revisions_are_gone_and_the_rest_stays(t: Arc<Target>) {
    let mut kv = t.kv();
    fill(&t, &[("a", "2"), ("b", "3"), ("a", "4"), ("a", "5")]).await;
    kv.compact(compact(4)).await.unwrap();
    for revision in [1, 2, 3] {
        refused(kv.range(at(revision, "a")).await, Code::OutOfRange, GONE);
    }
    for (revision, want) in [(4, "4"), (5, "5"), (0, "5")] {
        let read = kv.range(at(revision, "a")).await.unwrap().into_inner();
        assert_eq!(read.kvs[0].value, want);
        assert_eq!(read.kvs[0].create_revision, 2);
    }
    // Keys written below the compact revision that are live at it keep all their properties.
    let read = kv.range(at(4, "b")).await.unwrap().into_inner();
    assert_eq!(facts(&read.kvs[0]), ("b".into(), "3".into(), 3, 3, 1));
}

async fn refusals_name_the_reason(t: Arc<Target>) {
    let mut kv = t.kv();
    // Before any compaction, revision 0 is accepted.
    kv.compact(compact(0)).await.unwrap();
    fill(&t, &[("a", "2"), ("a", "3"), ("a", "4")]).await;
    kv.compact(compact(3)).await.unwrap();
    for revision in [3, 2, 0, -1] {
        refused(kv.compact(compact(revision)).await, Code::OutOfRange, GONE);
    }
    refused(kv.compact(compact(5)).await, Code::OutOfRange, FUTURE);
    kv.compact(compact(4)).await.unwrap();
}

async fn a_deleted_key_is_gone_for_good(t: Arc<Target>) {
    let mut kv = t.kv();
    fill(&t, &[("a", "2"), ("keep", "3")]).await;
    kv.delete_range(delete("a")).await.unwrap();
    kv.compact(compact(4)).await.unwrap();
    let all = pb::RangeRequest {
        range_end: bytes("\0"),
        revision: 4,
        ..get("\0")
    };
    let read = kv.range(all).await.unwrap().into_inner();
    assert_eq!(read.count, 1);
    fill(&t, &[("a", "5")]).await;
    let read = kv.range(get("a")).await.unwrap().into_inner();
    assert_eq!(facts(&read.kvs[0]), ("a".into(), "5".into(), 5, 5, 1));
}

async fn a_compaction_without_physical_is_answered_too(t: Arc<Target>) {
    let mut kv = t.kv();
    for i in 0..50 {
        kv.put(put("k", &i.to_string())).await.unwrap();
    }
    let request = pb::CompactionRequest {
        revision: 50,
        physical: false,
    };
    let answer = kv.compact(request).await.unwrap().into_inner();
    assert_eq!(answer.header.unwrap().revision, 51);
    refused(kv.range(at(49, "k")).await, Code::OutOfRange, GONE);
    let read = kv.range(prefix("k")).await.unwrap().into_inner();
    assert_eq!(read.kvs[0].version, 50);
}

async fn a_transaction_reads_no_compacted_revision(t: Arc<Target>) {
    let mut kv = t.kv();
    fill(&t, &[("a", "2"), ("a", "3")]).await;
    kv.compact(compact(3)).await.unwrap();
    let request = txn(vec![], vec![op(put("x", "")), op(at(2, "a"))], vec![]);
    refused(kv.txn(request).await, Code::OutOfRange, GONE);
    let request = txn(vec![], vec![op(at(2, "a"))], vec![]);
    refused(kv.txn(request).await, Code::OutOfRange, GONE);
    assert_eq!(kv.range(get("x")).await.unwrap().into_inner().count, 0);
}

async fn compaction_leaves_the_revision(t: Arc<Target>) {
    let mut kv = t.kv();
    fill(&t, &[("a", "2"), ("a", "3")]).await;
    let answer = kv.compact(compact(2)).await.unwrap().into_inner();
    assert_eq!(answer.header.unwrap().revision, 3);
    let next = kv.put(put("a", "4")).await.unwrap().into_inner();
    assert_eq!(next.header.unwrap().revision, 4);
}
