//! The Election service (etcd v3.7.1, server/etcdserver/api/v3election/election.go). The owner of the oldest key under
//! the name is the leader, and the key's value is the leader's proclamation.

use bytes::Bytes;
use tonic::Code;

use super::{
    queue::{self, Events, Place},
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
        let lease = queue::session(core, context, r.lease)
            .await
            .map_err(queue::unknown)?;
        let prefix = queue::prefix(&r.name);
        let key = queue::key(&prefix, lease);
        let own = pb::RangeRequest {
            key: key.clone(),
            ..Default::default()
        };
        let answer = core
            .txn(
                context,
                pb::TxnRequest {
                    compare: vec![queue::created_at(key.clone(), 0)],
                    success: vec![queue::put(key.clone(), r.value.clone(), lease)],
                    failure: vec![queue::range(own)],
                },
            )
            .await
            .map_err(queue::unknown)?;
        let place = Place::new(core, context, key.clone());
        let mut header = answer.header;
        let mut revision = header.map_or(0, |header| header.revision);
        if let Some(kv) = queue::first_key(&answer, 0).filter(|_| !answer.succeeded) {
            revision = kv.create_revision;
            if kv.value != r.value {
                header = self
                    .proclaim_value(context, key.clone(), revision, r.value, lease)
                    .await
                    .map_err(queue::unknown)?;
            }
        }
        queue::wait_for_turn(core, context, &prefix, revision - 1)
            .await
            .map_err(queue::unknown)?;
        place.keep();
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
        let lease = queue::session(&self.core, context, leader.lease)
            .await
            .map_err(queue::unknown)?;
        let header = self
            .proclaim_value(context, leader.key, leader.rev, r.value, lease)
            .await
            .map_err(queue::unknown)?;
        Ok(election::ProclaimResponse { header })
    }

    async fn proclaim_value(
        &self,
        context: &RequestContext,
        key: Bytes,
        revision: i64,
        value: Bytes,
        lease: i64,
    ) -> Result<Option<pb::ResponseHeader>, Error> {
        if key.is_empty() {
            return Err(queue::unknown(Error::EmptyKey));
        }
        let request = pb::TxnRequest {
            compare: vec![queue::created_at(key.clone(), revision)],
            success: vec![queue::put(key, value, lease)],
            failure: Vec::new(),
        };
        let answer = self
            .core
            .txn(context, request)
            .await
            .map_err(queue::unknown)?;
        if answer.succeeded {
            Ok(answer.header)
        } else {
            Err(refused("election: not leader"))
        }
    }

    /// The current leader.
    pub async fn leader(
        &self,
        context: &RequestContext,
        r: election::LeaderRequest,
    ) -> Result<election::LeaderResponse, Error> {
        let request = queue::oldest(&queue::prefix(&r.name));
        let answer = self
            .core
            .range(context, request)
            .await
            .map_err(queue::unknown)?;
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
        queue::session(&self.core, context, leader.lease)
            .await
            .map_err(queue::unknown)?;
        if leader.key.is_empty() {
            return Err(queue::unknown(Error::EmptyKey));
        }
        let request = pb::TxnRequest {
            compare: vec![queue::created_at(leader.key.clone(), leader.rev)],
            success: vec![queue::delete(leader.key)],
            failure: Vec::new(),
        };
        let answer = self
            .core
            .txn(context, request)
            .await
            .map_err(queue::unknown)?;
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
            let answer = core
                .range(context, queue::oldest(&prefix))
                .await
                .map_err(queue::unknown)?;
            let mut header = answer.header.unwrap_or_default();
            let mut leader = answer.kvs.into_iter().next();
            if leader.is_none() {
                // There is no leader: the first put determines it.
                let mut events = Events::under(core, context, &prefix, header.revision)?;
                while leader.is_none() {
                    let event = events.next().await.map_err(queue::unknown)?;
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
                let event = events.next().await.map_err(queue::unknown)?;
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
