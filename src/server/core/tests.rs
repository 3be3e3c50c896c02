//! The rules of the write path, each with a test that fails without it. A watcher delays, counts or fails operations on
//! the disk; no test waits for time to pass.

use std::{
    future::Future,
    io,
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use super::super::config::AutoCompaction;
use super::*;
use crate::{
    bolt::{Batch, Db, Event, Options, Watcher},
    proto::etcdserverpb::{
        AlarmType, alarm_request::AlarmAction, compare::TargetUnion, request_op,
    },
    schema::{bucket, meta},
};

/// Delays syncs while it is shut, counts them, and makes operations fail on demand.
#[derive(Default)]
struct Gate {
    shut: Mutex<bool>,
    changed: Condvar,
    held: AtomicBool,
    syncs: AtomicUsize,
    full: AtomicBool,
    broken: AtomicBool,
}

impl Watcher for Gate {
    fn event(&self, event: Event<'_>) -> io::Result<()> {
        match event {
            Event::Allocate { .. } if self.full.load(Ordering::SeqCst) => {
                return Err(io::Error::from_raw_os_error(
                    rustix::io::Errno::NOSPC.raw_os_error(),
                ));
            }
            Event::Sync { .. } if self.broken.load(Ordering::SeqCst) => {
                return Err(io::Error::other("the disk is gone"));
            }
            Event::Sync { .. } => {}
            _ => return Ok(()),
        }
        self.syncs.fetch_add(1, Ordering::SeqCst);
        let mut shut = self.shut.lock();
        while *shut {
            self.held.store(true, Ordering::SeqCst);
            self.changed.wait(&mut shut);
        }
        self.held.store(false, Ordering::SeqCst);
        Ok(())
    }
}

impl Gate {
    fn shut(&self) {
        *self.shut.lock() = true;
    }

    fn open(&self) {
        *self.shut.lock() = false;
        self.changed.notify_all();
    }

    fn options(self: &Arc<Gate>) -> Options {
        Options {
            grow: 4096,
            watcher: Some(self.clone()),
            ..Options::default()
        }
    }

    /// Waits until the writer is blocked at the gate.
    async fn held(&self) {
        for _ in 0..10_000 {
            if self.held.load(Ordering::SeqCst) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("the writer never came to the gate");
    }
}

struct Fixture {
    core: Core,
    gate: Arc<Gate>,
    config: Config,
    _dir: tempfile::TempDir,
}

fn start(set: impl FnOnce(&mut Config)) -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::new(dir.path().join("data"));
    set(&mut config);
    let gate = Arc::new(Gate::default());
    let core = open_blocking(&config, gate.options());
    Fixture {
        core,
        gate,
        config,
        _dir: dir,
    }
}

fn open_blocking(config: &Config, options: Options) -> Core {
    tokio::task::block_in_place(|| Core::open_with(config, options).unwrap())
}

impl Fixture {
    async fn restart(&mut self) {
        self.core.shutdown().await;
        self.core = open_blocking(&self.config, self.gate.options());
    }
}

fn put(key: &str, value: impl Into<Bytes>) -> pb::PutRequest {
    pb::PutRequest {
        key: key.to_string().into(),
        value: value.into(),
        ..Default::default()
    }
}

fn get(key: &str, revision: i64) -> pb::RangeRequest {
    pb::RangeRequest {
        key: key.to_string().into(),
        revision,
        ..Default::default()
    }
}

async fn value(core: &Core, key: &str) -> Option<Bytes> {
    let answer = core
        .range(&RequestContext::in_process(), get(key, 0))
        .await
        .unwrap();
    answer.kvs.first().map(|kv| kv.value.clone())
}

fn delete(key: &str) -> pb::DeleteRangeRequest {
    pb::DeleteRangeRequest {
        key: key.to_string().into(),
        prev_kv: true,
        ..Default::default()
    }
}

fn compaction(revision: i64, physical: bool) -> pb::CompactionRequest {
    pb::CompactionRequest { revision, physical }
}

fn txn(compare: Vec<pb::Compare>, success: Vec<request_op::Request>) -> pb::TxnRequest {
    let op = |request| pb::RequestOp {
        request: Some(request),
    };
    pb::TxnRequest {
        compare,
        success: success.into_iter().map(op).collect(),
        failure: Vec::new(),
    }
}

fn alarm(action: AlarmAction, member_id: u64, kind: AlarmType) -> pb::AlarmRequest {
    pb::AlarmRequest {
        action: action.into(),
        member_id,
        alarm: kind.into(),
    }
}

type Pending<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// Starts requests in this order, without waiting for their responses.
async fn begin<T>(pending: &mut [Pending<T>]) {
    std::future::poll_fn(|cx| {
        for one in &mut *pending {
            assert!(one.as_mut().poll(cx).is_pending(), "answered too early");
        }
        std::task::Poll::Ready(())
    })
    .await;
}

fn puts(core: &Core, requests: Vec<pb::PutRequest>) -> Vec<Pending<pb::PutResponse>> {
    let put = |r| -> Pending<pb::PutResponse> {
        let core = core.clone();
        Box::pin(async move { core.put(&RequestContext::in_process(), r).await })
    };
    requests.into_iter().map(put).collect()
}

/// Waits for all requests. The results are in the same order.
async fn finish<T>(mut pending: Vec<Pending<T>>) -> Vec<Result<T, Error>> {
    let mut results: Vec<_> = pending.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (one, result) in pending.iter_mut().zip(&mut results) {
            if result.is_none()
                && let std::task::Poll::Ready(ready) = one.as_mut().poll(cx)
            {
                *result = Some(ready);
            }
        }
        match results.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    results.into_iter().flatten().collect()
}

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_the_group_and_the_server_goes_on() {
    let mut f = start(|_| {});
    f.core
        .put(&RequestContext::in_process(), put("k", "v"))
        .await
        .unwrap();
    f.gate.full.store(true, Ordering::SeqCst);
    let error = f
        .core
        .put(&RequestContext::in_process(), put("big", vec![1; 1 << 20]))
        .await
        .unwrap_err();
    assert_eq!(error.code(), tonic::Code::ResourceExhausted, "{error}");
    assert!(error.text().contains("no space left on device"), "{error}");
    assert_eq!(value(&f.core, "big").await, None);
    assert_eq!(value(&f.core, "k").await.as_deref(), Some(&b"v"[..]));
    f.gate.full.store(false, Ordering::SeqCst);
    let after = f
        .core
        .put(&RequestContext::in_process(), put("big", vec![2; 1 << 20]))
        .await
        .unwrap();
    assert_eq!(after.header.unwrap().revision, 3, "no revision was lost");
    f.restart().await;
    assert_eq!(value(&f.core, "big").await.unwrap()[0], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_of_deletions_claims_no_more_than_it_can_write() {
    let f = start(|_| {});
    f.gate.shut();
    let mut first = puts(&f.core, vec![put("k", "")]);
    begin(&mut first).await;
    f.gate.held().await;
    let mut many = puts(&f.core, (0..50).map(|_| put("k", vec![0; 100])).collect());
    begin(&mut many).await;
    let mut deletions: Vec<Pending<pb::DeleteRangeResponse>> = Vec::new();
    for i in 0..200 {
        let core = f.core.clone();
        let r = pb::DeleteRangeRequest {
            range_end: format!("l{i}").into(),
            ..delete("k")
        };
        deletions.push(Box::pin(async move {
            core.delete_range(&RequestContext::in_process(), r).await
        }));
    }
    begin(&mut deletions).await;
    f.gate.open();
    assert!(finish(deletions).await.iter().all(Result::is_ok));
    assert!(finish(many).await.iter().all(Result::is_ok));
    let len = std::fs::metadata(f.config.data_dir.join("db"))
        .unwrap()
        .len();
    assert!(len < 16 << 20, "{len}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failed_sync_nothing_is_written_any_more() {
    let mut f = start(|_| {});
    f.core
        .put(&RequestContext::in_process(), put("k", "acknowledged"))
        .await
        .unwrap();
    f.gate.broken.store(true, Ordering::SeqCst);
    let failed = f
        .core
        .put(&RequestContext::in_process(), put("k", "lost"))
        .await
        .unwrap_err();
    assert!(failed.text().contains("the disk is gone"), "{failed}");
    f.gate.broken.store(false, Ordering::SeqCst);
    assert!(
        f.core
            .put(&RequestContext::in_process(), put("k", "later"))
            .await
            .is_err()
    );
    assert!(
        f.core
            .delete_range(&RequestContext::in_process(), delete("k"))
            .await
            .is_err()
    );
    assert!(
        f.core
            .compact(&RequestContext::in_process(), compaction(1, false))
            .await
            .is_err()
    );
    assert!(
        f.core
            .defragment(&RequestContext::in_process())
            .await
            .is_err()
    );
    assert_eq!(
        value(&f.core, "k").await.as_deref(),
        Some(&b"acknowledged"[..])
    );
    f.restart().await;
    // The failed write was not acknowledged, but all of it may be in the file.
    let after = value(&f.core, "k").await;
    let after = after.as_deref();
    assert!(
        after == Some(&b"acknowledged"[..]) || after == Some(&b"lost"[..]),
        "{after:?}"
    );
    f.core
        .put(&RequestContext::in_process(), put("k", "again"))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_quota_counts_what_the_group_has_admitted() {
    let quota = 4 << 20;
    let mut f = start(|c| c.quota_backend_bytes = quota);
    f.gate.shut();
    let mut first = puts(&f.core, vec![put("first", "")]);
    begin(&mut first).await;
    f.gate.held().await;
    // One group: smaller than the limit of a group, but larger than the quota.
    let big = (0..7)
        .map(|i| put(&format!("k{i}"), vec![0; 1 << 20]))
        .collect();
    let mut group = puts(&f.core, big);
    begin(&mut group).await;
    f.gate.open();
    let results = finish(group).await;
    let admitted = results.iter().filter(|r| r.is_ok()).count();
    assert_eq!(admitted, 3, "{results:?}");
    assert_eq!(results[3].as_ref().err(), Some(&Error::NoSpace));
    let member = f.core.header().member_id;
    let raised = alarm(AlarmAction::Get, 0, AlarmType::None);
    for _ in 0..2 {
        let alarms = f
            .core
            .alarm(&RequestContext::in_process(), raised)
            .await
            .unwrap()
            .alarms;
        assert_eq!(alarms.len(), 1);
        assert_eq!(alarms[0].alarm(), AlarmType::Nospace);
        assert_eq!(alarms[0].member_id, member);
        let errors = f
            .core
            .status(&RequestContext::in_process())
            .await
            .unwrap()
            .errors;
        assert_eq!(errors, [format!("memberID:{member} alarm:NOSPACE")]);
        // Small enough for the quota, but the alarm is still active, even after a restart.
        assert_eq!(
            f.core
                .put(&RequestContext::in_process(), put("k", ""))
                .await
                .err(),
            Some(Error::NoSpace)
        );
        f.restart().await;
    }
    f.core
        .delete_range(&RequestContext::in_process(), delete("k0"))
        .await
        .unwrap();
    let read = request_op::Request::RequestDeleteRange(delete("k1"));
    f.core
        .txn(&RequestContext::in_process(), txn(vec![], vec![read]))
        .await
        .unwrap();
    let write = request_op::Request::RequestPut(put("k", ""));
    let refused = f
        .core
        .txn(&RequestContext::in_process(), txn(vec![], vec![write]))
        .await;
    assert_eq!(refused.err(), Some(Error::NoSpace));
    let newest = f.core.header().revision;
    f.core
        .compact(&RequestContext::in_process(), compaction(newest, true))
        .await
        .unwrap();
    f.core
        .defragment(&RequestContext::in_process())
        .await
        .unwrap();
    assert!(
        f.core
            .status(&RequestContext::in_process())
            .await
            .unwrap()
            .db_size
            < 2 << 20
    );
    assert_eq!(
        f.core
            .put(&RequestContext::in_process(), put("k", ""))
            .await
            .err(),
        Some(Error::NoSpace)
    );
    let disarm = alarm(AlarmAction::Deactivate, member, AlarmType::Nospace);
    assert_eq!(
        f.core
            .alarm(&RequestContext::in_process(), disarm)
            .await
            .unwrap()
            .alarms
            .len(),
        1
    );
    assert_eq!(
        f.core
            .alarm(&RequestContext::in_process(), disarm)
            .await
            .unwrap()
            .alarms
            .len(),
        0
    );
    f.core
        .put(&RequestContext::in_process(), put("k", ""))
        .await
        .unwrap();
    f.restart().await;
    assert_eq!(
        f.core
            .alarm(&RequestContext::in_process(), raised)
            .await
            .unwrap()
            .alarms,
        []
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrupt_alarm_refuses_every_write() {
    let f = start(|_| {});
    f.core
        .put(&RequestContext::in_process(), put("k", "v"))
        .await
        .unwrap();
    let raise = alarm(AlarmAction::Activate, 5, AlarmType::Corrupt);
    f.core
        .alarm(&RequestContext::in_process(), raise)
        .await
        .unwrap();
    assert_eq!(
        f.core
            .put(&RequestContext::in_process(), put("k", ""))
            .await
            .err(),
        Some(Error::Corrupt)
    );
    assert_eq!(
        f.core
            .delete_range(&RequestContext::in_process(), delete("k"))
            .await
            .err(),
        Some(Error::Corrupt)
    );
    assert_eq!(
        f.core
            .compact(&RequestContext::in_process(), compaction(1, false))
            .await
            .err(),
        Some(Error::Corrupt)
    );
    assert!(value(&f.core, "k").await.is_some(), "reads are answered");
    let clear = alarm(AlarmAction::Deactivate, 5, AlarmType::Corrupt);
    f.core
        .alarm(&RequestContext::in_process(), clear)
        .await
        .unwrap();
    f.core
        .put(&RequestContext::in_process(), put("k", ""))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_size_limit_counts_the_whole_request() {
    let f = start(|c| c.max_request_bytes = 1000);
    // Field number and length of the put, of its key and value, and the header with the id.
    let around = 3 + 3 + 3 + 13;
    f.core
        .put(
            &RequestContext::in_process(),
            put("k", vec![0; 1000 - around]),
        )
        .await
        .unwrap();
    let refused = f
        .core
        .put(
            &RequestContext::in_process(),
            put("k", vec![0; 1001 - around]),
        )
        .await;
    assert_eq!(refused.err(), Some(Error::RequestTooLarge));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compactions_answer_as_etcds() {
    let mut f = start(|_| {});
    for i in 0..3 {
        f.core
            .put(&RequestContext::in_process(), put("k", format!("{i}")))
            .await
            .unwrap();
    }
    let compact = async |core: &Core, rev| {
        core.compact(&RequestContext::in_process(), compaction(rev, true))
            .await
            .map(drop)
    };
    assert_eq!(compact(&f.core, -1).await, Err(Error::Compacted));
    assert_eq!(compact(&f.core, 5).await, Err(Error::FutureRev));
    assert_eq!(compact(&f.core, 0).await, Ok(()));
    assert_eq!(compact(&f.core, 0).await, Err(Error::Compacted));
    assert_eq!(compact(&f.core, 3).await, Ok(()));
    assert_eq!(compact(&f.core, 2).await, Err(Error::Compacted));
    for _ in 0..2 {
        assert_eq!(
            f.core
                .range(&RequestContext::in_process(), get("k", 2))
                .await
                .err(),
            Some(Error::Compacted)
        );
        assert_eq!(
            f.core
                .range(&RequestContext::in_process(), get("k", 3))
                .await
                .unwrap()
                .kvs[0]
                .value,
            "1"
        );
        let read = request_op::Request::RequestRange(get("k", 2));
        let refused = f
            .core
            .txn(
                &RequestContext::in_process(),
                txn(vec![], vec![read.clone()]),
            )
            .await;
        assert_eq!(refused.err(), Some(Error::Compacted));
        let write = request_op::Request::RequestPut(put("new", ""));
        let refused = f
            .core
            .txn(
                &RequestContext::in_process(),
                txn(vec![], vec![write, read]),
            )
            .await;
        assert_eq!(refused.err(), Some(Error::Compacted));
        assert_eq!(
            value(&f.core, "new").await,
            None,
            "checked before anything ran"
        );
        f.restart().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_is_given_up_without_being_asked() {
    let period = AutoCompaction::Periodic(Duration::from_millis(100));
    let f = start(|c| c.auto_compaction = period);
    for _ in 0..10_000 {
        f.core
            .put(&RequestContext::in_process(), put("k", "v"))
            .await
            .unwrap();
        if f.core
            .range(&RequestContext::in_process(), get("k", 2))
            .await
            .err()
            == Some(Error::Compacted)
        {
            f.core.shutdown().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("nothing was ever compacted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_revisions_go_in_steps() {
    let f = start(|_| {});
    let many: Vec<_> = (0..3000).map(|_| put("k", "v")).collect();
    assert!(finish(puts(&f.core, many)).await.iter().all(Result::is_ok));
    let before = f.gate.syncs.load(Ordering::SeqCst);
    f.core
        .compact(&RequestContext::in_process(), compaction(3000, true))
        .await
        .unwrap();
    let commits = f.gate.syncs.load(Ordering::SeqCst) - before;
    // The compact revision, then at least two steps: the first has 1000 records.
    assert!(commits >= 3, "{commits}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_notice_a_compaction_that_overtakes_them() {
    let f = start(|_| {});
    let keys = 200;
    let write = async |core: &Core, value: &str| {
        let all = (0..keys).map(|i| put(&format!("k{i:03}"), value.to_string()));
        assert!(
            finish(puts(core, all.collect()))
                .await
                .iter()
                .all(Result::is_ok)
        );
    };
    write(&f.core, "0").await;
    let mut compacted = 0;
    for round in 1..30 {
        let old = f.core.header().revision;
        write(&f.core, &round.to_string()).await;
        let readers: Vec<_> = [old, 0, old, 0]
            .into_iter()
            .map(|revision| {
                let core = f.core.clone();
                tokio::spawn(async move {
                    let mut refused = 0;
                    for _ in 0..20 {
                        let range = pb::RangeRequest {
                            range_end: "l".into(),
                            ..get("k", revision)
                        };
                        match core.range(&RequestContext::in_process(), range).await {
                            Ok(answer) => {
                                let value = (round - i64::from(revision > 0)).to_string();
                                assert_eq!(answer.count, keys);
                                assert!(answer.kvs.iter().all(|kv| kv.value == value));
                            }
                            Err(error) => {
                                assert_eq!((error, revision > 0), (Error::Compacted, true));
                                refused += 1;
                            }
                        }
                    }
                    refused
                })
            })
            .collect();
        f.core
            .compact(&RequestContext::in_process(), compaction(old + keys, false))
            .await
            .unwrap();
        for reader in readers {
            compacted += reader.await.unwrap();
        }
    }
    assert!(compacted > 0, "no reader was ever overtaken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_counts_and_numbers_go_on() {
    let mut f = start(|_| {});
    let header = f.core.header();
    assert_eq!(header.member_id, 0x8e9e_05c5_2164_694d);
    assert_eq!(header.cluster_id, 0xcdf8_1819_4e3a_8c32);
    assert_eq!((header.revision, header.raft_term), (1, 2));
    let index = async |core: &Core| {
        core.status(&RequestContext::in_process())
            .await
            .unwrap()
            .raft_index
    };
    assert_eq!(index(&f.core).await, 4);
    f.core
        .put(&RequestContext::in_process(), put("k", "v"))
        .await
        .unwrap();
    f.core
        .put(&RequestContext::in_process(), put("k", "v"))
        .await
        .unwrap();
    assert_eq!(index(&f.core).await, 6);
    f.restart().await;
    let header = f.core.header();
    assert_eq!((header.revision, header.raft_term), (3, 3));
    assert_eq!(index(&f.core).await, 6);
    // An unknown revision in the future, as left by a compaction whose records have all been removed.
    f.core.shutdown().await;
    let db = Db::open(f.config.data_dir.join("db"), Options::default()).unwrap();
    for (name, revision) in [(meta::FINISHED_COMPACT, 40), (meta::SCHEDULED_COMPACT, 50)] {
        let mut batch = Batch::new();
        let mark = meta::encode_compact(revision).to_vec();
        batch.put(bucket::META, name, mark).unwrap();
        db.commit(&batch).unwrap();
    }
    drop(db);
    f.core = open_blocking(&f.config, f.gate.options());
    assert_eq!(f.core.header().revision, 50);
    let next = f
        .core
        .put(&RequestContext::in_process(), put("k", "v"))
        .await
        .unwrap();
    assert_eq!(next.header.unwrap().revision, 51);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_served_is_refused_in_one_line() {
    let f = start(|_| {});
    let refused = |config: &Config| {
        let error = Core::open(config).err().expect("refused").to_string();
        assert!(!error.contains('\n'), "{error}");
        error
    };
    let error = refused(&f.config);
    assert!(
        error.contains("data/db") && error.contains("locked"),
        "{error}"
    );

    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("member/snap")).unwrap();
    let error = refused(&Config::new(dir.path()));
    assert!(error.contains("etcdctl snapshot status"), "{error}");
    assert!(!dir.path().join("db").exists());

    std::fs::write(dir.path().join("file"), "").unwrap();
    let error = refused(&Config::new(dir.path().join("file")));
    assert!(error.contains("file"), "{error}");
    let lost = |path: &Path| std::fs::remove_dir_all(path).unwrap();
    lost(&dir.path().join("member"));

    std::fs::write(
        dir.path().join("db"),
        "not a database, and not long enough for one",
    )
    .unwrap();
    let error = refused(&Config::new(dir.path()));
    assert!(error.contains("db"), "{error}");

    let mut batch = Batch::new();
    batch.put(b"somebody's", "key", "value").unwrap();
    std::fs::remove_file(dir.path().join("db")).unwrap();
    let db = Db::open(dir.path().join("db"), Options::default()).unwrap();
    db.commit(&batch).unwrap();
    drop(db);
    let error = refused(&Config::new(dir.path()));
    assert!(error.contains("not an etcd database"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_server_says_so_and_gives_the_file_back() {
    let f = start(|_| {});
    f.core
        .put(&RequestContext::in_process(), put("k", "v"))
        .await
        .unwrap();
    let clone = f.core.clone();
    f.core.shutdown().await;
    assert_eq!(
        clone
            .put(&RequestContext::in_process(), put("k", "v"))
            .await
            .err(),
        Some(Error::Stopped)
    );
    assert_eq!(
        clone
            .range(&RequestContext::in_process(), get("k", 0))
            .await
            .err(),
        Some(Error::Stopped)
    );
    assert_eq!(
        clone.status(&RequestContext::in_process()).await.err(),
        Some(Error::Stopped)
    );
    let again = open_blocking(&f.config, Options::default());
    assert!(value(&again, "k").await.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_is_the_file_at_one_moment() {
    use std::io::Read as _;
    let f = start(|_| {});
    f.core
        .put(&RequestContext::in_process(), put("k", "in the snapshot"))
        .await
        .unwrap();
    let mut snapshot = f
        .core
        .snapshot(&RequestContext::in_process())
        .await
        .unwrap();
    assert_eq!(snapshot.version(), "3.7.0");
    f.core
        .put(&RequestContext::in_process(), put("k", "later"))
        .await
        .unwrap();
    f.core
        .defragment(&RequestContext::in_process())
        .await
        .unwrap();
    let mut bytes = Vec::new();
    snapshot.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, snapshot.size());
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("db"), bytes).unwrap();
    let copy = open_blocking(&Config::new(dir.path()), Options::default());
    let seen = value(&copy, "k").await.unwrap();
    assert_eq!(seen, "in the snapshot");
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

/// Number of records in bucket `key`.
fn records(core: &Core) -> usize {
    let published = core.inner.shared.published().unwrap();
    let mut n = 0;
    let count = |_: &[u8], _: &[u8]| {
        n += 1;
        Ok(true)
    };
    let all = std::ops::Bound::Unbounded;
    published.tx.records(all, i64::MAX, count).unwrap();
    n
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_defragmentation_waits_for_the_compaction() {
    let f = start(|_| {});
    let context = RequestContext::in_process();
    for _ in 0..3 {
        let many: Vec<_> = (0..3000).map(|_| put("k", "v")).collect();
        assert!(finish(puts(&f.core, many)).await.iter().all(Result::is_ok));
        let newest = f.core.header().revision;
        f.core
            .compact(&context, compaction(newest, false))
            .await
            .unwrap();
        f.core.defragment(&context).await.unwrap();
        assert_eq!(records(&f.core), 1);
    }
    let many: Vec<_> = (0..3000).map(|_| put("k", "v")).collect();
    assert!(finish(puts(&f.core, many)).await.iter().all(Result::is_ok));
    let newest = f.core.header().revision;
    f.core
        .compact(&context, compaction(newest, false))
        .await
        .unwrap();
    f.core.finish_compactions().await.unwrap();
    assert_eq!(records(&f.core), 1);
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
async fn a_full_disk_takes_what_frees_space() {
    let f = start(|_| {});
    let context = RequestContext::in_process();
    for i in 0..2000 {
        f.core
            .put(&context, put(&format!("k{i:04}"), vec![1; 100]))
            .await
            .unwrap();
    }
    f.gate.full.store(true, Ordering::SeqCst);
    let mut refused = 0;
    for i in 0..1000 {
        let written = f
            .core
            .put(&context, put(&format!("l{i}"), vec![1; 1000]))
            .await;
        refused += usize::from(written.is_err());
    }
    assert!(refused > 0, "the disk is full");
    for i in 0..100 {
        f.core
            .delete_range(&context, delete(&format!("k{i:04}")))
            .await
            .unwrap();
    }
    let newest = f.core.header().revision;
    f.core
        .compact(&context, compaction(newest, true))
        .await
        .unwrap();
    // The space freed by the deletions can be used again.
    f.core.put(&context, put("again", "v")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_physical_compaction_that_meets_damage_says_so() {
    use std::os::unix::fs::FileExt as _;
    let f = start(|_| {});
    let context = RequestContext::in_process();
    let many: Vec<_> = (0..3000).map(|_| put("k", vec![7; 50])).collect();
    assert!(finish(puts(&f.core, many)).await.iter().all(Result::is_ok));
    // Corrupt the page type of every leaf with many records.
    let path = f.config.data_dir.join("db");
    let pages = std::fs::read(&path).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    for (i, page) in pages.chunks(4096).enumerate().skip(2) {
        if page[8..10] == [2, 0] && page[10] > 10 {
            file.write_at(&[0xff, 0xff], i as u64 * 4096 + 8).unwrap();
        }
    }
    let failed = f
        .core
        .compact(&context, compaction(2000, true))
        .await
        .unwrap_err();
    assert_eq!(failed.code(), tonic::Code::DataLoss, "{failed}");
    assert!(failed.text().contains("page"), "{failed}");
}

/// Every key from `k` on.
fn all_keys() -> pb::RangeRequest {
    pb::RangeRequest {
        range_end: Bytes::from_static(b"\0"),
        ..get("k", 0)
    }
}

async fn fill(core: &Core, keys: usize, bytes: usize) {
    let many = (0..keys).map(|i| put(&format!("k{i:03}"), vec![7; bytes]));
    let written = finish(puts(core, many.collect())).await;
    assert!(written.iter().all(Result::is_ok));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_reads_are_served_beside_large_ones_that_wait() {
    let f = start(|_| {});
    let context = RequestContext::in_process();
    fill(&f.core, 100, 10).await;
    let mut running = Vec::new();
    let admission = &f.core.inner.admission;
    while let Some(admitted) = tokio::select! {
        biased;
        admitted = admission.admit(Size::Large) => admitted.ok(),
        () = std::future::ready(()) => None,
    } {
        running.push(admitted);
    }
    let mut waiting: Vec<Pending<pb::RangeResponse>> = Vec::new();
    for _ in 0..100 {
        let core = f.core.clone();
        waiting.push(Box::pin(async move {
            core.range(&RequestContext::in_process(), all_keys()).await
        }));
    }
    begin(&mut waiting).await;
    assert!(value(&f.core, "k001").await.is_some());
    f.core.put(&context, put("k", "v")).await.unwrap();
    assert!(f.core.hash(&context).await.is_ok());
    let last = waiting.split_off(99);
    drop(waiting);
    drop(running);
    assert_eq!(finish(last).await[0].as_ref().unwrap().count, 101);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_stops_when_its_caller_is_gone() {
    let f = start(|_| {});
    fill(&f.core, 100, 10).await;
    let cancelled = Cancelled::default();
    let shared = &f.core.inner.shared;
    let answer = reading::blocking(shared, &all_keys(), usize::MAX, &cancelled);
    assert_eq!(answer.unwrap().unwrap().count, 100);
    cancelled.set();
    let answer = reading::blocking(shared, &all_keys(), usize::MAX, &cancelled);
    assert_eq!(answer.err(), Some(Error::Canceled));
    let many = txn(vec![], vec![request_op::Request::RequestRange(all_keys())]);
    let answer = reading::blocking(shared, &many, usize::MAX, &cancelled);
    assert_eq!(answer.err(), Some(Error::Canceled));
    let hash = hashing::by_revision(shared, 0, &cancelled);
    assert_eq!(hash.err(), Some(Error::Canceled));
    let hash = shared.published().unwrap().tx.hash(|| cancelled.check());
    assert_eq!(hash.err(), Some(Error::Canceled));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_keys_with_much_data_are_a_large_read() {
    let f = start(|_| {});
    let context = RequestContext::in_process();
    fill(&f.core, 20, 100_000).await;
    let shared = &f.core.inner.shared;
    // The first read loads the pages into memory.
    assert!(value(&f.core, "k001").await.is_some());
    assert!(reading::at_once(shared, get("k001", 0)).is_ok());
    assert!(reading::at_once(shared, all_keys()).is_err());
    let cancelled = Cancelled::default();
    let small = reading::blocking(shared, &all_keys(), reading::SMALL_BYTES, &cancelled);
    assert!(small.unwrap().is_none());
    assert_eq!(f.core.range(&context, all_keys()).await.unwrap().count, 20);

    let before = f.core.inner.admission.answer_bytes();
    let answer = f.core.range_encoded(&context, all_keys(), 5).await.unwrap();
    assert_eq!(
        f.core.inner.admission.answer_bytes(),
        before + answer.length()
    );
    drop(answer);
    assert_eq!(f.core.inner.admission.answer_bytes(), before);
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
    let before = f.core.inner.shared.published().unwrap().tx.inner().txid();
    f.gate.open();
    finish(first).await;
    assert!(finish(group).await.iter().all(Result::is_ok));
    let after = f.core.inner.shared.published().unwrap().tx.inner().txid();
    // The first put, nine transactions with 72 MiB, and the last one.
    assert_eq!(after - before, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_replaced_is_not_written_to() {
    let f = start(|_| {});
    let context = RequestContext::in_process();
    f.core.put(&context, put("k", "v")).await.unwrap();
    let path = f.config.data_dir.join("db");
    std::fs::copy(&path, path.with_extension("copy")).unwrap();
    std::fs::rename(path.with_extension("copy"), &path).unwrap();
    for _ in 0..2 {
        let refused = f.core.put(&context, put("k", "lost")).await.unwrap_err();
        assert!(refused.text().contains("has been replaced"), "{refused}");
        let refused = f.core.defragment(&context).await.unwrap_err();
        assert!(refused.text().contains("has been replaced"), "{refused}");
    }
    assert_eq!(value(&f.core, "k").await.unwrap(), "v");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_opened_for_reading_answers_reads_and_refuses_writes() {
    use std::io::Read as _;
    let f = start(|_| {});
    let context = RequestContext::in_process();
    let open = |config: &Config| tokio::task::block_in_place(|| Core::open_read_only(config));
    for i in 0..3 {
        f.core
            .put(&context, put("k", format!("{i}")))
            .await
            .unwrap();
    }
    let raise = alarm(AlarmAction::Activate, 5, AlarmType::Corrupt);
    f.core.alarm(&context, raise).await.unwrap();
    let hash = f.core.hash(&context).await.unwrap().hash;
    assert!(matches!(open(&f.config).err(), Some(OpenError::Locked(_))));
    f.core.shutdown().await;
    let before = std::fs::read(f.config.data_dir.join("db")).unwrap();

    let (one, other) = (open(&f.config).unwrap(), open(&f.config).unwrap());
    for core in [&one, &other] {
        assert_eq!(value(core, "k").await.unwrap(), "2");
        let old = core.range(&context, get("k", 3)).await.unwrap();
        assert_eq!(old.kvs[0].value, "1");
        assert_eq!(core.hash(&context).await.unwrap().hash, hash);
        let hash_kv = core
            .hash_kv(&context, pb::HashKvRequest { revision: 0 })
            .await;
        assert_eq!(hash_kv.unwrap().hash_revision, 4);
        let status = core.status(&context).await.unwrap();
        assert_eq!(status.header.unwrap().revision, 4);
        assert_eq!(status.errors, ["memberID:5 alarm:CORRUPT"]);
        assert!(status.db_size >= status.db_size_in_use && status.db_size_in_use > 0);
        let mut bytes = Vec::new();
        let mut snapshot = core.snapshot(&context).await.unwrap();
        snapshot.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len() as i64, status.db_size);

        let text = |error: Option<Error>| error.unwrap().text().to_string();
        for refused in [
            text(core.put(&context, put("k", "")).await.err()),
            text(core.delete_range(&context, delete("k")).await.err()),
            text(core.compact(&context, compaction(2, false)).await.err()),
            text(core.defragment(&context).await.err()),
            text(core.alarm(&context, raise).await.err()),
        ] {
            assert!(refused.contains("open for reading only"), "{refused}");
        }
    }
    one.shutdown().await;
    drop(other);
    assert_eq!(std::fs::read(f.config.data_dir.join("db")).unwrap(), before);

    let missing = f.config.data_dir.join("missing");
    let refused = open(&Config::new(&missing)).err().unwrap().to_string();
    assert_eq!(refused, format!("no database in {}", missing.display()));
    assert!(!missing.exists());
}
