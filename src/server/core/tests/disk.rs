//! A disk that is full or broken, and a file that was replaced.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_fails_the_group_and_the_server_continues() {
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
async fn a_full_disk_accepts_requests_that_free_space() {
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
