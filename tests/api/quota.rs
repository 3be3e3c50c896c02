//! A full database, and the recovery.

use std::sync::Arc;

use etcd_maintenance::proto::etcdserverpb as pb;
use tonic::Code;

use crate::{
    ask::{compact, delete, get, op, put, refused, txn},
    target::Target,
};

on_every_target! {
    full_and_out_again ["--quota-backend-bytes=16777216"];
    full_from_the_beginning ["--quota-backend-bytes=1024"];
    no_quota_at_all ["--quota-backend-bytes=-1"];
}

const FULL: &str = "etcdserver: mvcc: database space exceeded";

async fn full_and_out_again(t: Arc<Target>) {
    let mut kv = t.kv();
    let value = "v".repeat(1 << 20);
    let mut puts = 0;
    let refusal = loop {
        match kv.put(put("k", &value)).await {
            Ok(_) => puts += 1,
            Err(status) => break status,
        }
        // etcd notices the size of its file only after writing it, and therefore accepts a few more.
        assert!(puts < 64, "the quota is not kept");
    };
    assert_eq!(
        (refusal.code(), refusal.message()),
        (Code::ResourceExhausted, FULL)
    );
    assert!(puts >= 8, "{puts}");
    let raised = t.maintenance().alarm(pb::AlarmRequest::default()).await;
    let raised = raised.unwrap().into_inner().alarms;
    assert_eq!(raised.len(), 1);
    assert_eq!(raised[0].alarm, i32::from(pb::AlarmType::Nospace));
    // Other errors of the request are not checked.
    let too_large = put("s", &"v".repeat(1_600_000));
    let twice = vec![op(put("s", &value)), op(put("s", ""))];
    for status in [
        kv.put(put("", &value)).await.err(),
        kv.put(too_large).await.err(),
        kv.txn(txn(vec![], twice, vec![])).await.err(),
    ] {
        assert_eq!(status.as_ref().map(tonic::Status::message), Some(FULL));
    }
    // Everything that grows the database is rejected, however small; the rest is accepted.
    refused(kv.put(put("s", "")).await, Code::ResourceExhausted, FULL);
    let write = txn(vec![], vec![op(put("s", ""))], vec![]);
    refused(kv.txn(write).await, Code::ResourceExhausted, FULL);
    let other_branch = txn(vec![], vec![op(get("k"))], vec![op(put("s", ""))]);
    refused(kv.txn(other_branch).await, Code::ResourceExhausted, FULL);
    let reads = txn(vec![], vec![op(get("k")), op(delete("no"))], vec![]);
    kv.txn(reads).await.unwrap();
    assert_eq!(kv.range(get("k")).await.unwrap().into_inner().count, 1);
    let answer = kv.delete_range(delete("no")).await.unwrap().into_inner();
    let revision = answer.header.unwrap().revision;
    let status = t.maintenance().status(pb::StatusRequest {}).await.unwrap();
    assert_eq!(status.into_inner().db_size_quota, 16_777_216);
    // Recovery: compact, defragment, disarm.
    kv.compact(compact(revision)).await.unwrap();
    t.maintenance()
        .defragment(pb::DefragmentRequest {})
        .await
        .unwrap();
    refused(kv.put(put("s", "")).await, Code::ResourceExhausted, FULL);
    // If there is space again, the alarm is checked last.
    let empty = "etcdserver: key is not provided";
    refused(kv.put(put("", "")).await, Code::InvalidArgument, empty);
    let disarm = pb::AlarmRequest {
        action: pb::alarm_request::AlarmAction::Deactivate.into(),
        member_id: raised[0].member_id,
        alarm: raised[0].alarm,
    };
    let disarmed = t.maintenance().alarm(disarm).await.unwrap().into_inner();
    assert_eq!(disarmed.alarms, raised);
    kv.put(put("newkey", "123")).await.unwrap();
}

/// A request that cannot be executed raises the alarm too.
async fn full_from_the_beginning(t: Arc<Target>) {
    let refusal = t.kv().put(put("", "")).await;
    refused(refusal, Code::ResourceExhausted, FULL);
    let raised = t.maintenance().alarm(pb::AlarmRequest::default()).await;
    assert_eq!(raised.unwrap().into_inner().alarms.len(), 1);
}

async fn no_quota_at_all(t: Arc<Target>) {
    t.kv().put(put("k", "v")).await.unwrap();
    let status = t.maintenance().status(pb::StatusRequest {}).await.unwrap();
    assert_eq!(status.into_inner().db_size_quota, -1);
}
