//! The applier: every request through the same layers, as etcd stacks them: the quota refuses what no
//! longer fits, CORRUPT all writes, NOSPACE those that need space, and what is left changes the store. Records go into one batch; nothing here commits, publishes or answers.
//! Source: etcd v3.7.1, server/etcdserver/apply.

use std::sync::{Arc, atomic::Ordering};

use tracing::warn;

use super::{Request, Response};
use crate::{
    bolt::Batch,
    proto::etcdserverpb::{
        AlarmMember, AlarmRequest, AlarmResponse, AlarmType, alarm_request::AlarmAction,
    },
    schema::{alarm, bucket, meta},
    server::{
        alarms::Alarms,
        error::Error,
        mvcc::{
            index::TreeIndex,
            view::Values,
            write::{Head, Staged},
        },
        quota::{Quota, human},
    },
};

/// A compaction that was applied and whose old records must go, once it is committed.
#[derive(Debug)]
pub struct Compaction {
    /// The new compact revision.
    pub revision: i64,
    /// The one before; -1: none.
    pub previous: i64,
    /// Whether the one before is finished, so that the hash of this one says something.
    pub whole: bool,
    /// Told when the records are gone. Dropped without a word if that fails.
    pub done: tokio::sync::oneshot::Sender<()>,
}

/// What the writer has applied, and the batch that will hold it.
pub struct Applier<B> {
    /// All keys; shared with readers.
    pub index: Arc<TreeIndex>,
    /// The store, as applied.
    pub head: Head<B>,
    /// Active alarms, as applied.
    pub alarms: Alarms,
    /// Number of the last request that changed anything.
    pub applied: u64,
    /// The newest compaction whose records are gone; `None` before the first.
    pub finished_compact: Option<i64>,
    /// The newest compaction asked for; `None` before the first.
    pub scheduled_compact: Option<i64>,
    quota: Quota,
    member_id: u64,
    batch: Batch,
    compactions: Vec<Compaction>,
    /// Bytes of the file when the group began.
    size: i64,
    /// What the requests admitted since then cost.
    admitted: i64,
    broken: bool,
}

/// Where an applier starts.
pub struct Start<B> {
    /// All keys.
    pub index: Arc<TreeIndex>,
    /// The store as it is committed.
    pub head: Head<B>,
    /// Active alarms.
    pub alarms: Alarms,
    /// The consistent index.
    pub applied: u64,
    /// See [`Applier::finished_compact`].
    pub finished_compact: Option<i64>,
    /// See [`Applier::scheduled_compact`].
    pub scheduled_compact: Option<i64>,
    /// The space quota.
    pub quota: Quota,
    /// The member that raises alarms.
    pub member_id: u64,
}

impl<B: Values> Applier<B> {
    /// An applier on a committed state.
    pub fn new(start: Start<B>) -> Applier<B> {
        Applier {
            index: start.index,
            head: start.head,
            alarms: start.alarms,
            applied: start.applied,
            finished_compact: start.finished_compact,
            scheduled_compact: start.scheduled_compact,
            quota: start.quota,
            member_id: start.member_id,
            batch: Batch::new(),
            compactions: Vec::new(),
            size: 0,
            admitted: 0,
            broken: false,
        }
    }

    /// A group begins; the file has `size` bytes.
    pub fn begin(&mut self, size: u64) {
        self.size = i64::try_from(size).unwrap_or(i64::MAX);
        self.admitted = 0;
    }

    /// Applies one request.
    ///
    /// # Errors
    /// The request is refused, and nothing has changed, except that running out of quota raises an
    /// alarm; but see [`Applier::is_broken`].
    pub fn apply(&mut self, request: &Request) -> Result<Response, Error> {
        let before = (self.head.staged().len(), self.batch.ops());
        let result = self.dispatch(request);
        // The records of a compaction stand in no log, so they have no number of their own.
        let counts = !matches!(request, Request::Discard { .. });
        if counts && before != (self.head.staged().len(), self.batch.ops()) {
            self.applied += 1;
        }
        self.broken |= result.is_err() && before.0 != self.head.staged().len();
        result
    }

