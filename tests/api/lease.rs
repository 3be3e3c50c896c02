//! Leases: granting, renewing, revoking, expiring, and the keys attached to them.

use std::{sync::Arc, time::Duration};

use etcd_maintenance::{
    proto::etcdserverpb::{
        self as pb, compare::CompareResult, compare::TargetUnion, kv_client::KvClient,
        response_op::Response,
    },
    server::{config::Config, embedded::Server},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Streaming};

use crate::{
    ask::{compare, delete, get, keys, op, prefix, put, refused, text, txn},
    support::{
        program::scratch,
        server::{Launch, Server as Process},
    },
    target::Target,
};

on_every_target! {
    a_granted_lease_can_be_queried;
    grants_that_make_no_sense;
    a_revocation_deletes_the_keys_in_one_revision;
    a_put_needs_a_lease_that_exists;
    a_key_moves_between_leases;
    leases_in_transactions;
    a_stream_keeps_leases_alive;
    leases_are_listed_by_their_expiry;
    an_expired_lease_takes_its_keys_along;
    many_leases_at_once;
    a_full_database_grants_nothing;
}

const NOT_FOUND: &str = "etcdserver: requested lease not found";

async fn grant(t: &Target, id: i64, ttl: i64) -> pb::LeaseGrantResponse {
    let request = pb::LeaseGrantRequest { id, ttl };
    t.lease().lease_grant(request).await.unwrap().into_inner()
}

async fn look(t: &Target, id: i64) -> pb::LeaseTimeToLiveResponse {
    let request = pb::LeaseTimeToLiveRequest { id, keys: true };
    let answer = t.lease().lease_time_to_live(request).await;
    answer.unwrap().into_inner()
}

/// The keys attached to a lease, sorted, because etcd lists them in any order.
async fn attached(t: &Target, id: i64) -> Vec<String> {
    let mut keys: Vec<String> = look(t, id).await.keys.iter().map(text).collect();
    keys.sort();
    keys
}

fn leased(key: &str, lease: i64) -> pb::PutRequest {
    pb::PutRequest {
        lease,
        ..put(key, "v")
    }
}

async fn a_granted_lease_can_be_queried(t: Arc<Target>) {
    let granted = grant(&t, 0, 600).await;
    assert!(granted.id > 0, "{}", granted.id);
    assert_eq!((granted.ttl, granted.error.as_str()), (600, ""));
    assert_eq!(granted.header.unwrap().revision, 1, "a lease is no key");
    assert_ne!(grant(&t, 0, 600).await.id, granted.id);
    assert_eq!(grant(&t, -7, 600).await.id, -7, "any id but 0");
    let id = granted.id;
    let seen = look(&t, id).await;
    assert_eq!((seen.id, seen.granted_ttl, seen.keys.len()), (id, 600, 0));
    assert!((500..=600).contains(&seen.ttl), "{}", seen.ttl);
    t.kv().put(leased("k", id)).await.unwrap();
    assert_eq!(attached(&t, id).await, ["k"]);
    let request = pb::LeaseTimeToLiveRequest { id, keys: false };
    let seen = t.lease().lease_time_to_live(request).await.unwrap();
    assert_eq!(seen.into_inner().keys.len(), 0, "not requested");
    let none = look(&t, 99).await;
    assert_eq!((none.id, none.ttl, none.granted_ttl), (99, -1, 0));
    assert_eq!(none.header.unwrap().revision, 2);
}

async fn grants_that_make_no_sense(t: Arc<Target>) {
    let mut lease = t.lease();
    grant(&t, 1, 600).await;
    let again = pb::LeaseGrantRequest { id: 1, ttl: 30 };
    let text = "etcdserver: lease already exists";
    refused(
        lease.lease_grant(again).await,
        Code::FailedPrecondition,
        text,
    );
    assert_eq!(look(&t, 1).await.granted_ttl, 600);
    let text = "etcdserver: too large lease TTL";
    for ttl in [9_000_000_001, i64::MAX] {
        let huge = pb::LeaseGrantRequest { id: 0, ttl };
        refused(lease.lease_grant(huge).await, Code::OutOfRange, text);
    }
    assert_eq!(grant(&t, 0, 9_000_000_000).await.ttl, 9_000_000_000);
    for ttl in [0, 1, -1, i64::MIN] {
        assert_eq!(grant(&t, 0, ttl).await.ttl, 2, "the smallest TTL for {ttl}");
    }
}

