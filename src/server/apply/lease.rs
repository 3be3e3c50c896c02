//! Operations on leases: those messages of the Lease service that change something, and the records that a clean stop
//! writes. Source: etcd v3.7.1, server/etcdserver/apply/backend.go and server/lease/lessor.go.

use std::time::{Instant, SystemTime};

use prost::Message as _;

use super::{
    claim::SpaceClaim,
    op::{Caller, Op},
    state::State,
};
use crate::{
    proto::{
        etcdserverpb::{
            LeaseCheckpointRequest, LeaseGrantRequest, LeaseGrantResponse, LeaseRevokeRequest,
            LeaseRevokeResponse,
        },
        leasepb,
    },
    schema::{
        bucket,
        lease::{self, CheckpointTime},
    },
    server::{error::Error, loggable::Loggable as _, metrics::StoreMetrics, quota::LEASE_COST},
};

/// Maximum size of a lease record in bytes, key and value.
const RECORD: u64 = 8 + 3 * 11;

impl State {
    fn store_lease(&mut self, record: &leasepb::Lease) -> Result<(), Error> {
        let (key, value) = lease::encode(record);
        self.put(bucket::LEASE, key.to_vec(), value)
    }
}

impl Op for LeaseGrantRequest {
    type Answer = LeaseGrantResponse;

    const NAME: &str = "LeaseGrantRequest";
    const LOG_FIELD: Option<u32> = Some(8);
    const REFUSED_WHEN_CORRUPT: bool = true;

    fn message_len(&self) -> usize {
        self.encoded_len()
    }

    fn quota_cost(&self) -> i64 {
        LEASE_COST
    }

    fn claim(&self, claim: &mut SpaceClaim<'_>) {
        claim.records(RECORD, 1);
    }

    fn answer_size(answer: &Self::Answer) -> Option<usize> {
        Some(answer.encoded_len())
    }

    fn count(&self, answer: &LeaseGrantResponse, metrics: &StoreMetrics) {
        metrics.lease_ttl.observe(answer.ttl as f64);
    }

    fn describe(&self) -> String {
        self.loggable()
    }

    fn authorize(&self, _: &Caller<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn apply(&self, state: &mut State) -> Result<LeaseGrantResponse, Error> {
        let record = state.leases.grant(self.id, self.ttl)?;
        state.store_lease(&record)?;
        Ok(LeaseGrantResponse {
            header: Some(state.header()),
            id: record.id,
            ttl: record.ttl,
            error: String::new(),
        })
    }
}

impl Op for LeaseRevokeRequest {
    type Answer = LeaseRevokeResponse;

    const NAME: &str = "LeaseRevokeRequest";
    const LOG_FIELD: Option<u32> = Some(9);
    const REFUSED_WHEN_CORRUPT: bool = true;

    fn message_len(&self) -> usize {
        self.encoded_len()
    }

    fn claim(&self, claim: &mut SpaceClaim<'_>) {
        claim.revoke_lease(self.id);
        claim.records(RECORD, 1);
    }

    fn answer_size(answer: &Self::Answer) -> Option<usize> {
        Some(answer.encoded_len())
    }

    fn describe(&self) -> String {
        self.loggable()
    }

    fn authorize(&self, caller: &Caller<'_>) -> Result<(), Error> {
        (caller.auth).check_lease_write(caller.identity, self.id, caller.leases)
    }

    /// The attached keys are deleted in one revision, and the lease in the same commit.
    fn apply(&self, state: &mut State) -> Result<LeaseRevokeResponse, Error> {
        let keys = state.leases.keys(self.id)?;
        state.change_keys(|head, index, _| head.delete_keys(index, &keys))?;
        state.leases.revoke(self.id)?;
        state.delete(bucket::LEASE, lease::encode_id(self.id).to_vec())?;
        Ok(LeaseRevokeResponse {
            header: Some(state.header()),
        })
    }
}

impl Op for LeaseCheckpointRequest {
    type Answer = ();

    const NAME: &str = "LeaseCheckpointRequest";
    const LOG_FIELD: Option<u32> = Some(11);
    const REFUSED_WHEN_CORRUPT: bool = false;

    fn message_len(&self) -> usize {
        self.encoded_len()
    }

    fn claim(&self, claim: &mut SpaceClaim<'_>) {
        let n = self.checkpoints.len() as u64;
        claim.records(n * RECORD, n);
    }

    fn describe(&self) -> String {
        self.loggable()
    }

    fn authorize(&self, _: &Caller<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn apply(&self, state: &mut State) -> Result<(), Error> {
        for checkpoint in &self.checkpoints {
            let record = (state.leases).checkpoint(checkpoint.id, checkpoint.remaining_ttl);
            if let Some(record) = record {
                state.store_lease(&record)?;
            }
        }
        Ok(())
    }
}

/// Records the remaining TTL of every lease, and the time. This is the last operation before a clean stop; a later
/// write would invalidate the time.
#[derive(Debug)]
pub struct RecordLeases;

impl Op for RecordLeases {
    type Answer = ();

    const NAME: &str = "RecordLeases";
    const LOG_FIELD: Option<u32> = None;
    const REFUSED_WHEN_CORRUPT: bool = false;

    fn message_len(&self) -> usize {
        0
    }

    fn claim(&self, claim: &mut SpaceClaim<'_>) {
        let n = claim.lease_count() + 1;
        claim.records(n * RECORD + 64, n);
    }

    fn describe(&self) -> String {
        "record_leases".into()
    }

    fn authorize(&self, _: &Caller<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn apply(&self, state: &mut State) -> Result<(), Error> {
        let lessor = state.leases.lessor().clone();
        let (records, seconds) = lessor.records(Instant::now(), SystemTime::now());
        if records.is_empty() {
            return Ok(());
        }
        for record in records {
            // Leases that were granted or revoked in the same group already have their records.
            if !state.leases.has_changed(record.id) {
                state.store_lease(&record)?;
            }
        }
        let time = CheckpointTime {
            seconds,
            consistent_index: state.applied,
            term: state.ids.term,
        };
        state.put(bucket::META, lease::CHECKPOINT_TIME, time.encode())
    }
}
