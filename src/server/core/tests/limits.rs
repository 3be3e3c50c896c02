//! The quota, alarms and the request size limit.

use super::*;

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
