//! A lock: held by the session whose key under the lock's prefix was created first (etcd v3.7.1,
//! client/v3/concurrency/mutex.go).

use super::{
    error::ConcurrencyError,
    key::{
        created_at, delete, first_created, get, operation, put, read, revision, session_key,
        wait_for_predecessors,
    },
    session::Session,
};
use crate::proto::etcdserverpb as pb;

/// A lock of one session.
pub struct Mutex {
    session: Session,
    prefix: Vec<u8>,
    key: Vec<u8>,
    /// The create revision of the key; 0 while there is none.
    revision: i64,
}

impl Mutex {
    /// The lock with this name.
    pub fn new(session: &Session, name: &[u8]) -> Mutex {
        let prefix = [name, b"/"].concat();
        Mutex {
            session: session.clone(),
            key: session_key(&prefix, session.lease()),
            prefix,
            revision: 0,
        }
    }

    /// The key that stands for the lock while it is held.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Waits for the lock and takes it. Whoever drops the future before it is ready calls [`Mutex::unlock`], or closes
    /// the session.
    ///
    /// # Errors
    /// The session ended, or as its client's requests fail. The key is taken back then, as far as the server can be
    /// reached.
    pub async fn lock(&mut self) -> Result<(), ConcurrencyError> {
        if self.enqueue().await? {
            return Ok(());
        }
        let waited = wait_for_predecessors(&self.session, &self.prefix, self.revision - 1).await;
        if let Err(error) = waited {
            let _ = self.unlock().await;
            return Err(error);
        }
        // The session may have ended while the lock was waited for.
        let request = pb::RangeRequest {
            key: self.key.clone().into(),
            ..Default::default()
        };
        let deadline = self.session.deadline();
        let answer = self.session.client().range(request, deadline).await?;
        if answer.kvs.is_empty() {
            return Err(ConcurrencyError::SessionExpired);
        }
        Ok(())
    }

    /// Takes the lock if nobody holds it.
    ///
    /// # Errors
    /// Another session holds it, or as the session's client fails.
    pub async fn try_lock(&mut self) -> Result<(), ConcurrencyError> {
        if self.enqueue().await? {
            return Ok(());
        }
        self.unlock().await?;
        Err(ConcurrencyError::Locked)
    }

    /// Gives the lock back, or takes back the wish for it.
    ///
    /// # Errors
    /// As the session's client fails.
    pub async fn unlock(&mut self) -> Result<(), ConcurrencyError> {
        let request = pb::DeleteRangeRequest {
            key: self.key.clone().into(),
            ..Default::default()
        };
        let deadline = self.session.deadline();
        self.session
            .client()
            .delete_range(request, deadline)
            .await?;
        self.revision = 0;
        Ok(())
    }

    /// Whether the lock is held, as a condition for a transaction.
    pub fn is_owner(&self) -> pb::Compare {
        created_at(&self.key, self.revision)
    }

    /// Puts the session's key into the queue. Whether it is the first there.
    async fn enqueue(&mut self) -> Result<bool, ConcurrencyError> {
        let owner = operation(first_created(&self.prefix));
        let request = pb::TxnRequest {
            compare: vec![created_at(&self.key, 0)],
            success: vec![put(&self.key, b"", self.session.lease()), owner.clone()],
            failure: vec![get(&self.key), owner],
        };
        let deadline = self.session.deadline();
        let answer = self.session.client().txn(request, deadline).await?;
        self.revision = match read(&answer, 0) {
            // The session has asked for this lock before.
            Some(own) if !answer.succeeded => own.create_revision,
            _ => revision(answer.header.as_ref()),
        };
        Ok(read(&answer, 1).is_none_or(|owner| owner.create_revision == self.revision))
    }

    /// Deletes the key if it is still that of this lock, as a transaction.
    pub fn release(&self) -> pb::TxnRequest {
        pb::TxnRequest {
            compare: vec![self.is_owner()],
            success: vec![delete(&self.key)],
            failure: vec![],
        }
    }
}