async fn a_revocation_deletes_the_keys_in_one_revision(t: Arc<Target>) {
    let (mut kv, mut lease) = (t.kv(), t.lease());
    let id = grant(&t, 5, 600).await.id;
    for key in ["b", "a", "c"] {
        kv.put(leased(key, id)).await.unwrap();
    }
    kv.put(put("d", "v")).await.unwrap();
    let revoke = pb::LeaseRevokeRequest { id };
    let answer = lease.lease_revoke(revoke).await.unwrap().into_inner();
    assert_eq!(
        answer.header.unwrap().revision,
        6,
        "three keys, one revision"
    );
    let left = kv.range(prefix("a")).await.unwrap().into_inner();
    assert_eq!(left.count, 0);
    let left = kv.range(get("d")).await.unwrap().into_inner();
    assert_eq!(left.count, 1);
    assert_eq!(look(&t, id).await.ttl, -1);
    refused(lease.lease_revoke(revoke).await, Code::NotFound, NOT_FOUND);
    let none = pb::LeaseRevokeRequest { id: 0 };
    refused(lease.lease_revoke(none).await, Code::NotFound, NOT_FOUND);
    // The id can be used again, and the old keys are not attached to it.
    grant(&t, 5, 600).await;
    assert_eq!(attached(&t, 5).await, [""; 0]);
    let empty = lease.lease_revoke(revoke).await.unwrap().into_inner();
    assert_eq!(
        empty.header.unwrap().revision,
        6,
        "without keys nothing changes"
    );
}

async fn a_put_needs_a_lease_that_exists(t: Arc<Target>) {
    let mut kv = t.kv();
    refused(kv.put(leased("k", 77)).await, Code::NotFound, NOT_FOUND);
    let two = vec![op(put("a", "v")), op(leased("b", 77))];
    let both = txn(vec![], two, vec![]);
    refused(kv.txn(both.clone()).await, Code::NotFound, NOT_FOUND);
    let nested = txn(vec![], vec![op(put("c", "v")), op(both)], vec![]);
    refused(kv.txn(nested).await, Code::NotFound, NOT_FOUND);
    let all = pb::RangeRequest {
        range_end: vec![0].into(),
        ..get("a")
    };
    let read = kv.range(all).await.unwrap().into_inner();
    assert_eq!(
        (read.count, read.header.unwrap().revision),
        (0, 1),
        "nothing is done by halves"
    );
    let both = pb::PutRequest {
        ignore_lease: true,
        ..leased("k", 77)
    };
    let text = "etcdserver: lease is provided";
    refused(kv.put(both).await, Code::InvalidArgument, text);
}

async fn a_key_moves_between_leases(t: Arc<Target>) {
    let mut kv = t.kv();
    for id in [1, 2] {
        grant(&t, id, 600).await;
    }
    kv.put(leased("k", 1)).await.unwrap();
    kv.put(leased("other", 1)).await.unwrap();
    kv.put(leased("k", 2)).await.unwrap();
    assert_eq!(attached(&t, 1).await, ["other"]);
    assert_eq!(attached(&t, 2).await, ["k"]);
    let keep = pb::PutRequest {
        ignore_lease: true,
        ..put("k", "new")
    };
    kv.put(keep).await.unwrap();
    assert_eq!(attached(&t, 2).await, ["k"]);
    let read = kv.range(get("k")).await.unwrap().into_inner();
    assert_eq!(read.kvs[0].lease, 2);
    kv.put(put("k", "v")).await.unwrap();
    assert_eq!(
        attached(&t, 2).await,
        [""; 0],
        "a put without a lease detaches"
    );
    kv.put(leased("k", 2)).await.unwrap();
    kv.delete_range(delete("k")).await.unwrap();
    assert_eq!(attached(&t, 2).await, [""; 0], "a deletion detaches");
    kv.put(put("k", "v")).await.unwrap();
    t.lease()
        .lease_revoke(pb::LeaseRevokeRequest { id: 2 })
        .await
        .unwrap();
    let read = kv.range(get("k")).await.unwrap().into_inner();
    assert_eq!(read.count, 1);
}