    /// Whether a request failed half-way, which only a damaged record can bring about: then nothing
    /// more may be applied, nor may the group be committed.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    fn dispatch(&mut self, request: &Request) -> Result<Response, Error> {
        match request {
            Request::Alarm(r) => return self.alarm(r).map(Response::Alarm),
            Request::Discard { records, finished } => return self.discard(records, *finished),
            Request::Defragment => return Ok(Response::Done),
            Request::Put(_) | Request::DeleteRange(_) | Request::Txn(_) | Request::Compact(_) => {}
        }
        // etcd looks at the quota before it hands a request on, and at alarms when it applies it.
        let cost = request.cost();
        self.admit(cost)?;
        if self.alarms.raised(AlarmType::Corrupt) {
            return Err(Error::Corrupt);
        }
        if cost > 0 && self.alarms.raised(AlarmType::Nospace) {
            return Err(Error::NoSpace);
        }
        let response = match request {
            Request::Put(r) => Response::Put(self.head.put(&self.index, r)?),
            Request::DeleteRange(r) => {
                Response::DeleteRange(self.head.delete_range(&self.index, r)?)
            }
            Request::Txn(r) => Response::Txn(self.head.txn(&self.index, r)?),
            Request::Compact(r) => return self.compact(r.revision),
            Request::Alarm(_) | Request::Discard { .. } | Request::Defragment => Response::Done,
        };
        self.admitted = self.admitted.saturating_add(cost);
        Ok(response)
    }

    /// The quota, which raises the NOSPACE alarm.
    fn admit(&mut self, cost: i64) -> Result<(), Error> {
        let used = self.size.saturating_add(self.admitted);
        if self.quota.admits(used, cost) {
            return Ok(());
        }
        let full = AlarmMember {
            member_id: self.member_id,
            alarm: AlarmType::Nospace.into(),
        };
        if !self.alarms.raised(AlarmType::Nospace) {
            warn!(
                "db-size-bytes" = self.size,
                "db-size" = human(self.size),
                "error" = %Error::NoSpace,
                "message exceeded backend quota; raising alarm"
            );
            self.activate(full)?;
        }
        Err(Error::NoSpace)
    }

    fn activate(&mut self, alarm: AlarmMember) -> Result<(), Error> {
        if self.alarms.activate(&alarm) {
            self.batch
                .put(bucket::ALARM, alarm::encode(&alarm), Vec::new())
                .map_err(Error::storage)?;
        }
        Ok(())
    }

    fn alarm(&mut self, r: &AlarmRequest) -> Result<AlarmResponse, Error> {
        let alarm = AlarmMember {
            member_id: r.member_id,
            alarm: r.alarm,
        };
        let alarms = match r.action() {
            AlarmAction::Get => self.alarms.list(r.alarm),
            AlarmAction::Activate if r.alarm == AlarmType::None as i32 => Vec::new(),
            AlarmAction::Activate => {
                self.activate(alarm)?;
                vec![alarm]
            }
            AlarmAction::Deactivate if self.alarms.deactivate(&alarm) => {
                self.batch
                    .delete(bucket::ALARM, alarm::encode(&alarm))
                    .map_err(Error::storage)?;
                vec![alarm]
            }
            AlarmAction::Deactivate => Vec::new(),
        };
        Ok(AlarmResponse {
            header: None,
            alarms,
        })
    }

    fn compact(&mut self, revision: i64) -> Result<Response, Error> {
        let previous = self.head.compacted.load(Ordering::Acquire);
        if revision <= previous {
            return Err(Error::Compacted);
        }
        if revision > self.head.revision {
            return Err(Error::FutureRev);
        }
        let whole = self.scheduled_compact == self.finished_compact;
        self.batch
            .put(
                bucket::META,
                meta::SCHEDULED_COMPACT,
                meta::encode_compact(revision).to_vec(),
            )
            .map_err(Error::storage)?;
        self.scheduled_compact = Some(revision);
        self.head.compacted.store(revision, Ordering::Release);
        let (done, gone) = tokio::sync::oneshot::channel();
        self.compactions.push(Compaction {
            revision,
            previous,
            whole,
            done,
        });
        Ok(Response::Compact(self.head.revision, gone))
    }

    fn discard(
        &mut self,
        records: &[(crate::schema::key::Revision, bool)],
        finished: Option<i64>,
    ) -> Result<Response, Error> {
        for (rev, tombstone) in records {
            let key = match tombstone {
                true => rev.encode_tombstone().to_vec(),
                false => rev.encode().to_vec(),
            };
            self.batch
                .delete(bucket::KEY, key)
                .map_err(Error::storage)?;
        }
        if let Some(revision) = finished {
            self.batch
                .put(
                    bucket::META,
                    meta::FINISHED_COMPACT,
                    meta::encode_compact(revision).to_vec(),
                )
                .map_err(Error::storage)?;
            self.finished_compact = Some(revision);
        }
        Ok(Response::Done)
    }

    /// The group ends: everything that was applied, as one batch with the consistent index in it,
    /// or nothing where nothing was. What the group staged can't be read until
    /// [`Head::committed`] has been told.
    ///
    /// # Errors
    /// A key is longer than the format allows; the applier can't be used any further.
    pub fn take_batch(&mut self) -> Result<Option<Batch>, Error> {
        let mut batch = std::mem::take(&mut self.batch);
        for staged in self.head.take_staged() {
            let Staged {
                rev,
                tombstone,
                record,
            } = staged;
            let key = match tombstone {
                true => rev.encode_tombstone().to_vec(),
                false => rev.encode().to_vec(),
            };
            batch
                .put(bucket::KEY, key, record)
                .map_err(Error::storage)?;
        }
        if batch.is_empty() {
            return Ok(None);
        }
        batch
            .put(
                bucket::META,
                meta::CONSISTENT_INDEX,
                meta::encode_number(self.applied).to_vec(),
            )
            .map_err(Error::storage)?;
        Ok(Some(batch))
    }

    /// The compactions of the group, oldest first.
    pub fn take_compactions(&mut self) -> Vec<Compaction> {
        std::mem::take(&mut self.compactions)
    }
}
