//! Groups of writes: visibility, shared syncs, order of events, and when a group ends.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_visible_before_it_is_durable_and_reads_do_not_wait() {
    let f = start(|_| {});
    f.core
        .put(&RequestContext::in_process(), put("k", "old"))
        .await
        .unwrap();
    f.gate.shut();
    let mut pending = puts(&f.core, vec![put("k", "new"), put("other", "x")]);
    begin(&mut pending).await;
    f.gate.held().await;
    // By now the put is in the index, and possibly in the file.
    assert_eq!(value(&f.core, "k").await.as_deref(), Some(&b"old"[..]));
    let all = pb::RangeRequest {
        range_end: Bytes::from_static(b"\0"),
        ..get("\0", 0)
    };
    let seen = f
        .core
        .range(&RequestContext::in_process(), all)
        .await
        .unwrap();
    assert_eq!((seen.count, seen.header.unwrap().revision), (1, 2));
    assert_eq!(
        f.core
            .range(&RequestContext::in_process(), get("k", 3))
            .await
            .err(),
        Some(Error::FutureRev)
    );
    let read = request_op::Request::RequestRange(get("k", 0));
    let seen = f
        .core
        .txn(&RequestContext::in_process(), txn(vec![], vec![read]))
        .await
        .unwrap();
    assert_eq!(seen.header.unwrap().revision, 2);
    let status = f.core.status(&RequestContext::in_process()).await.unwrap();
    assert_eq!(status.header.unwrap().revision, 2);
    let hash = pb::HashKvRequest { revision: 0 };
    assert_eq!(
        f.core
            .hash_kv(&RequestContext::in_process(), hash)
            .await
            .unwrap()
            .hash_revision,
        2
    );
    begin(&mut pending).await;
    f.gate.open();
    let revisions: Vec<_> = finish(pending)
        .await
        .into_iter()
        .map(|r| r.unwrap().header.unwrap().revision)
        .collect();
    assert_eq!(revisions, [3, 4]);
    assert_eq!(value(&f.core, "k").await.as_deref(), Some(&b"new"[..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_wait_share_one_sync() {
    let f = start(|_| {});
    f.gate.shut();
    let mut pending = puts(&f.core, vec![put("first", "")]);
    begin(&mut pending).await;
    f.gate.held().await;
    let before = f.gate.syncs.load(Ordering::SeqCst);
    let many = (0..100).map(|i| put(&format!("k{i}"), "v")).collect();
    let mut waiting = puts(&f.core, many);
    begin(&mut waiting).await;
    f.gate.open();
    assert!(finish(waiting).await.iter().all(Result::is_ok));
    assert!(finish(pending).await.iter().all(Result::is_ok));
    // The first one was counted before it was held; all others share one sync.
    assert_eq!(f.gate.syncs.load(Ordering::SeqCst) - before, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_sees_the_earlier_ones_of_its_group() {
    let f = start(|_| {});
    f.gate.shut();
    let mut first = puts(&f.core, vec![put("k", "0")]);
    begin(&mut first).await;
    f.gate.held().await;
    let with_prev = pb::PutRequest {
        prev_kv: true,
        ..put("k", "1")
    };
    let mut second = puts(&f.core, vec![with_prev]);
    begin(&mut second).await;
    let is_one = pb::Compare {
        target: pb::compare::CompareTarget::Value.into(),
        key: "k".into(),
        target_union: Some(TargetUnion::Value("1".into())),
        ..Default::default()
    };
    let read = request_op::Request::RequestRange(get("k", 0));
    let write = request_op::Request::RequestPut(put("seen", "yes"));
    let core = f.core.clone();
    let both = txn(vec![is_one], vec![read, write]);
    let mut third: Vec<Pending<pb::TxnResponse>> = vec![Box::pin(async move {
        core.txn(&RequestContext::in_process(), both).await
    })];
    begin(&mut third).await;
    let core = f.core.clone();
    let mut fourth: Vec<Pending<pb::DeleteRangeResponse>> = vec![Box::pin(async move {
        core.delete_range(&RequestContext::in_process(), delete("k"))
            .await
    })];
    begin(&mut fourth).await;
    f.gate.open();

    let put = finish(second).await.remove(0).unwrap();
    assert_eq!(put.prev_kv.unwrap().value, "0");
    let txn = finish(third).await.remove(0).unwrap();
    assert!(txn.succeeded);
    match txn.responses[0].response.as_ref().unwrap() {
        pb::response_op::Response::ResponseRange(r) => assert_eq!(r.kvs[0].value, "1"),
        other => panic!("{other:?}"),
    }
    let deleted = finish(fourth).await.remove(0).unwrap();
    assert_eq!(deleted.prev_kvs[0].value, "1");
    assert_eq!(value(&f.core, "seen").await.as_deref(), Some(&b"yes"[..]));
}

/// The changes published by the latest group: revision, key, whether deleted, previous revision.
fn events(core: &Core) -> Vec<(String, String, bool, Option<i64>)> {
    let published = core.inner.shared.published().unwrap();
    let event = |e: &crate::server::mvcc::event::Event| {
        let key = String::from_utf8_lossy(&e.key).into_owned();
        let previous = e.previous.map(|rev| rev.main);
        (e.rev.to_string(), key, e.tombstone, previous)
    };
    published.events.iter().map(event).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_publishes_its_events_in_order() {
    let f = start(|_| {});
    let context = RequestContext::in_process();
    f.core.put(&context, put("a", "0")).await.unwrap();
    assert_eq!(events(&f.core), [("2_0".into(), "a".into(), false, None)]);
    f.gate.shut();
    let mut first = puts(&f.core, vec![put("b", "")]);
    begin(&mut first).await;
    f.gate.held().await;
    let mut group = puts(&f.core, vec![put("a", "1"), put("c", "1")]);
    begin(&mut group).await;
    let both = txn(
        vec![],
        vec![
            request_op::Request::RequestDeleteRange(delete("a")),
            request_op::Request::RequestPut(put("b", "2")),
        ],
    );
    let core = f.core.clone();
    let mut last: Vec<Pending<pb::TxnResponse>> = vec![Box::pin(async move {
        core.txn(&RequestContext::in_process(), both).await
    })];
    begin(&mut last).await;
    let before = events(&f.core);
    assert_eq!(before[0].0, "2_0", "nothing of it before it is durable");
    f.gate.open();
    finish(first).await;
    finish(group).await;
    finish(last).await;
    let event = |rev: &str, key: &str, tombstone, previous| {
        (rev.to_string(), key.to_string(), tombstone, previous)
    };
    assert_eq!(
        events(&f.core),
        [
            event("4_0", "a", false, Some(2)),
            event("5_0", "c", false, None),
            event("6_0", "a", true, Some(4)),
            event("6_1", "b", false, Some(3)),
        ]
    );
    f.core.defragment(&context).await.unwrap();
    assert_eq!(events(&f.core), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_nobody_waits_for_are_dropped() {
    let f = start(|_| {});
    f.gate.shut();
    let mut first = puts(&f.core, vec![put("first", "")]);
    begin(&mut first).await;
    f.gate.held().await;
    let mut abandoned = puts(&f.core, (0..100).map(|_| put("k", "")).collect());
    begin(&mut abandoned).await;
    let mut last = puts(&f.core, vec![put("last", "")]);
    begin(&mut last).await;
    drop(abandoned);
    f.gate.open();
    finish(first).await;
    let last = finish(last).await.remove(0).unwrap();
    assert_eq!(last.header.unwrap().revision, 3);
    assert_eq!(value(&f.core, "k").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_ends_when_its_answers_are_large() {
    let f = start(|_| {});
    fill(&f.core, 8, 1 << 20).await;
    f.gate.shut();
    let mut first = puts(&f.core, vec![put("first", "")]);
    begin(&mut first).await;
    f.gate.held().await;
    let mut group: Vec<Pending<pb::TxnResponse>> = Vec::new();
    for _ in 0..10 {
        let read = request_op::Request::RequestRange(all_keys());
        let write = request_op::Request::RequestPut(put("a", ""));
        let core = f.core.clone();
        group.push(Box::pin(async move {
            let both = txn(vec![], vec![read, write]);
            core.txn(&RequestContext::in_process(), both).await
        }));
    }
    begin(&mut group).await;
    let before = f.core.inner.shared.published().unwrap().tx.txid();
    f.gate.open();
    finish(first).await;
    assert!(finish(group).await.iter().all(Result::is_ok));
    let after = f.core.inner.shared.published().unwrap().tx.txid();
    // The first put, nine transactions with 72 MiB, and the last one.
    assert_eq!(after - before, 3);
}