async fn leases_in_transactions(t: Arc<Target>) {
    let mut kv = t.kv();
    for id in [1, 2] {
        grant(&t, id, 600).await;
    }
    let inner = txn(vec![], vec![op(leased("c", 2))], vec![]);
    let write = txn(
        vec![compare("a", CompareResult::Equal, TargetUnion::Lease(0))],
        vec![op(leased("a", 1)), op(leased("b", 1)), op(inner)],
        vec![],
    );
    let done = kv.txn(write).await.unwrap().into_inner();
    assert!(done.succeeded);
    assert_eq!(attached(&t, 1).await, ["a", "b"]);
    assert_eq!(attached(&t, 2).await, ["c"]);
    let moved = txn(
        vec![compare("a", CompareResult::Equal, TargetUnion::Lease(1))],
        vec![op(delete("b")), op(leased("a", 2)), op(get("a"))],
        vec![op(put("never", "v"))],
    );
    let done = kv.txn(moved).await.unwrap().into_inner();
    assert!(done.succeeded);
    match &done.responses[2].response {
        Some(Response::ResponseRange(read)) => assert_eq!(read.kvs[0].lease, 2),
        other => panic!("{other:?}"),
    }
    assert_eq!(attached(&t, 1).await, [""; 0]);
    assert_eq!(attached(&t, 2).await, ["a", "c"]);
}

type KeepAlive = (
    mpsc::Sender<pb::LeaseKeepAliveRequest>,
    Streaming<pb::LeaseKeepAliveResponse>,
);

/// A stream with a first message for this lease, because grpc-go sends no headers before the first response.
async fn keep_alive(t: &Target, id: i64) -> KeepAlive {
    let (sender, requests) = mpsc::channel(100);
    sender.send(pb::LeaseKeepAliveRequest { id }).await.unwrap();
    let mut lease = t.lease();
    let answers = lease.lease_keep_alive(ReceiverStream::new(requests)).await;
    (sender, answers.unwrap().into_inner())
}

async fn a_stream_keeps_leases_alive(t: Arc<Target>) {
    for id in [1, 2] {
        grant(&t, id, 100 * id).await;
    }
    let asked = [1, 2, 99, 1, 0, 2];
    let (sender, mut answers) = keep_alive(&t, asked[0]).await;
    for id in asked.into_iter().skip(1) {
        sender.send(pb::LeaseKeepAliveRequest { id }).await.unwrap();
    }
    for id in asked {
        let answer = answers.message().await.unwrap().unwrap();
        let ttl = match id {
            1 | 2 => 100 * id,
            _ => 0,
        };
        assert_eq!(
            (answer.id, answer.ttl),
            (id, ttl),
            "in order; 0 is a dead lease"
        );
        assert_eq!(answer.header.unwrap().revision, 1);
    }
    t.lease()
        .lease_revoke(pb::LeaseRevokeRequest { id: 1 })
        .await
        .unwrap();
    sender
        .send(pb::LeaseKeepAliveRequest { id: 1 })
        .await
        .unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().ttl, 0);
    drop(sender);
    assert_eq!(
        answers.message().await.unwrap(),
        None,
        "the client's end is the stream's"
    );
}

async fn leases_are_listed_by_their_expiry(t: Arc<Target>) {
    let list = async |t: &Target| {
        let request = pb::LeaseLeasesRequest {};
        let list = t.lease().lease_leases(request).await.unwrap().into_inner();
        assert_eq!(list.header.unwrap().revision, 1);
        list.leases.iter().map(|l| l.id).collect::<Vec<_>>()
    };
    assert_eq!(list(&t).await, [0; 0]);
    for (id, ttl) in [(1, 900), (2, 300), (3, 600)] {
        grant(&t, id, ttl).await;
    }
    assert_eq!(list(&t).await, [2, 3, 1]);
}

