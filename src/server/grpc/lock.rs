//! The Lock service (etcd v3.7.1, server/etcdserver/api/v3lock/lock.go). The owner of the oldest key under the name
//! holds the lock, until the key is deleted or its lease ends.

use bytes::Bytes;
use tonic::Code;

use super::queue;
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
        let prefix = queue::prefix(&r.name);
        let owner = queue::range(queue::oldest(&prefix));
        let joined = queue::join(core, context, &prefix, r.lease, Bytes::new(), &[owner]).await?;
        let mut header = joined.answer.header;
        let owner = queue::first_key(&joined.answer, 1);
        if owner.is_some_and(|kv| kv.create_revision != joined.revision) {
            queue::wait_for_turn(core, context, &prefix, joined.revision - 1).await?;
            let own = queue::one(joined.key.clone());
            let still_there = core.range(context, own).await;
            let still_there = still_there.map_err(Error::without_code)?;
            header = still_there.header;
            if still_there.kvs.is_empty() {
                let expired = "mutex: session is expired";
                return Err(Error::Other(Code::Unknown, expired.into()));
            }
        }
        joined.place.keep();
        Ok(lock::LockResponse {
            header,
            key: joined.key,
        })
    }

    /// Releases the lock with this key.
    pub async fn unlock(
        &self,
        context: &RequestContext,
        r: lock::UnlockRequest,
    ) -> Result<lock::UnlockResponse, Error> {
        if r.key.is_empty() {
            return Err(Error::EmptyKey.without_code());
        }
        let request = pb::DeleteRangeRequest {
            key: r.key,
            ..Default::default()
        };
        let answer = self.core.delete_range(context, request).await;
        let answer = answer.map_err(Error::without_code)?;
        Ok(lock::UnlockResponse {
            header: answer.header,
        })
    }
}
