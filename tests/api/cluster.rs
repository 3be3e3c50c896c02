//! The list of members, changes of it as a cluster of one takes them, and downgrades of the cluster's version.

use std::{sync::Arc, time::Duration};

use etcd_maintenance::proto::etcdserverpb as pb;
use tonic::Code;

use crate::{
    ask::{fill, refused},
    target::{Target, TargetKind},
};

on_every_target! {
    the_list_has_one_member ["--name=default"];
    members_that_are_not_there;
    the_only_member_stays;
    a_learner_comes_and_goes;
    peer_urls_are_changed_and_stay_unique;
    a_voter_is_added_and_only_one;
    a_downgrade_is_checked_begun_and_ended;
    a_downgrade_that_is_cancelled_immediately_changes_no_version;
}

const MEMBER: u64 = 0x8e9e_05c5_2164_694d;

async fn the_list_has_one_member(t: Arc<Target>) {
    fill(&t, &[("k", "v")]).await;
    for linearizable in [false, true] {
        let request = pb::MemberListRequest { linearizable };
        let list = t.cluster().member_list(request).await.unwrap().into_inner();
        let header = list.header.unwrap();
        assert_eq!(header.member_id, MEMBER);
        // etcd omits the revision here.
        assert_eq!((header.revision, header.raft_term), (0, 2));
        assert_eq!(list.members.len(), 1);
        let member = &list.members[0];
        assert_eq!((member.id, member.name.as_str()), (MEMBER, "default"));
        assert_eq!(member.peer_ur_ls, ["http://localhost:2380"]);
        assert!(!member.is_learner);
        if let Some(address) = &t.address {
            let url = format!("http://{address}");
            assert_eq!(member.client_ur_ls, [url]);
        }
    }
}

async fn members_that_are_not_there(t: Arc<Target>) {
    let mut c = t.cluster();
    let text = "etcdserver: member not found";
    let remove = pb::MemberRemoveRequest { id: 7 };
    refused(c.member_remove(remove).await, Code::NotFound, text);
    let promote = pb::MemberPromoteRequest { id: 7 };
    refused(c.member_promote(promote).await, Code::NotFound, text);
    let update = pb::MemberUpdateRequest {
        id: 7,
        peer_ur_ls: vec!["http://127.0.0.1:1".into()],
    };
    refused(c.member_update(update).await, Code::NotFound, text);
    let add = |urls: &[&str]| pb::MemberAddRequest {
        peer_ur_ls: urls.iter().map(|u| (*u).to_string()).collect(),
        is_learner: false,
    };
    for urls in [&[][..], &["127.0.0.1:1"], &["http://127.0.0.1"]] {
        refused(
            c.member_add(add(urls)).await,
            Code::InvalidArgument,
            "etcdserver: given member URLs are invalid",
        );
    }
    refused(
        c.member_add(add(&["http://localhost:2380"])).await,
        Code::FailedPrecondition,
        "etcdserver: Peer URLs already exists",
    );
}

async fn the_only_member_stays(t: Arc<Target>) {
    let mut c = t.cluster();
    let remove = pb::MemberRemoveRequest { id: MEMBER };
    refused(
        c.member_remove(remove).await,
        Code::Unknown,
        "etcdserver: re-configuration failed due to not enough started members",
    );
    let promote = pb::MemberPromoteRequest { id: MEMBER };
    refused(
        c.member_promote(promote).await,
        Code::FailedPrecondition,
        "etcdserver: can only promote a learner member",
    );
}

fn add(url: &str, is_learner: bool) -> pb::MemberAddRequest {
    pb::MemberAddRequest {
        peer_ur_ls: vec![url.into()],
        is_learner,
    }
}

fn listed(members: &[pb::Member]) -> Vec<(u64, &str, Vec<&str>, bool)> {
    let members = members.iter().map(|m| {
        let urls = m.peer_ur_ls.iter().map(String::as_str).collect();
        (m.id, m.name.as_str(), urls, m.is_learner)
    });
    members.collect()
}

async fn members(t: &Target) -> Vec<pb::Member> {
    let list = pb::MemberListRequest {
        linearizable: false,
    };
    let answer = t.cluster().member_list(list).await.unwrap();
    answer.into_inner().members
}

