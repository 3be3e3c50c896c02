//! Locks and elections: the first comer has it, the next one follows, and a caller that goes away leaves the queue.

use std::{sync::Arc, time::Duration};

use etcd_maintenance::proto::{
    etcdserverpb::{self as pb, lease_client::LeaseClient},
    v3electionpb::{
        CampaignRequest, LeaderKey, LeaderRequest, ProclaimRequest, ResignRequest,
        election_client::ElectionClient,
    },
    v3lockpb::{LockRequest, UnlockRequest, lock_client::LockClient},
};
use tonic::{Code, transport::Channel};

use crate::{
    ask::{get, prefix, refused, text},
    target::Target,
};

on_every_target! {
    a_lock_goes_to_one_after_the_other;
    a_caller_that_goes_away_leaves_the_queue;
    a_lock_ends_with_its_lease;
    an_election_has_one_leader;
    a_member_that_does_not_lead_gets_an_error;
}

async fn lease(t: &Target) -> i64 {
    let request = pb::LeaseGrantRequest { ttl: 60, id: 0 };
    let granted = LeaseClient::new(t.channel.clone())
        .lease_grant(request)
        .await;
    granted.unwrap().into_inner().id
}

fn lock(name: &str, lease: i64) -> LockRequest {
    LockRequest {
        name: name.to_string().into(),
        lease,
    }
}

/// Waits until this number of keys is queued under the name.
async fn queued(t: &Target, name: &str, count: i64) {
    while t.kv().range(prefix(name)).await.unwrap().into_inner().count != count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn a_lock_goes_to_one_after_the_other(t: Arc<Target>) {
    let mut locks = LockClient::new(t.channel.clone());
    let first = lease(&t).await;
    let held = locks.lock(lock("l", first)).await.unwrap().into_inner();
    assert_eq!(text(&held.key), format!("l/{first:x}"));
    assert_eq!(held.header.unwrap().revision, 2);
    // The holder gets it again.
    let again = locks.lock(lock("l", first)).await.unwrap().into_inner();
    assert_eq!(again.key, held.key);
    let mut waiting = Vec::new();
    for place in 2..5 {
        let lease = lease(&t).await;
        let mut locks = locks.clone();
        waiting.push(tokio::spawn(
            async move { locks.lock(lock("l", lease)).await },
        ));
        queued(&t, "l/", place).await;
    }
    let mut key = held.key;
    for next in waiting {
        assert!(!next.is_finished());
        locks.unlock(UnlockRequest { key }).await.unwrap();
        key = next.await.unwrap().unwrap().into_inner().key;
    }
    // Without a lease, the server grants one.
    let other = locks.lock(lock("other", 0)).await.unwrap().into_inner();
    let kv = t
        .kv()
        .range(get(&text(&other.key)))
        .await
        .unwrap()
        .into_inner();
    assert_ne!(kv.kvs[0].lease, 0);
}

async fn a_caller_that_goes_away_leaves_the_queue(t: Arc<Target>) {
    let mut locks = LockClient::new(t.channel.clone());
    let held = locks
        .lock(lock("l", lease(&t).await))
        .await
        .unwrap()
        .into_inner();
    let patient = lease(&t).await;
    let mut late = tonic::Request::new(lock("l", lease(&t).await));
    late.set_timeout(Duration::from_millis(300));
    let refusal = locks.lock(late).await.unwrap_err();
    assert!(
        matches!(refusal.code(), Code::DeadlineExceeded | Code::Cancelled),
        "{refusal}"
    );
    queued(&t, "l/", 1).await;
    let waiting = {
        let mut locks = locks.clone();
        tokio::spawn(async move { locks.lock(lock("l", patient)).await })
    };
    queued(&t, "l/", 2).await;
    locks.unlock(UnlockRequest { key: held.key }).await.unwrap();
    waiting.await.unwrap().unwrap();
}

async fn a_lock_ends_with_its_lease(t: Arc<Target>) {
    let mut locks = LockClient::new(t.channel.clone());
    let first = lease(&t).await;
    locks.lock(lock("l", first)).await.unwrap();
    let second = lease(&t).await;
    let waiting = {
        let mut locks = locks.clone();
        tokio::spawn(async move { locks.lock(lock("l", second)).await })
    };
    queued(&t, "l/", 2).await;
    let revoke = pb::LeaseRevokeRequest { id: first };
    LeaseClient::new(t.channel.clone())
        .lease_revoke(revoke)
        .await
        .unwrap();
    waiting.await.unwrap().unwrap();
    refused(
        locks.lock(lock("l", 12345)).await,
        Code::Unknown,
        "etcdserver: requested lease not found",
    );
}

fn campaign(lease: i64, value: &str) -> CampaignRequest {
    CampaignRequest {
        name: "e".into(),
        lease,
        value: value.to_string().into(),
    }
}

async fn an_election_has_one_leader(t: Arc<Target>) {
    let mut elections: ElectionClient<Channel> = ElectionClient::new(t.channel.clone());
    let leader = || LeaderRequest { name: "e".into() };
    refused(
        elections.leader(leader()).await,
        Code::Unknown,
        "election: no leader",
    );
    let first = campaign(lease(&t).await, "one");
    let won = elections.campaign(first).await.unwrap().into_inner();
    let one = won.leader.unwrap();
    let mut observed = elections.observe(leader()).await.unwrap().into_inner();
    let mut next = async || {
        let response = observed.message().await.unwrap().unwrap();
        text(&response.kv.unwrap().value)
    };
    assert_eq!(next().await, "one");
    let proclaim = ProclaimRequest {
        leader: Some(one.clone()),
        value: "two".into(),
    };
    elections.proclaim(proclaim).await.unwrap();
    assert_eq!(next().await, "two");
    let second = campaign(lease(&t).await, "three");
    let waiting = {
        let mut elections = elections.clone();
        tokio::spawn(async move { elections.campaign(second).await })
    };
    queued(&t, "e/", 2).await;
    let now = elections.leader(leader()).await.unwrap().into_inner();
    assert_eq!(text(&now.kv.unwrap().value), "two");
    elections
        .resign(ResignRequest { leader: Some(one) })
        .await
        .unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(next().await, "three");
}

async fn a_member_that_does_not_lead_gets_an_error(t: Arc<Target>) {
    let mut elections: ElectionClient<Channel> = ElectionClient::new(t.channel.clone());
    let nobody = ProclaimRequest {
        leader: None,
        value: "v".into(),
    };
    refused(
        elections.proclaim(nobody).await,
        Code::Unknown,
        "\"leader\" field must be provided",
    );
    let stranger = LeaderKey {
        name: "e".into(),
        key: "e/1".into(),
        rev: 5,
        lease: lease(&t).await,
    };
    let proclaim = ProclaimRequest {
        leader: Some(stranger),
        value: "v".into(),
    };
    refused(
        elections.proclaim(proclaim).await,
        Code::Unknown,
        "election: not leader",
    );
}
