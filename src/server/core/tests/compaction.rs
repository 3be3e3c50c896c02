//! Compaction and defragmentation.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compactions_answer_like_etcd() {
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
async fn auto_compaction_removes_old_history() {
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
async fn compactions_remove_old_revisions_in_steps() {
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
