//! The member list, and the responses of a single member to changes of it.

use std::sync::Arc;

use etcd_maintenance::proto::etcdserverpb as pb;
use tonic::Code;

use crate::{
    ask::{fill, refused},
    target::Target,
};

on_every_target! {
    the_list_has_one_member ["--name=default"];
    members_that_are_not_there;
    the_only_member_stays;
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
