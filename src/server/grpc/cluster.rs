//! The Cluster service of a single-member cluster: it can be listed, but not changed. Errors are those that etcd
//! returns to the same request on a single member, if etcd rejects it too.

use std::sync::Arc;

use tonic::Code;

use super::services::Listening;
use crate::{
    proto::etcdserverpb as pb,
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
        let mut header = self.core.header();
        // etcd omits the revision in all responses of this service.
        header.revision = 0;
        if let Some(stored) = self.core.stored_members() {
            let members = stored.iter().map(|m| pb::Member {
                id: m.id,
                name: m.name.clone(),
                peer_ur_ls: m.peer_urls.clone(),
                client_ur_ls: m.client_urls.clone(),
                is_learner: m.is_learner,
            });
            return Ok(pb::MemberListResponse {
                header: Some(header),
                members: members.collect(),
            });
        }
        let listening = self.listening.read().clone();
        let client_urls = match &self.config.advertise_client_urls {
            Some(urls) => urls.clone(),
            None => listening,
        };
        Ok(pb::MemberListResponse {
            header: Some(header),
            members: vec![pb::Member {
                id: header.member_id,
                name: self.config.name.clone(),
                peer_ur_ls: self.config.peer_urls(),
                client_ur_ls: client_urls,
                is_learner: false,
            }],
        })
    }

    pub async fn member_add(
        &self,
        context: &RequestContext,
        r: pb::MemberAddRequest,
    ) -> Result<pb::MemberAddResponse, Error> {
        if r.peer_ur_ls.is_empty() || r.peer_ur_ls.iter().any(|u| value::urls(u).is_err()) {
            return Err(Error::MemberBadURLs);
        }
        self.core.check_admin(context)?;
        let ours = self.config.peer_urls();
        if r.peer_ur_ls.iter().any(|u| ours.contains(u)) {
            return Err(Error::PeerURLExist);
        }
        Err(single())
    }

    pub async fn member_remove(
        &self,
        context: &RequestContext,
        r: pb::MemberRemoveRequest,
    ) -> Result<pb::MemberRemoveResponse, Error> {
        self.core.check_admin(context)?;
        self.known(r.id)?;
        // etcd has a text for this error, but sends it without its code.
        Err(Error::Other(
            Code::Unknown,
            Error::MemberNotEnoughStarted.text().into(),
        ))
    }

    pub async fn member_update(
        &self,
        context: &RequestContext,
        r: pb::MemberUpdateRequest,
    ) -> Result<pb::MemberUpdateResponse, Error> {
        self.core.check_admin(context)?;
        self.known(r.id)?;
        Err(single())
    }

    pub async fn member_promote(
        &self,
        context: &RequestContext,
        r: pb::MemberPromoteRequest,
    ) -> Result<pb::MemberPromoteResponse, Error> {
        self.core.check_admin(context)?;
        self.known(r.id)?;
        Err(Error::MemberNotLearner)
    }

    fn known(&self, id: u64) -> Result<(), Error> {
        if id == self.core.header().member_id {
            Ok(())
        } else {
            Err(Error::MemberNotFound)
        }
    }
}

fn single() -> Error {
    Error::Other(
        Code::Unimplemented,
        "this server is a single member and stays one: \
         `snapshot save` here and `snapshot restore` into a cluster"
            .into(),
    )
}
