//! An election. The leader is the session whose key under the election's prefix was created first; the value of the key
//! is its proclamation (etcd v3.7.1, client/v3/concurrency/election.go).

use bytes::Bytes;

use super::{
    error::ConcurrencyError,
    key::{
        created_at, delete, first_created, get, put, read, revision, session_key,
        wait_for_predecessors,
    },
    session::Session,
};
use crate::{
    client::{Client, Deadline, Limit, StreamOptions, rpc::prefix_end, watch::Watcher},
    proto::{etcdserverpb as pb, mvccpb},
};

/// A session's participation in an election.
pub struct Election {
    session: Session,
    prefix: Vec<u8>,
    key: Vec<u8>,
    /// The create revision of the key; 0 if this session has no key.
    revision: i64,
}

impl Election {
    /// The election with this name.
    pub fn new(session: &Session, name: &[u8]) -> Election {
        let prefix = [name, b"/"].concat();
        Election {
            session: session.clone(),
            key: session_key(&prefix, session.lease()),
            prefix,
            revision: 0,
        }
    }

    /// The key of this session.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The create revision of the key; 0 if this session does not participate.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// Waits until this session is elected, with `value` as its proclamation. If the future is dropped before it is
    /// ready, call [`Election::resign`] or close the session.
    ///
    /// # Errors
    /// The session ended, or an error of its client.
    pub async fn campaign(&mut self, value: &[u8]) -> Result<(), ConcurrencyError> {
        let request = pb::TxnRequest {
            compare: vec![created_at(&self.key, 0)],
            success: vec![put(&self.key, value, self.session.lease())],
            failure: vec![get(&self.key)],
        };
        let answer = self.txn(request).await?;
        self.revision = revision(answer.header.as_ref());
        if !answer.succeeded
            && let Some(own) = read(&answer, 0)
        {
            self.revision = own.create_revision;
            if own.value != value {
                self.proclaim(value).await?;
            }
        }
        let waited = wait_for_predecessors(&self.session, &self.prefix, self.revision - 1).await;
        if let Err(error) = waited {
            let _ = self.resign().await;
            return Err(error);
        }
        Ok(())
    }

    /// Changes the proclamation of the leader.
    ///
    /// # Errors
    /// This session is no longer the leader, or an error of its client.
    pub async fn proclaim(&mut self, value: &[u8]) -> Result<(), ConcurrencyError> {
        if self.revision == 0 {
            return Err(ConcurrencyError::NotLeader);
        }
        let answer = self
            .txn(pb::TxnRequest {
                compare: vec![created_at(&self.key, self.revision)],
                success: vec![put(&self.key, value, self.session.lease())],
                failure: vec![],
            })
            .await?;
        if !answer.succeeded {
            self.revision = 0;
            return Err(ConcurrencyError::NotLeader);
        }
        Ok(())
    }

    /// Gives up the leadership or the candidacy.
    ///
    /// # Errors
    /// An error of the session's client.
    pub async fn resign(&mut self) -> Result<(), ConcurrencyError> {
        if self.revision == 0 {
            return Ok(());
        }
        self.txn(pb::TxnRequest {
            compare: vec![created_at(&self.key, self.revision)],
            success: vec![delete(&self.key)],
            failure: vec![],
        })
        .await?;
        self.revision = 0;
        Ok(())
    }

    async fn txn(&self, request: pb::TxnRequest) -> Result<pb::TxnResponse, ConcurrencyError> {
        let deadline = self.session.deadline();
        Ok(self.session.client().txn(request, deadline).await?)
    }
}

/// Observes the leaders of an election and their proclamations. Needs no session.
pub struct Observer {
    client: Client,
    prefix: Vec<u8>,
    limit: Limit,
    state: State,
}

enum State {
    /// Find out who is the leader.
    Ask,
    /// There is no leader: wait for the first key under the prefix.
    Await(Box<Watcher>),
    /// This key is the leader's until it is deleted.
    Follow(Box<Watcher>),
}

impl Observer {
    /// Observes the election with this name. `limit` bounds each request.
    pub fn new(client: &Client, name: &[u8], limit: Limit) -> Observer {
        Observer {
            client: client.clone(),
            prefix: [name, b"/"].concat(),
            limit,
            state: State::Ask,
        }
    }

    /// The current leader.
    ///
    /// # Errors
    /// There is none ([`ConcurrencyError::NoLeader`]), or an error of the client.
    pub async fn leader(&self) -> Result<mvccpb::KeyValue, ConcurrencyError> {
        let request = first_created(&self.prefix);
        let deadline = Deadline::after(self.limit);
        let mut answer = self.client.range(request, deadline).await?;
        answer.kvs.pop().ok_or(ConcurrencyError::NoLeader)
    }

    /// The next leader, or the leader's next proclamation: the leader's key and value.
    ///
    /// Cancel-safe: dropping the future loses nothing.
    ///
    /// # Errors
    /// An error of the client.
    pub async fn next(&mut self) -> Result<mvccpb::KeyValue, ConcurrencyError> {
        loop {
            match &mut self.state {
                State::Ask => {
                    let request = first_created(&self.prefix);
                    let deadline = Deadline::after(self.limit);
                    let mut answer = self.client.range(request, deadline).await?;
                    let next = revision(answer.header.as_ref()) + 1;
                    match answer.kvs.pop() {
                        Some(leader) => {
                            self.state = self.follow(leader.key.clone(), next);
                            return Ok(leader);
                        }
                        None => {
                            let end = prefix_end(&self.prefix);
                            let watch = self.watch(self.prefix.clone().into(), end.into(), next);
                            self.state = State::Await(watch);
                        }
                    }
                }
                State::Await(watch) => {
                    let answer = watch.next().await?;
                    let put = answer.events.into_iter().find(|e| !is_deletion(e));
                    if let Some(leader) = put.and_then(|event| event.kv) {
                        self.state = self.follow(leader.key.clone(), leader.mod_revision + 1);
                        return Ok(leader);
                    }
                }
                State::Follow(watch) => {
                    let answer = watch.next().await?;
                    // The last proclamation, unless the key has been deleted.
                    let deleted = answer.events.iter().any(is_deletion);
                    if deleted {
                        self.state = State::Ask;
                        continue;
                    }
                    let last = answer.events.into_iter().next_back();
                    if let Some(leader) = last.and_then(|event| event.kv) {
                        return Ok(leader);
                    }
                }
            }
        }
    }

    fn follow(&self, key: Bytes, from: i64) -> State {
        State::Follow(self.watch(key, Bytes::new(), from))
    }

    fn watch(&self, key: Bytes, range_end: Bytes, start_revision: i64) -> Box<Watcher> {
        let create = pb::WatchCreateRequest {
            key,
            range_end,
            start_revision,
            ..Default::default()
        };
        let options = StreamOptions::default();
        Box::new(self.client.watch(create, options, Deadline::never()))
    }
}

fn is_deletion(event: &mvccpb::Event) -> bool {
    event.r#type() == mvccpb::event::EventType::Delete
}