async fn a_learner_comes_and_goes(t: Arc<Target>) {
    let mut c = t.cluster();
    let answer = c.member_add(add("http://127.0.0.1:7", true)).await.unwrap();
    let answer = answer.into_inner();
    let learner = answer.member.unwrap();
    let header = answer.header.unwrap();
    assert_eq!((header.member_id, header.revision), (MEMBER, 0));
    assert!(learner.is_learner && learner.name.is_empty());
    assert_eq!(learner.peer_ur_ls, ["http://127.0.0.1:7"]);
    assert_eq!(answer.members.len(), 2);
    assert_eq!(members(&t).await, answer.members);
    // In order of their ids.
    assert!(answer.members[0].id < answer.members[1].id);
    refused(
        c.member_add(add("http://127.0.0.1:8", true)).await,
        Code::FailedPrecondition,
        "etcdserver: too many learner members in cluster",
    );
    let promote = pb::MemberPromoteRequest { id: learner.id };
    refused(
        c.member_promote(promote).await,
        Code::FailedPrecondition,
        "etcdserver: can only promote a learner member which is in sync with leader",
    );
    let transfer = pb::MoveLeaderRequest {
        target_id: learner.id,
    };
    refused(
        t.maintenance().move_leader(transfer).await,
        Code::FailedPrecondition,
        "etcdserver: bad leader transferee",
    );
    // A learner does not count towards the quorum.
    fill(&t, &[("k", "v")]).await;
    let remove = pb::MemberRemoveRequest { id: learner.id };
    let left = c.member_remove(remove).await.unwrap().into_inner().members;
    assert_eq!(left.len(), 1);
    refused(
        c.member_remove(remove).await,
        Code::NotFound,
        "etcdserver: member not found",
    );
}

async fn peer_urls_are_changed_and_stay_unique(t: Arc<Target>) {
    let mut c = t.cluster();
    let added = c.member_add(add("http://127.0.0.1:7", true)).await.unwrap();
    let learner = added.into_inner().member.unwrap().id;
    let update = |id: u64, urls: &[&str]| pb::MemberUpdateRequest {
        id,
        peer_ur_ls: urls.iter().map(|u| (*u).to_string()).collect(),
    };
    let taken = "etcdserver: Peer URLs already exists";
    for (id, url) in [
        (MEMBER, "http://127.0.0.1:7"),
        (learner, "http://localhost:2380"),
    ] {
        refused(
            c.member_update(update(id, &[url])).await,
            Code::FailedPrecondition,
            taken,
        );
    }
    // In the order in which they were given, and its own may stay.
    let urls = ["http://127.0.0.1:9", "http://127.0.0.1:7"];
    let answer = c.member_update(update(learner, &urls)).await.unwrap();
    let all = answer.into_inner().members;
    let updated = all.iter().find(|m| m.id == learner).unwrap();
    assert_eq!(updated.peer_ur_ls, urls);
    c.member_update(update(MEMBER, &["http://127.0.0.1:5"]))
        .await
        .unwrap();
    let all = members(&t).await;
    let me = all.iter().find(|m| m.id == MEMBER).unwrap();
    assert_eq!(
        listed(std::slice::from_ref(me)),
        [(MEMBER, "default", vec!["http://127.0.0.1:5"], false)]
    );
    // A real etcd records URLs that no member can have, and fails.
    if t.kind != TargetKind::Etcd {
        for urls in [&[][..], &["nonsense"]] {
            refused(
                c.member_update(update(learner, urls)).await,
                Code::InvalidArgument,
                "etcdserver: given member URLs are invalid",
            );
        }
    }
}

