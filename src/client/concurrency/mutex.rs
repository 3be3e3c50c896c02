//! A lock, held by the session whose key under the lock's prefix was created first (etcd v3.7.1,
//! client/v3/concurrency/mutex.go).

use super::{
    error::ConcurrencyError,
    key::{
        created_at, delete, first_created, get, operation, put, read, revision, session_key,
        wait_for_predecessors,
    },
    session::Session,
};
use crate::{client::Deadline, proto::etcdserverpb as pb};

/// A session's use of a lock.
pub struct Mutex {
    session: Session,
    prefix: Vec<u8>,
    key: Vec<u8>,
    /// The create revision of the key; 0 if there is none.
    revision: i64,
    /// The store's revision in the answer that showed that the lock is held.
    acquired: i64,
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
            acquired: 0,
        }
    }

    /// The key that represents the lock while it is held.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The revision of the store when the lock was taken; 0 before that.
    pub fn acquired(&self) -> i64 {
        self.acquired
    }

    /// Waits for the lock and acquires it. If the future is dropped before it is ready, call [`Mutex::unlock`] or close
    /// the session.
    ///
    /// # Errors
    /// The session ended, or an error of its client. The key is then deleted, if the server can be reached.
    pub async fn lock(&mut self) -> Result<(), ConcurrencyError> {
        if self.enqueue().await? {
            return Ok(());
        }
        let waited = wait_for_predecessors(&self.session, &self.prefix, self.revision - 1).await;
        if let Err(error) = waited {
            let _ = self.unlock().await;
            return Err(error);
        }
        // The session may have ended in the meantime.
        let answer = self.session.read(&self.key).await?;
        if answer.kvs.is_empty() {
            return Err(ConcurrencyError::SessionExpired);
        }
        self.acquired = revision(answer.header.as_ref());
        Ok(())
    }

    /// Acquires the lock if it is free.
    ///
    /// # Errors
    /// Another session holds it, or an error of the session's client.
    pub async fn try_lock(&mut self) -> Result<(), ConcurrencyError> {
        if self.enqueue().await? {
            return Ok(());
        }
        self.unlock().await?;
        Err(ConcurrencyError::Locked)
    }

    /// Releases the lock, or leaves the queue for it.
    ///
    /// # Errors
    /// An error of the session's client.
    pub async fn unlock(&mut self) -> Result<(), ConcurrencyError> {
        let request = pb::DeleteRangeRequest {
            key: self.key.clone().into(),
            ..Default::default()
        };
        let delete = |deadline| self.session.client().delete_range(request, deadline);
        self.session.release(delete).await?;
        self.revision = 0;
        Ok(())
    }

    /// A condition for a transaction: this session holds the lock.
    pub fn is_owner(&self) -> pb::Compare {
        created_at(&self.key, self.revision)
    }

    /// Creates the session's key. Returns whether it is the first one.
    async fn enqueue(&mut self) -> Result<bool, ConcurrencyError> {
        let owner = operation(first_created(&self.prefix));
        let request = pb::TxnRequest {
            compare: vec![created_at(&self.key, 0)],
            success: vec![put(&self.key, b"", self.session.lease()), owner.clone()],
            failure: vec![get(&self.key), owner],
        };
        let enqueued = self.session.client().txn(request, Deadline::never());
        let answer = self.session.run(enqueued).await?;
        self.acquired = revision(answer.header.as_ref());
        self.revision = match read(&answer, 0) {
            // The session already has a key for this lock.
            Some(own) if !answer.succeeded => own.create_revision,
            _ => revision(answer.header.as_ref()),
        };
        Ok(read(&answer, 1).is_none_or(|owner| owner.create_revision == self.revision))
    }

    /// A transaction that deletes the key if it still belongs to this lock.
    pub fn release(&self) -> pb::TxnRequest {
        pb::TxnRequest {
            compare: vec![self.is_owner()],
            success: vec![delete(&self.key)],
            failure: vec![],
        }
    }
}
