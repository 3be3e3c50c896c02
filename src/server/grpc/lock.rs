//! The Lock service (etcd v3.7.1, server/etcdserver/api/v3lock/lock.go). The owner of the oldest key under the name
//! holds the lock, until the key is deleted or its lease ends.

use tonic::Code;

use super::queue::{self, Place};
use crate::{
    proto::{etcdserverpb as pb, v3lockpb as lock},
    server::{context::RequestContext, core::Core, error::Error},
};

/// The Lock service.
pub struct Lock {
    core: Core,
}

impl Lock {
    pub fn new(core: Core) -> Lock {
        Lock { core }
    }

    /// Waits for the lock. A caller that goes away leaves the queue.
    pub async fn lock(
        &self,
        context: &RequestContext,
        r: lock::LockRequest,
    ) -> Result<lock::LockResponse, Error> {
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
        let owner = queue::range(queue::oldest(&prefix));
        let answer = core
            .txn(
                context,
                pb::TxnRequest {
                    compare: vec![queue::created_at(key.clone(), 0)],
                    success: vec![
                        queue::put(key.clone(), bytes::Bytes::new(), lease),
                        owner.clone(),
                    ],
                    failure: vec![queue::range(own.clone()), owner],
                },
            )
            .await
            .map_err(queue::unknown)?;
        let place = Place::new(core, context, key.clone());
        let mine = if answer.succeeded {
            answer.header.map_or(0, |header| header.revision)
        } else {
            queue::first_key(&answer, 0).map_or(0, |kv| kv.create_revision)
        };
        let mut header = answer.header;
        let is_mine = queue::first_key(&answer, 1).is_none_or(|kv| kv.create_revision == mine);
        if !is_mine {
            queue::wait_for_turn(core, context, &prefix, mine - 1)
                .await
                .map_err(queue::unknown)?;
            let still_there = core.range(context, own).await.map_err(queue::unknown)?;
            header = still_there.header;
            if still_there.kvs.is_empty() {
                let expired = "mutex: session is expired";
                return Err(Error::Other(Code::Unknown, expired.into()));
            }
        }
        place.keep();
        Ok(lock::LockResponse { header, key })
    }

    /// Releases the lock with this key.
    pub async fn unlock(
        &self,
        context: &RequestContext,
        r: lock::UnlockRequest,
    ) -> Result<lock::UnlockResponse, Error> {
        if r.key.is_empty() {
            return Err(queue::unknown(Error::EmptyKey));
        }
        let request = pb::DeleteRangeRequest {
            key: r.key,
            ..Default::default()
        };
        let answer = self
            .core
            .delete_range(context, request)
            .await
            .map_err(queue::unknown)?;
        Ok(lock::UnlockResponse {
            header: answer.header,
        })
    }
}