async fn an_expired_lease_takes_its_keys_along(t: Arc<Target>) {
    let mut kv = t.kv();
    grant(&t, 1, 2).await;
    grant(&t, 2, 600).await;
    for key in ["a1", "a2", "a3"] {
        kv.put(leased(key, 1)).await.unwrap();
    }
    kv.put(leased("kept", 2)).await.unwrap();
    let revision = loop {
        let read = kv.range(prefix("a")).await.unwrap().into_inner();
        if read.count == 0 {
            break read.header.unwrap().revision;
        }
        assert_eq!(keys(&read), ["a1", "a2", "a3"], "all of them or none");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(revision, 6, "one revision for all");
    assert_eq!(look(&t, 1).await.ttl, -1);
    assert_eq!(attached(&t, 2).await, ["kept"]);
    let (_sender, mut answers) = keep_alive(&t, 1).await;
    assert_eq!(answers.message().await.unwrap().unwrap().ttl, 0);
}

async fn many_leases_at_once(t: Arc<Target>) {
    let tasks: Vec<_> = (0..20)
        .map(|task| {
            let t = t.clone();
            tokio::spawn(async move {
                for i in 0..50 {
                    let id = task * 50 + i + 1;
                    grant(&t, id, 600).await;
                    let key = format!("k{id}");
                    t.kv().put(leased(&key, id)).await.unwrap();
                    if i % 2 == 0 {
                        let revoke = pb::LeaseRevokeRequest { id };
                        t.lease().lease_revoke(revoke).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let list = t.lease().lease_leases(pb::LeaseLeasesRequest {}).await;
    assert_eq!(list.unwrap().into_inner().leases.len(), 500);
    let read = t.kv().range(prefix("k")).await.unwrap().into_inner();
    assert_eq!(read.count, 500);
    assert!(
        read.kvs
            .iter()
            .all(|kv| text(&kv.key) == format!("k{}", kv.lease))
    );
}

async fn a_full_database_grants_nothing(t: Arc<Target>) {
    let mut kv = t.kv();
    grant(&t, 1, 600).await;
    kv.put(leased("k", 1)).await.unwrap();
    let status = t.maintenance().status(pb::StatusRequest {}).await.unwrap();
    let raise = pb::AlarmRequest {
        action: pb::alarm_request::AlarmAction::Activate.into(),
        member_id: status.into_inner().header.unwrap().member_id,
        alarm: pb::AlarmType::Nospace.into(),
    };
    t.maintenance().alarm(raise).await.unwrap();
    let request = pb::LeaseGrantRequest { id: 0, ttl: 600 };
    let text = "etcdserver: mvcc: database space exceeded";
    refused(
        t.lease().lease_grant(request).await,
        Code::ResourceExhausted,
        text,
    );
    let (_sender, mut answers) = keep_alive(&t, 1).await;
    assert_eq!(answers.message().await.unwrap().unwrap().ttl, 600);
    t.lease()
        .lease_revoke(pb::LeaseRevokeRequest { id: 1 })
        .await
        .unwrap();
    let read = kv.range(get("k")).await.unwrap().into_inner();
    assert_eq!(read.count, 0);
}

/// Our server on a directory, with the settings of `embedded:`.
async fn open(dir: &std::path::Path, count_downtime: bool) -> (Server, Target) {
    let mut config = Config::new(dir);
    config.leases_count_downtime = count_downtime;
    let server = Server::start(config).await.unwrap();
    let target = Target {
        kind: crate::target::TargetKind::Memory,
        channel: server.channel().await.unwrap(),
        address: None,
    };
    (server, target)
}

/// Unlike in etcd, leases in a directory that is opened for each command expire while it is closed.
#[tokio::test(flavor = "multi_thread")]
async fn leases_expire_across_restarts_where_downtime_counts() {
    let dir = scratch();
    let (server, t) = open(dir.path(), true).await;
    grant(&t, 1, 2).await;
    grant(&t, 2, 600).await;
    for (key, id) in [("a", 1), ("b", 1), ("kept", 2)] {
        t.kv().put(leased(key, id)).await.unwrap();
    }
    server.shutdown().await;
    let mut opened = 0;
    let revision = loop {
        let (server, t) = open(dir.path(), true).await;
        opened += 1;
        let read = t.kv().range(prefix("a")).await.unwrap().into_inner();
        assert!(look(&t, 1).await.ttl <= 2);
        assert!(look(&t, 2).await.ttl <= 600);
        assert_eq!(attached(&t, 2).await, ["kept"]);
        server.shutdown().await;
        if read.count == 0 {
            break read.header.unwrap().revision;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    // Both keys were deleted in one revision, before anything could be read.
    assert_eq!((revision, opened > 1), (5, true));
}

/// A restarted server continues where it stopped; clients have time to reconnect.
#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_restores_the_remaining_time_of_leases() {
    let dir = scratch();
    let (server, t) = open(dir.path(), false).await;
    grant(&t, 1, 600).await;
    t.kv().put(leased("k", 1)).await.unwrap();
    // Twice rounding to whole seconds, and the second that every lease gets at a start.
    while look(&t, 1).await.ttl >= 597 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.shutdown().await;
    let (server, t) = open(dir.path(), false).await;
    let seen = look(&t, 1).await;
    assert!(seen.ttl < 600, "etcd would begin again: {}", seen.ttl);
    assert_eq!(
        (seen.granted_ttl, attached(&t, 1).await.as_slice()),
        (600, &["k".to_string()][..])
    );
    // A renewal survives the next restart, although it writes only once.
    let (sender, mut answers) = keep_alive(&t, 1).await;
    assert_eq!(answers.message().await.unwrap().unwrap().ttl, 600);
    sender
        .send(pb::LeaseKeepAliveRequest { id: 1 })
        .await
        .unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().ttl, 600);
    drop((sender, answers));
    server.shutdown().await;
    let (server, t) = open(dir.path(), false).await;
    assert!(look(&t, 1).await.ttl >= 590);
    server.shutdown().await;
}

/// A client that opens a directory only for reading does not see the keys of expired leases either.
#[tokio::test(flavor = "multi_thread")]
async fn leases_expire_for_those_who_only_read() {
    let dir = scratch();
    let (server, t) = open(dir.path(), true).await;
    grant(&t, 1, 2).await;
    t.kv().put(leased("k", 1)).await.unwrap();
    server.shutdown().await;
    loop {
        let mut config = Config::new(dir.path());
        config.leases_count_downtime = true;
        let server = Server::start_read_only(config).await.unwrap();
        let channel = server.channel().await.unwrap();
        let mut kv = KvClient::new(channel);
        let read = kv.range(get("k")).await.unwrap().into_inner();
        server.shutdown().await;
        if read.count == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// `kill -9`: everything acknowledged is there, and a lease has its whole TTL again, as in etcd.
#[tokio::test(flavor = "multi_thread")]
async fn leases_outlast_a_kill() {
    let mut server = Launch::serve().start();
    let target = async |server: &Process| Target {
        kind: crate::target::TargetKind::Tcp,
        channel: server.channel().await,
        address: None,
    };
    let t = target(&server).await;
    for id in 1..=20 {
        grant(&t, id, 600).await;
        t.kv().put(leased(&format!("k{id}"), id)).await.unwrap();
        if id % 2 == 0 {
            let revoke = pb::LeaseRevokeRequest { id };
            t.lease().lease_revoke(revoke).await.unwrap();
        }
    }
    t.kv().put(leased("k1", 3)).await.unwrap();
    server.kill();
    let server = server.restart();
    let t = target(&server).await;
    let list = t.lease().lease_leases(pb::LeaseLeasesRequest {}).await;
    let mut ids: Vec<i64> = (list.unwrap().into_inner().leases.iter())
        .map(|l| l.id)
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=20).step_by(2).collect::<Vec<_>>());
    assert_eq!(attached(&t, 1).await, [""; 0]);
    assert_eq!(attached(&t, 3).await, ["k1", "k3"]);
    assert_eq!(attached(&t, 5).await, ["k5"]);
    let read = t.kv().range(prefix("k")).await.unwrap().into_inner();
    assert_eq!(read.count, 10);
}
