//! Status, alarms, defragmentation, hashes, and other requests to a single member.

use std::sync::Arc;

use etcd_maintenance::proto::etcdserverpb::{
    self as pb, alarm_request::AlarmAction, downgrade_request::DowngradeAction,
};
use tonic::Code;

use crate::{
    ask::{compact, delete, fill, get, op, put, refused, txn},
    target::Target,
};

on_every_target! {
    status_has_every_field_of_a_member;
    an_alarm_is_raised_listed_and_cleared;
    defragmentation_gives_space_back;
    history_hashes_the_same_everywhere;
    a_hash_is_of_one_revision;
    a_hash_below_a_compaction_is_remembered;
    leadership_goes_nowhere;
    downgrades_are_checked;
    auth_is_off;
}

const MEMBER: u64 = 0x8e9e_05c5_2164_694d;

async fn status_has_every_field_of_a_member(t: Arc<Target>) {
    fill(&t, &[("a", "2"), ("b", "3")]).await;
    let request = pb::StatusRequest {};
    let s = t.maintenance().status(request).await.unwrap().into_inner();
    let header = s.header.unwrap();
    assert_eq!((header.member_id, header.revision), (MEMBER, 3));
    assert_eq!(s.version, "3.7.1");
    assert_eq!(s.storage_version, "3.7.0");
    assert_eq!(s.leader, MEMBER);
    assert_eq!((s.raft_term, header.raft_term), (2, 2));
    assert!(s.raft_index > 0 && s.raft_applied_index == s.raft_index);
    assert_eq!(s.db_size_quota, 2 << 30);
    assert!(s.db_size >= s.db_size_in_use && s.db_size_in_use > 0);
    assert!(!s.is_learner);
    assert_eq!(s.errors, [""; 0]);
    let downgrade = s.downgrade_info.unwrap();
    assert_eq!(
        (downgrade.enabled, downgrade.target_version),
        (false, String::new())
    );
    // One write increments the index by one.
    fill(&t, &[("c", "4")]).await;
    let next = t.maintenance().status(request).await.unwrap().into_inner();
    assert_eq!(next.raft_index, s.raft_index + 1);
}

fn alarm(action: AlarmAction, member_id: u64, kind: pb::AlarmType) -> pb::AlarmRequest {
    pb::AlarmRequest {
        action: action.into(),
        member_id,
        alarm: kind.into(),
    }
}

async fn an_alarm_is_raised_listed_and_cleared(t: Arc<Target>) {
    use pb::AlarmType::{Corrupt, None, Nospace};
    let mut m = t.maintenance();
    let list = alarm(AlarmAction::Get, 0, None);
    let raised = async |m: &mut pb::maintenance_client::MaintenanceClient<_>| {
        m.alarm(list).await.unwrap().into_inner().alarms
    };
    assert_eq!(raised(&mut m).await, []);
    let nospace = pb::AlarmMember {
        member_id: MEMBER,
        alarm: Nospace.into(),
    };
    let answer = m
        .alarm(alarm(AlarmAction::Activate, MEMBER, Nospace))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.alarms, [nospace]);
    assert_eq!(answer.header.unwrap().member_id, MEMBER);
    assert_eq!(raised(&mut m).await, [nospace]);
    let status = m.status(pb::StatusRequest {}).await.unwrap().into_inner();
    assert_eq!(status.errors.len(), 1);
    assert!(status.errors[0].contains("NOSPACE"), "{:?}", status.errors);
    refused(
        t.kv().put(put("k", "v")).await,
        Code::ResourceExhausted,
        "etcdserver: mvcc: database space exceeded",
    );
    // Clearing an inactive alarm clears nothing.
    let other = m
        .alarm(alarm(AlarmAction::Deactivate, MEMBER, Corrupt))
        .await
        .unwrap();
    assert_eq!(other.into_inner().alarms, []);
    let cleared = m
        .alarm(alarm(AlarmAction::Deactivate, MEMBER, Nospace))
        .await
        .unwrap();
    assert_eq!(cleared.into_inner().alarms, [nospace]);
    assert_eq!(raised(&mut m).await, []);
    t.kv().put(put("k", "v")).await.unwrap();
    // While CORRUPT is active, nothing can be read or written.
    m.alarm(alarm(AlarmAction::Activate, MEMBER, Corrupt))
        .await
        .unwrap();
    refused(
        t.kv().put(put("k", "v")).await,
        Code::DataLoss,
        "etcdserver: corrupt cluster",
    );
}

async fn defragmentation_gives_space_back(t: Arc<Target>) {
    let mut kv = t.kv();
    let value = "v".repeat(100_000);
    for i in 0..50 {
        kv.put(put("k", &format!("{i}{value}"))).await.unwrap();
    }
    kv.compact(compact(51)).await.unwrap();
    let mut m = t.maintenance();
    let before = m.status(pb::StatusRequest {}).await.unwrap().into_inner();
    m.defragment(pb::DefragmentRequest {}).await.unwrap();
    let after = m.status(pb::StatusRequest {}).await.unwrap().into_inner();
    assert!(before.db_size > 5_000_000, "{before:?}");
    assert!(after.db_size < 1_000_000, "{after:?}");
    let read = kv.range(get("k")).await.unwrap().into_inner();
    assert_eq!(read.kvs[0].value.len(), value.len() + 2);
    assert_eq!(read.kvs[0].version, 50);
    kv.put(put("k", "after")).await.unwrap();
}

