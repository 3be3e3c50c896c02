//! An election. The leader is the session whose key under the election's prefix was created first; the value of the key
//! is its proclamation (etcd v3.7.1, client/v3/concurrency/election.go).

use std::collections::VecDeque;

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
    client::{Client, ClientError, Deadline, StreamOptions, rpc::prefix_end, watch::Watcher},
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
        let request = pb::TxnRequest {
            compare: vec![created_at(&self.key, self.revision)],
            success: vec![delete(&self.key)],
            failure: vec![],
        };
        let resign = |deadline| self.session.client().txn(request, deadline);
        self.session.release(resign).await?;
        self.revision = 0;
        Ok(())
    }

    async fn txn(&self, request: pb::TxnRequest) -> Result<pb::TxnResponse, ConcurrencyError> {
        let committed = self.session.client().txn(request, Deadline::never());
        self.session.run(committed).await
    }
}

/// Observes the leaders of an election and their proclamations. Needs no session.
pub struct Observer {
    client: Client,
    prefix: Vec<u8>,
    /// For the next request: none once the server has answered.
    deadline: Deadline,
    state: State,
    /// Leaders and proclamations that have been seen, but not returned yet: at most those of one answer.
    seen: VecDeque<pb::RangeResponse>,
}

enum State {
    /// Ask who the leader is.
    Ask,
    /// There is no leader: wait for the first key under the prefix.
    Await(Box<Watcher>),
    /// Follow the key of the leader until it is deleted.
    Follow {
        watch: Box<Watcher>,
        /// The answer that named the leader. Like Go's client, later answers repeat its other fields.
        found: Box<pb::RangeResponse>,
    },
}

impl Observer {
    /// An observer of the election with this name. `deadline` bounds the first request; once that has been answered, the
    /// observer survives any stall of the network.
    pub fn new(client: &Client, name: &[u8], deadline: Deadline) -> Observer {
        Observer {
            client: client.clone(),
            prefix: [name, b"/"].concat(),
            deadline,
            state: State::Ask,
            seen: VecDeque::new(),
        }
    }

    /// The current leader.
    ///
    /// # Errors
    /// There is no leader ([`ConcurrencyError::NoLeader`]), or an error of the client.
    pub async fn leader(&self) -> Result<mvccpb::KeyValue, ConcurrencyError> {
        let mut answer = self.ask().await?;
        answer.kvs.pop().ok_or(ConcurrencyError::NoLeader)
    }

    /// The next leader, or the next proclamation of the current one: an answer whose list contains only the key and value
    /// of the leader.
    ///
    /// Dropping the future before it is ready loses nothing.
    ///
    /// # Errors
    /// An error of the client.
    pub async fn next(&mut self) -> Result<pb::RangeResponse, ConcurrencyError> {
        loop {
            if let Some(answer) = self.seen.pop_front() {
                return Ok(answer);
            }
            match &mut self.state {
                State::Ask => {
                    let mut found = self.ask().await?;
                    self.deadline = Deadline::never();
                    match found.kvs.pop() {
                        Some(leader) => self.found(leader, found),
                        None => {
                            let from = revision(found.header.as_ref());
                            let end = prefix_end(&self.prefix);
                            let watch = self.watch(self.prefix.clone().into(), end.into(), from);
                            self.state = State::Await(watch);
                        }
                    }
                }
                State::Await(watch) => {
                    let answer = watch.next().await?;
                    let put = answer.events.into_iter().find(|e| !is_deletion(e));
                    if let Some(leader) = put.and_then(|event| event.kv) {
                        let mut header = answer.header.unwrap_or_default();
                        header.revision = leader.mod_revision;
                        let found = pb::RangeResponse {
                            header: Some(header),
                            ..Default::default()
                        };
                        self.found(leader, found);
                    }
                }
                State::Follow { watch, found } => {
                    let answer = watch.next().await?;
                    found.header = answer.header;
                    let mut deleted = false;
                    for event in answer.events {
                        deleted = is_deletion(&event);
                        if deleted {
                            break;
                        }
                        self.seen.push_back(pb::RangeResponse {
                            kvs: event.kv.into_iter().collect(),
                            ..(**found).clone()
                        });
                    }
                    if deleted {
                        self.state = State::Ask;
                    }
                }
            }
        }
    }

    async fn ask(&self) -> Result<pb::RangeResponse, ClientError> {
        let request = first_created(&self.prefix);
        self.client.range(request, self.deadline).await
    }

    /// Returns a leader to the caller next, and follows its proclamations.
    fn found(&mut self, leader: mvccpb::KeyValue, found: pb::RangeResponse) {
        let from = revision(found.header.as_ref()).saturating_add(1);
        self.state = State::Follow {
            watch: self.watch(leader.key.clone(), Bytes::new(), from),
            found: Box::new(found.clone()),
        };
        self.seen.push_back(pb::RangeResponse {
            header: found.header,
            kvs: vec![leader],
            ..Default::default()
        });
    }

    fn watch(&self, key: Bytes, range_end: Bytes, start_revision: i64) -> Box<Watcher> {
        let create = pb::WatchCreateRequest {
            key,
            range_end,
            start_revision,
            ..Default::default()
        };
        let watch = (self.client).watch(create, StreamOptions::default(), self.deadline);
        Box::new(watch)
    }
}

fn is_deletion(event: &mvccpb::Event) -> bool {
    event.r#type() == mvccpb::event::EventType::Delete
}
