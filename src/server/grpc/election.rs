//! The Election service (etcd v3.7.1, server/etcdserver/api/v3election/election.go). The owner of the oldest key under
//! the name is the leader, and the key's value is the leader's proclamation.

use bytes::Bytes;
use tonic::Code;

use super::{
    queue::{self, Events},
    stream::Outbound,
};
use crate::{
    proto::{etcdserverpb as pb, v3electionpb as election},
    server::{context::RequestContext, core::Core, error::Error},
};

/// The Election service.
pub struct Election {
    core: Core,
}

fn refused(text: &str) -> Error {
    Error::Other(Code::Unknown, text.into())
}

fn leader_of(leader: Option<election::LeaderKey>) -> Result<election::LeaderKey, Error> {
    leader.ok_or_else(|| refused("\"leader\" field must be provided"))
}

impl Election {
    pub fn new(core: Core) -> Election {
        Election { core }
    }

    /// Waits to become the leader. A caller that goes away leaves the queue.
    pub async fn campaign(
        &self,
        context: &RequestContext,
        r: election::CampaignRequest,
    ) -> Result<election::CampaignResponse, Error> {
        let core = &self.core;
        let prefix = queue::prefix(&r.name);
        let value = r.value.clone();
        let joined = queue::join(core, context, &prefix, r.lease, value, &[]).await?;
        let (lease, key, revision) = (joined.lease, joined.key, joined.revision);
        let mut header = joined.answer.header;
        if joined.previous.is_some_and(|value| value != r.value) {
            let put = queue::put(key.clone(), r.value, lease);
            header = self
                .proclaim_value(context, key.clone(), revision, put)
                .await?;
        }
        queue::wait_for_turn(core, context, &prefix, revision - 1).await?;
        joined.place.keep();
        Ok(election::CampaignResponse {
            header,
            leader: Some(election::LeaderKey {
                name: r.name,
                key,
                rev: revision,
                lease,
            }),
        })
    }

    /// Sets the leader's proclamation.
    pub async fn proclaim(
        &self,
        context: &RequestContext,
        r: election::ProclaimRequest,
    ) -> Result<election::ProclaimResponse, Error> {
        let leader = leader_of(r.leader)?;
        let lease = queue::session(&self.core, context, leader.lease).await?;
        let put = queue::put(leader.key.clone(), r.value, lease);
        let header = self
            .proclaim_value(context, leader.key, leader.rev, put)
            .await?;
        Ok(election::ProclaimResponse { header })
    }

    /// Executes the put of a proclamation.
    async fn proclaim_value(
        &self,
        context: &RequestContext,
        key: Bytes,
        revision: i64,
        put: pb::RequestOp,
    ) -> Result<Option<pb::ResponseHeader>, Error> {
        let answer = self.if_created_at(context, key, revision, put).await?;
        match answer.succeeded {
            true => Ok(answer.header),
            false => Err(refused("election: not leader")),
        }
    }

    /// Executes an operation if `key` was created at `revision`.
    async fn if_created_at(
        &self,
        context: &RequestContext,
        key: Bytes,
        revision: i64,
        operation: pb::RequestOp,
    ) -> Result<pb::TxnResponse, Error> {
        if key.is_empty() {
            return Err(Error::EmptyKey.without_code());
        }
        let request = pb::TxnRequest {
            compare: vec![queue::created_at(key, revision)],
            success: vec![operation],
            failure: Vec::new(),
        };
        let answer = self.core.txn(context, request).await;
        answer.map_err(Error::without_code)
    }

    /// The current leader.
    pub async fn leader(
        &self,
        context: &RequestContext,
        r: election::LeaderRequest,
    ) -> Result<election::LeaderResponse, Error> {
        let request = queue::oldest(&queue::prefix(&r.name));
        let answer = self.core.range(context, request).await;
        let answer = answer.map_err(Error::without_code)?;
        let kv = answer.kvs.into_iter().next();
        Ok(election::LeaderResponse {
            header: answer.header,
            kv: Some(kv.ok_or_else(|| refused("election: no leader"))?),
        })
    }

    /// Gives up the leadership.
    pub async fn resign(
        &self,
        context: &RequestContext,
        r: election::ResignRequest,
    ) -> Result<election::ResignResponse, Error> {
        let leader = leader_of(r.leader)?;
        queue::session(&self.core, context, leader.lease).await?;
        let delete = queue::delete(leader.key.clone());
        let answer = self
            .if_created_at(context, leader.key, leader.rev, delete)
            .await?;
        Ok(election::ResignResponse {
            header: answer.header,
        })
    }

    /// Sends each new leader and each new proclamation.
    pub async fn observe(
        &self,
        context: &RequestContext,
        r: election::LeaderRequest,
        outbound: Outbound<election::LeaderResponse>,
    ) -> Result<(), Error> {
        let core = &self.core;
        let prefix = queue::prefix(&r.name);
        loop {
            let answer = core.range(context, queue::oldest(&prefix)).await;
            let answer = answer.map_err(Error::without_code)?;
            let mut header = answer.header.unwrap_or_default();
            let mut leader = answer.kvs.into_iter().next();
            if leader.is_none() {
                // There is no leader: the first put determines it.
                let mut events = Events::under(core, context, &prefix, header.revision)?;
                while leader.is_none() {
                    let event = events.next().await?;
                    if !event.tombstone {
                        leader = queue::key_value(&event);
                    }
                }
                header.revision = leader.as_ref().map_or(0, |kv| kv.mod_revision);
            }
            let Some(leader) = leader else {
                continue;
            };
            let mut events = Events::of(
                core,
                context,
                leader.key.clone(),
                Bytes::new(),
                header.revision + 1,
            )?;
            let mut response = election::LeaderResponse {
                header: Some(header),
                kv: Some(leader),
            };
            loop {
                outbound.send(&response).await?;
                let event = events.next().await?;
                if event.tombstone {
                    break;
                }
                header.revision = event.rev.main;
                response = election::LeaderResponse {
                    header: Some(header),
                    kv: queue::key_value(&event),
                };
            }
        }
    }
}
