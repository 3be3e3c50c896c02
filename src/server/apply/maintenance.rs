//! Maintenance operations: compactions, the removal of compacted records, and alarms.

use std::sync::atomic::Ordering;

use prost::Message as _;
use tokio::sync::oneshot;

use super::{
    claim::SpaceClaim,
    op::{Caller, Op},
    state::State,
};
use crate::{
    proto::etcdserverpb::{
        AlarmMember, AlarmRequest, AlarmResponse, AlarmType, CompactionRequest,
        alarm_request::AlarmAction,
    },
    schema::{alarm, bucket, key::Revision, meta},
    server::{error::Error, loggable::Loggable as _},
};

/// Bytes and records that a compaction or an alarm may write: two short records.
const SHORT_RECORDS: (u64, u64) = (64, 2);
/// Maximum size of a record key in bucket `key`, in bytes.
const RECORD_KEY: u64 = 18;

/// An applied compaction whose old records must be removed once it is committed.
#[derive(Debug)]
pub struct Compaction {
    /// The new compact revision.
    pub revision: i64,
    /// The previous compact revision; -1 if there is none.
    pub previous: i64,
    /// Whether the previous compaction is finished: only then is the hash of this one meaningful.
    pub previous_finished: bool,
    /// Notified when the records have been removed, or why they could not be.
    pub done: oneshot::Sender<Result<(), Error>>,
}

impl Op for CompactionRequest {
    /// Resolves when the old records have been removed.
    type Answer = oneshot::Receiver<Result<(), Error>>;

    const NAME: &str = "CompactionRequest";
    const LOG_FIELD: Option<u32> = Some(7);
    const REFUSED_WHEN_CORRUPT: bool = true;

    fn message_len(&self) -> usize {
        self.encoded_len()
    }

    fn claim(&self, claim: &mut SpaceClaim<'_>) {
        claim.records(SHORT_RECORDS.0, SHORT_RECORDS.1);
    }

    fn describe(&self) -> String {
        self.loggable()
    }

    fn authorize(&self, caller: &Caller<'_>) -> Result<(), Error> {
        caller.auth.check_admin(caller.identity)
    }

    fn apply(&self, state: &mut State) -> Result<Self::Answer, Error> {
        let revision = self.revision;
        let previous = state.head.compacted.load(Ordering::Acquire);
        if revision <= previous {
            return Err(Error::Compacted);
        }
        if revision > state.head.revision {
            return Err(Error::FutureRev);
        }
        let mark = meta::encode_compact(revision).to_vec();
        state.put(bucket::META, meta::SCHEDULED_COMPACT, mark)?;
        let previous_finished = state.scheduled_compact == state.finished_compact;
        state.scheduled_compact = Some(revision);
        state.head.compacted.store(revision, Ordering::Release);
        let (done, removed) = oneshot::channel();
        state.compactions.push(Compaction {
            revision,
            previous,
            previous_finished,
            done,
        });
        Ok(removed)
    }
}

/// Removes records that a compaction has removed from the index.
#[derive(Debug)]
pub struct RemoveRevisions {
    /// The records: revision, and whether it is a tombstone.
    pub records: Vec<(Revision, bool)>,
    /// The compact revision, if these are the last records of its compaction.
    pub finished: Option<i64>,
}

impl Op for RemoveRevisions {
    type Answer = ();

    const NAME: &str = "RemoveRevisions";
    const LOG_FIELD: Option<u32> = None;
    const REFUSED_WHEN_CORRUPT: bool = false;

    fn message_len(&self) -> usize {
        RECORD_KEY as usize * self.records.len()
    }

    fn claim(&self, claim: &mut SpaceClaim<'_>) {
        let n = self.records.len() as u64 + 1;
        claim.records(RECORD_KEY * n + SHORT_RECORDS.0, n);
    }

    fn describe(&self) -> String {
        format!("remove_revisions:<{} records>", self.records.len())
    }

    fn authorize(&self, _: &Caller<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn apply(&self, state: &mut State) -> Result<(), Error> {
        for (rev, tombstone) in &self.records {
            let key = match tombstone {
                true => rev.encode_tombstone().to_vec(),
                false => rev.encode().to_vec(),
            };
            state.delete(bucket::KEY, key)?;
        }
        if let Some(revision) = self.finished {
            let mark = meta::encode_compact(revision).to_vec();
            state.put(bucket::META, meta::FINISHED_COMPACT, mark)?;
            state.finished_compact = Some(revision);
        }
        Ok(())
    }
}

impl Op for AlarmRequest {
    type Answer = AlarmResponse;

    const NAME: &str = "AlarmRequest";
    const LOG_FIELD: Option<u32> = Some(10);
    const REFUSED_WHEN_CORRUPT: bool = false;

    fn message_len(&self) -> usize {
        self.encoded_len()
    }

    fn claim(&self, claim: &mut SpaceClaim<'_>) {
        claim.records(SHORT_RECORDS.0, SHORT_RECORDS.1);
    }

    fn answer_size(answer: &Self::Answer) -> Option<usize> {
        Some(answer.encoded_len())
    }

    fn describe(&self) -> String {
        self.loggable()
    }

    /// The service checks permissions; the server raises alarms itself.
    fn authorize(&self, _: &Caller<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn apply(&self, state: &mut State) -> Result<AlarmResponse, Error> {
        let alarm = AlarmMember {
            member_id: self.member_id,
            alarm: self.alarm,
        };
        let alarms = match self.action() {
            AlarmAction::Get => state.alarms.list(self.alarm),
            AlarmAction::Activate if self.alarm == AlarmType::None as i32 => Vec::new(),
            AlarmAction::Activate => {
                state.activate_alarm(alarm)?;
                vec![alarm]
            }
            AlarmAction::Deactivate if state.alarms.deactivate(&alarm) => {
                state.delete(bucket::ALARM, alarm::encode(&alarm))?;
                vec![alarm]
            }
            AlarmAction::Deactivate => Vec::new(),
        };
        Ok(AlarmResponse {
            header: Some(state.header()),
            alarms,
        })
    }
}
