//! The state that the writer has applied, which is ahead of the published state, and the batch that will make it
//! durable. Operations change it; it neither rejects, commits nor responds.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    bolt::Batch,
    proto::etcdserverpb::{AlarmMember, ResponseHeader},
    schema::{alarm, bucket, membership::Membership, meta},
    server::{
        alarms::Alarms,
        apply::maintenance::Compaction,
        auth::{AuthStore, Effects},
        backend::Tx,
        error::Error,
        lease::Group,
        mvcc::{
            index::TreeIndex,
            txn::LeaseLookup,
            view::{Values, View},
            write::Head,
        },
    },
};

/// The ids in every response header.
#[derive(Clone, Copy, Debug)]
pub struct Ids {
    /// The cluster.
    pub cluster: u64,
    /// This member.
    pub member: u64,
    /// The term, which counts starts.
    pub term: u64,
}

impl Ids {
    /// The header of a response at `revision`.
    pub fn header(&self, revision: i64) -> ResponseHeader {
        ResponseHeader {
            cluster_id: self.cluster,
            member_id: self.member,
            revision,
            raft_term: self.term,
        }
    }
}

/// The content of an opened file, from which the state starts.
pub struct Start {
    /// All keys; shared with readers.
    pub index: Arc<TreeIndex>,
    /// The committed store.
    pub head: Head<Tx>,
    /// Active alarms.
    pub alarms: Alarms,
    /// Users and roles.
    pub auth: Arc<AuthStore>,
    /// Leases.
    pub leases: Group,
    /// Members and versions.
    pub membership: Arc<Membership>,
    /// The consistent index.
    pub applied: u64,
    /// See [`State::finished_compact`].
    pub finished_compact: Option<i64>,
    /// See [`State::scheduled_compact`].
    pub scheduled_compact: Option<i64>,
    /// The ids in response headers.
    pub ids: Ids,
}

/// The state that the writer has applied.
pub struct State {
    /// All keys; shared with readers.
    pub index: Arc<TreeIndex>,
    /// The key space.
    pub head: Head<Tx>,
    /// Active alarms.
    pub alarms: Alarms,
    /// Users and roles.
    pub auth: Arc<AuthStore>,
    /// Leases and the keys attached to them.
    pub leases: Group,
    /// Members and versions, as applied.
    pub membership: Arc<Membership>,
    /// Index of the last request that changed anything.
    pub applied: u64,
    /// The latest compaction whose records have been removed; `None` before the first.
    pub finished_compact: Option<i64>,
    /// The latest compaction that was requested; `None` before the first.
    pub scheduled_compact: Option<i64>,
    /// The ids in response headers.
    pub ids: Ids,
    /// Changes of all buckets except `key`.
    pub(super) batch: Batch,
    /// The effects of the group's auth changes on tokens, to be carried out when they are published.
    pub(super) auth_effects: Vec<Effects>,
    /// Compactions that the group has begun, oldest first.
    pub(super) compactions: Vec<Compaction>,
    /// Size of the file in bytes when the group began.
    file_bytes: i64,
    /// Total quota cost of the requests applied since then.
    admitted: i64,
}

impl State {
    /// Creates the state from a committed one.
    pub fn new(start: Start) -> State {
        State {
            index: start.index,
            head: start.head,
            alarms: start.alarms,
            auth: start.auth,
            leases: start.leases,
            membership: start.membership,
            applied: start.applied,
            finished_compact: start.finished_compact,
            scheduled_compact: start.scheduled_compact,
            ids: start.ids,
            batch: Batch::new(),
            auth_effects: Vec::new(),
            compactions: Vec::new(),
            file_bytes: 0,
            admitted: 0,
        }
    }

    /// The key space as applied.
    pub fn view(&self) -> View<'_, impl Values + use<>> {
        self.head.view(&self.index)
    }

    /// Changes keys. The lookup tells whether a lease exists. Afterwards every key that was put is attached only to the
    /// lease of its put, and a deleted key to none.
    ///
    /// # Errors
    /// Those of the change.
    pub(super) fn change_keys<T>(
        &mut self,
        change: impl FnOnce(&mut Head<Tx>, &TreeIndex, LeaseLookup<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let State {
            head,
            index,
            leases,
            ..
        } = self;
        let before = head.uncommitted().len();
        let answer = change(head, index, &|id| leases.exists(id))?;
        for event in head.uncommitted().iter().skip(before) {
            leases.attach(&event.key, event.lease);
        }
        Ok(answer)
    }

    /// Adds a record to the batch.
    ///
    /// # Errors
    /// The key is too long for the format.
    pub(super) fn put(
        &mut self,
        bucket: &'static [u8],
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
    ) -> Result<(), Error> {
        self.batch.put(bucket, key, value).map_err(Error::storage)
    }

    /// Adds the deletion of a record to the batch.
    ///
    /// # Errors
    /// See [`State::put`].
    pub(super) fn delete(
        &mut self,
        bucket: &'static [u8],
        key: impl Into<Bytes>,
    ) -> Result<(), Error> {
        self.batch.delete(bucket, key).map_err(Error::storage)
    }

    /// Returns the effects of the group's auth changes on tokens.
    pub fn take_auth_effects(&mut self) -> Vec<Effects> {
        std::mem::take(&mut self.auth_effects)
    }

    /// A response header at the applied revision.
    pub fn header(&self) -> ResponseHeader {
        self.ids.header(self.head.revision)
    }

    /// Bytes that count towards the quota: the size of the file, and the costs of the group so far.
    pub fn used_bytes(&self) -> i64 {
        self.file_bytes.saturating_add(self.admitted)
    }

    /// Counts the cost of an applied request towards the quota.
    pub fn admit(&mut self, cost: i64) {
        self.admitted = self.admitted.saturating_add(cost);
    }

    /// Raises an alarm.
    ///
    /// # Errors
    /// The record cannot be written; see [`Batch::put`].
    pub fn activate_alarm(&mut self, alarm: AlarmMember) -> Result<(), Error> {
        if self.alarms.activate(&alarm) {
            self.put(bucket::ALARM, alarm::encode(&alarm), Bytes::new())?;
        }
        Ok(())
    }

    /// Begins a group. The file has `size` bytes.
    pub(super) fn begin_group(&mut self, size: u64) {
        self.file_bytes = i64::try_from(size).unwrap_or(i64::MAX);
        self.admitted = 0;
    }

    /// A measure of how much has been applied; increases with every change.
    pub(super) fn changes(&self) -> (usize, usize) {
        (self.head.uncommitted().len(), self.batch.ops())
    }

    /// Returns the group's changes as one batch that includes the consistent index; `None` if nothing was changed.
    ///
    /// # Errors
    /// A key is too long for the format; the state is then unusable.
    pub(super) fn take_batch(&mut self) -> Result<Option<Batch>, Error> {
        let mut batch = std::mem::take(&mut self.batch);
        for event in self.head.uncommitted() {
            let key = match event.tombstone {
                true => event.rev.encode_tombstone().to_vec(),
                false => event.rev.encode().to_vec(),
            };
            batch
                .put(bucket::KEY, key, event.record.clone())
                .map_err(Error::storage)?;
        }
        if batch.is_empty() {
            return Ok(None);
        }
        let applied = meta::encode_number(self.applied).to_vec();
        batch
            .put(bucket::META, meta::CONSISTENT_INDEX, applied)
            .map_err(Error::storage)?;
        Ok(Some(batch))
    }
}