/// A real etcd also answers, and then waits for the new member before it writes anything.
async fn a_voter_is_added_and_only_one(t: Arc<Target>) {
    let mut c = t.cluster();
    let added = c
        .member_add(add("http://127.0.0.1:7", false))
        .await
        .unwrap();
    let voter = added.into_inner().member.unwrap();
    assert!(!voter.is_learner);
    assert_eq!(members(&t).await.len(), 2);
    refused(
        c.member_add(add("http://127.0.0.1:8", false)).await,
        Code::Unknown,
        "etcdserver: re-configuration failed due to not enough started members",
    );
    refused(
        c.member_add(add("http://127.0.0.1:8", true)).await,
        Code::Unavailable,
        "etcdserver: unhealthy cluster",
    );
    if t.kind != TargetKind::Etcd {
        fill(&t, &[("k", "v")]).await;
        let remove = pb::MemberRemoveRequest { id: voter.id };
        c.member_remove(remove).await.unwrap();
        assert_eq!(members(&t).await.len(), 1);
    }
}

async fn a_downgrade_is_checked_begun_and_ended(t: Arc<Target>) {
    use pb::downgrade_request::DowngradeAction;
    let mut m = t.maintenance();
    let ask = |action: DowngradeAction, version: &str| pb::DowngradeRequest {
        action: action.into(),
        version: version.into(),
    };
    for action in [DowngradeAction::Validate, DowngradeAction::Enable] {
        for version in ["3.5", "3.7", "4.6"] {
            refused(
                m.downgrade(ask(action, version)).await,
                Code::InvalidArgument,
                "etcdserver: invalid downgrade target version",
            );
        }
        for version in ["", "three"] {
            refused(
                m.downgrade(ask(action, version)).await,
                Code::InvalidArgument,
                "etcdserver: wrong downgrade target version format",
            );
        }
    }
    for (action, version) in [
        (DowngradeAction::Validate, "3.6"),
        (DowngradeAction::Cancel, ""),
        (DowngradeAction::Enable, "3.6"),
    ] {
        let answer = m
            .downgrade(ask(action, version))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(answer.version, "3.7", "{action:?}");
    }
    refused(
        m.downgrade(ask(DowngradeAction::Enable, "3.6")).await,
        Code::FailedPrecondition,
        "etcdserver: cluster has a downgrade job in progress",
    );
    let status = storage_version(&t, "3.6.0").await;
    let info = status.downgrade_info.unwrap();
    assert_eq!(
        (info.enabled, info.target_version.as_str()),
        (true, "3.6.0")
    );
    assert_eq!(status.version, "3.7.1");
    fill(&t, &[("k", "v")]).await;
    // Once the version has changed, the next lower one is not available while the downgrade is in progress.
    let next = m.downgrade(ask(DowngradeAction::Validate, "3.6")).await;
    let text = "etcdserver: invalid downgrade target version";
    refused(next, Code::InvalidArgument, text);
    let next = m.downgrade(ask(DowngradeAction::Enable, "3.5")).await;
    let text = "etcdserver: cluster has a downgrade job in progress";
    refused(next, Code::FailedPrecondition, text);
    let answer = m.downgrade(ask(DowngradeAction::Cancel, "")).await.unwrap();
    assert_eq!(answer.into_inner().version, "3.6");
    let status = storage_version(&t, "3.7.0").await;
    assert_eq!(status.downgrade_info.unwrap(), pb::DowngradeInfo::default());
}

/// The versions change some seconds after a downgrade was set.
async fn a_downgrade_that_is_cancelled_immediately_changes_no_version(t: Arc<Target>) {
    use pb::downgrade_request::DowngradeAction;
    let mut m = t.maintenance();
    let ask = |action: DowngradeAction| pb::DowngradeRequest {
        action: action.into(),
        version: "3.6".into(),
    };
    for action in [DowngradeAction::Enable, DowngradeAction::Cancel] {
        let answer = m.downgrade(ask(action)).await.unwrap().into_inner();
        assert_eq!(answer.version, "3.7", "{action:?}");
        let status = m.status(pb::StatusRequest {}).await.unwrap().into_inner();
        assert_eq!(status.storage_version, "3.7.0");
        let enabled = status.downgrade_info.unwrap().enabled;
        assert_eq!(enabled, action == DowngradeAction::Enable);
    }
}

/// The status once the storage has this version, which a real etcd takes a few seconds for.
async fn storage_version(t: &Target, version: &str) -> pb::StatusResponse {
    loop {
        let status = t.maintenance().status(pb::StatusRequest {}).await;
        let status = status.unwrap().into_inner();
        if status.storage_version == version {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