/// Always the same puts, deletions and transaction.
async fn history(t: &Target) {
    let mut kv = t.kv();
    fill(t, &[("a", "2"), ("b", "3"), ("a", "4")]).await;
    kv.delete_range(delete("b")).await.unwrap();
    let both = vec![op(put("c", "6")), op(put("d", "6")), op(delete("a"))];
    kv.txn(txn(vec![], both, vec![])).await.unwrap();
    fill(t, &[("a", "7"), ("e", "8")]).await;
}

/// The hashes that a real etcd 3.7.1 returns for `history` at each revision.
const HASHES: [(i64, u32); 3] = [(4, 3_874_426_018), (6, 2_563_242_659), (8, 2_824_009_174)];

async fn history_hashes_the_same_everywhere(t: Arc<Target>) {
    history(&t).await;
    let mut m = t.maintenance();
    let mut hashes = Vec::new();
    for (revision, _) in HASHES {
        let request = pb::HashKvRequest { revision };
        let answer = m.hash_kv(request).await.unwrap().into_inner();
        assert_eq!(answer.hash_revision, revision);
        assert_eq!(answer.compact_revision, -1);
        assert_eq!(answer.header.unwrap().revision, 8);
        hashes.push((revision, answer.hash));
    }
    assert_eq!(hashes, HASHES);
    let newest = m.hash_kv(pb::HashKvRequest { revision: 0 }).await.unwrap();
    let newest = newest.into_inner();
    assert_eq!((newest.hash_revision, newest.hash), hashes[2]);
}

async fn a_hash_is_of_one_revision(t: Arc<Target>) {
    history(&t).await;
    let mut m = t.maintenance();
    refused(
        m.hash_kv(pb::HashKvRequest { revision: 9 }).await,
        Code::OutOfRange,
        "etcdserver: mvcc: required revision is a future revision",
    );
    let one = m.hash(pb::HashRequest {}).await.unwrap().into_inner();
    assert_eq!(one.header.unwrap().revision, 8);
    let two = m.hash(pb::HashRequest {}).await.unwrap().into_inner();
    assert_eq!(one.hash, two.hash);
    fill(&t, &[("f", "9")]).await;
    let three = m.hash(pb::HashRequest {}).await.unwrap().into_inner();
    assert_ne!(one.hash, three.hash);
}

/// The hash that a real etcd 3.7.1 returns for `history` compacted at 5, at revision 8.
const COMPACTED: u32 = 1_314_530_314;

async fn a_hash_below_a_compaction_is_remembered(t: Arc<Target>) {
    history(&t).await;
    t.kv().compact(compact(5)).await.unwrap();
    let mut m = t.maintenance();
    let answer = m.hash_kv(pb::HashKvRequest { revision: 8 }).await.unwrap();
    let answer = answer.into_inner();
    assert_eq!((answer.compact_revision, answer.hash), (5, COMPACTED));
    refused(
        m.hash_kv(pb::HashKvRequest { revision: 4 }).await,
        Code::OutOfRange,
        "etcdserver: mvcc: required revision has been compacted",
    );
    // After the next compaction, the previous compact revision cannot be read, but its hash is still available.
    let at = m.hash_kv(pb::HashKvRequest { revision: 5 }).await.unwrap();
    let at = at.into_inner();
    t.kv().compact(compact(7)).await.unwrap();
    let again = m.hash_kv(pb::HashKvRequest { revision: 5 }).await;
    let again = again.unwrap().into_inner();
    assert_eq!(again.hash_revision, 5);
    assert_eq!(
        (again.hash, again.compact_revision),
        (at.hash, at.compact_revision)
    );
}

async fn leadership_goes_nowhere(t: Arc<Target>) {
    let mut m = t.maintenance();
    refused(
        m.move_leader(pb::MoveLeaderRequest { target_id: 7 }).await,
        Code::FailedPrecondition,
        "etcdserver: bad leader transferee",
    );
    m.move_leader(pb::MoveLeaderRequest { target_id: MEMBER })
        .await
        .unwrap();
}

async fn downgrades_are_checked(t: Arc<Target>) {
    let mut m = t.maintenance();
    let mut ask = async |action: DowngradeAction, version: &str| {
        let request = pb::DowngradeRequest {
            action: action.into(),
            version: version.into(),
        };
        m.downgrade(request).await
    };
    let fits = ask(DowngradeAction::Validate, "3.6.0").await.unwrap();
    assert_eq!(fits.into_inner().version, "3.7");
    ask(DowngradeAction::Validate, "3.6").await.unwrap();
    for version in ["3.5.0", "3.7.0", "4.0.0"] {
        refused(
            ask(DowngradeAction::Validate, version).await,
            Code::InvalidArgument,
            "etcdserver: invalid downgrade target version",
        );
    }
    for action in [DowngradeAction::Validate, DowngradeAction::Enable] {
        refused(
            ask(action, "down").await,
            Code::InvalidArgument,
            "etcdserver: wrong downgrade target version format",
        );
    }
    let nothing = ask(DowngradeAction::Cancel, "").await.unwrap();
    assert_eq!(nothing.into_inner().version, "3.7");
}

async fn auth_is_off(t: Arc<Target>) {
    let request = pb::AuthStatusRequest {};
    let status = t.auth().auth_status(request).await.unwrap().into_inner();
    assert_eq!((status.enabled, status.auth_revision), (false, 1));
    assert_eq!(status.header.unwrap().member_id, MEMBER);
}
