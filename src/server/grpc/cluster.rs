//! The Cluster service of a single-member cluster. Members can be added, changed and removed, and are recorded like in
//! etcd; only this member is ever served. Responses and errors are those of a single etcd member.

use std::sync::Arc;

use super::services::Listening;
use crate::{
    proto::etcdserverpb as pb,
    schema::membership::{Member, Membership},
    server::{config::Config, context::RequestContext, core::Core, error::Error, value},
};

/// The Cluster service.
pub struct Cluster {
    core: Core,
    config: Arc<Config>,
    listening: Listening,
}

impl Cluster {
    pub fn new(core: Core, config: Arc<Config>, listening: Listening) -> Cluster {
        Cluster {
            core,
            config,
            listening,
        }
    }

    pub async fn member_list(
        &self,
        context: &RequestContext,
        _: pb::MemberListRequest,
    ) -> Result<pb::MemberListResponse, Error> {
        self.core.check_known(context)?;
        let membership = self.core.membership()?;
        Ok(pb::MemberListResponse {
            header: Some(self.header()),
            members: self.members(&membership),
        })
    }

    pub async fn member_add(
        &self,
        context: &RequestContext,
        r: pb::MemberAddRequest,
    ) -> Result<pb::MemberAddResponse, Error> {
        // etcd sorts the URLs of a new member.
        let mut urls = checked(r.peer_ur_ls)?;
        urls.sort();
        let rules = &self.config.cluster;
        let added = self.core.add_member(context, rules, urls, r.is_learner);
        let (member, membership) = added.await?;
        Ok(pb::MemberAddResponse {
            header: Some(self.header()),
            member: Some(shown(&member)),
            members: self.members(&membership),
        })
    }

    pub async fn member_remove(
        &self,
        context: &RequestContext,
        r: pb::MemberRemoveRequest,
    ) -> Result<pb::MemberRemoveResponse, Error> {
        let membership = self.core.remove_member(context, r.id).await?;
        Ok(pb::MemberRemoveResponse {
            header: Some(self.header()),
            members: self.members(&membership),
        })
    }

    /// etcd does not check the URLs, and cannot start again once a member has unusable ones.
    pub async fn member_update(
        &self,
        context: &RequestContext,
        r: pb::MemberUpdateRequest,
    ) -> Result<pb::MemberUpdateResponse, Error> {
        self.core.check_admin(context)?;
        let urls = checked(r.peer_ur_ls)?;
        let membership = self.core.update_member(context, r.id, urls).await?;
        Ok(pb::MemberUpdateResponse {
            header: Some(self.header()),
            members: self.members(&membership),
        })
    }

    /// No other member ever starts, so none is in sync.
    pub async fn member_promote(
        &self,
        context: &RequestContext,
        r: pb::MemberPromoteRequest,
    ) -> Result<pb::MemberPromoteResponse, Error> {
        self.core.check_admin(context)?;
        self.core.check_changeable()?;
        Err(if r.id == self.core.header().member_id {
            Error::MemberNotLearner
        } else if self.core.membership()?.members.contains_key(&r.id) {
            Error::LearnerNotReady
        } else {
            Error::MemberNotFound
        })
    }

    /// etcd omits the revision from every response of this service.
    fn header(&self) -> pb::ResponseHeader {
        pb::ResponseHeader {
            revision: 0,
            ..self.core.header()
        }
    }

    /// All members, ordered by id. This one is reached at its advertised URLs, or else at the addresses on which it
    /// listens.
    fn members(&self, membership: &Membership) -> Vec<pb::Member> {
        let me = self.core.header().member_id;
        let is_served = self.config.snapshot.is_none();
        let members = membership.members.values().map(|member| {
            let mut shown = shown(member);
            if member.id == me && is_served && self.config.advertise_client_urls.is_none() {
                shown.client_ur_ls.clone_from(&self.listening.read());
            }
            shown
        });
        members.collect()
    }
}

fn shown(member: &Member) -> pb::Member {
    pb::Member {
        id: member.id,
        name: member.name.clone(),
        peer_ur_ls: member.peer_urls.clone(),
        client_ur_ls: member.client_urls.clone(),
        is_learner: member.is_learner,
    }
}

/// Peer URLs that a member can have.
fn checked(urls: Vec<String>) -> Result<Vec<String>, Error> {
    let usable = |url: &String| !url.contains(',') && value::urls(url).is_ok();
    match !urls.is_empty() && urls.iter().all(usable) {
        true => Ok(urls),
        false => Err(Error::MemberBadURLs),
    }
}
