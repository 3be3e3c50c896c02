//! Computes an upper bound on what a group of operations writes, in bytes and records, so that the disk space can be
//! claimed before any of them is applied.

use std::collections::HashSet;

use bytes::Bytes;

use super::state::State;
use crate::{
    proto::etcdserverpb::{
        DeleteRangeRequest, PutRequest, TxnRequest, request_op::Request as Operation,
    },
    schema::membership::Membership,
    server::{auth::AuthStore, mvcc::index::KeyRange},
};

/// Size of a put's record without key and value, in bytes: its revision, field tags, lengths and varints.
const PUT_OVERHEAD: u64 = 18 + 6 + 2 * 5 + 4 * 10;
/// Size of a tombstone's record without the key, in bytes.
const TOMBSTONE_OVERHEAD: u64 = 18 + 1 + 5;
/// For the consistent index, and an alarm that the group may raise.
const GROUP_OVERHEAD: Space = Space {
    bytes: 128,
    records: 4,
};
/// Space that is reserved for operations which free space, so that a full disk can always be emptied. It is enough for
/// the pages that a few deletions or a short step of a compaction rewrite.
const RESERVE: Space = Space {
    bytes: 4 << 10,
    records: 16,
};

/// A number of records and the total size of their keys and values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// Size of keys and values in bytes.
    pub bytes: u64,
    /// Number of records written or deleted.
    pub records: u64,
}

impl Space {
    fn add(&mut self, other: Space) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.records = self.records.saturating_add(other.records);
    }
}

/// The space that the operations of a group may need in total.
pub struct SpaceClaim<'a> {
    state: &'a State,
    puts: Space,
    deletions: Space,
    others: Space,
    /// Size of the largest value put by the group, in bytes.
    largest_value: u64,
    /// Ranges that have already been counted: a key cannot be deleted twice unless it is put in between.
    deleted_ranges: HashSet<(Bytes, Bytes)>,
}

impl<'a> SpaceClaim<'a> {
    /// The claim of an empty group on this state.
    pub fn new(state: &'a State) -> SpaceClaim<'a> {
        SpaceClaim {
            state,
            puts: Space::default(),
            deletions: Space::default(),
            others: Space::default(),
            largest_value: 0,
            deleted_ranges: HashSet::new(),
        }
    }

    /// An empty claim for the next request of the group.
    pub fn next(&self) -> SpaceClaim<'a> {
        SpaceClaim {
            largest_value: self.largest_value,
            ..SpaceClaim::new(self.state)
        }
    }

    /// Adds the claim of the next request. Keys that both of them delete are counted twice.
    pub fn merge(&mut self, next: SpaceClaim<'_>) {
        self.puts.add(next.puts);
        self.deletions.add(next.deletions);
        self.others.add(next.others);
        self.largest_value = self.largest_value.max(next.largest_value);
        self.deleted_ranges.extend(next.deleted_ranges);
    }

    /// The space that the group needs in total.
    pub fn total(&self) -> Space {
        self.total_with(None)
    }

    /// The space that the group needs in total, including this request.
    pub fn total_with(&self, next: Option<&SpaceClaim<'_>>) -> Space {
        let mut total = GROUP_OVERHEAD;
        for claim in [Some(self), next].into_iter().flatten() {
            total.add(claim.puts);
            total.add(claim.deletions);
            total.add(claim.others);
        }
        let has = |wanted: fn(&SpaceClaim<'_>) -> bool| wanted(self) || next.is_some_and(wanted);
        if has(|claim| !claim.deleted_ranges.is_empty()) {
            // The group may delete every key that it puts.
            total.add(self.puts);
            total.add(next.map_or(Space::default(), |next| next.puts));
        }
        if has(|claim| claim.puts.records > 0) {
            total.add(RESERVE);
        }
        total
    }

    /// Adds a put that may happen.
    pub fn put(&mut self, r: &PutRequest) {
        let mut value = r.value.len() as u64;
        if r.ignore_value {
            // The value comes from a record, or from an earlier request of the group. A record that cannot be read
            // makes the request fail later.
            let stored = self.state.view().get(&r.key).ok().flatten();
            value = stored
                .map_or(0, |kv| kv.value.len() as u64)
                .max(self.largest_value);
        }
        self.largest_value = self.largest_value.max(value);
        self.puts.add(Space {
            bytes: r.key.len() as u64 + value + PUT_OVERHEAD,
            records: 1,
        });
    }

    /// Adds a deletion that may happen.
    pub fn delete(&mut self, r: &DeleteRangeRequest) {
        if !(self.deleted_ranges).insert((r.key.clone(), r.range_end.clone())) {
            return;
        }
        let keys = KeyRange::new(&r.key, &r.range_end);
        let mut deletions = Space::default();
        (self.state.index).visit(keys, self.state.head.revision, |key, _| {
            deletions.add(Space {
                bytes: key.len() as u64 + TOMBSTONE_OVERHEAD,
                records: 1,
            });
            true
        });
        self.deletions.add(deletions);
    }

    /// Adds all puts and deletions of both branches, including nested transactions.
    pub fn txn(&mut self, r: &TxnRequest) {
        for op in r.success.iter().chain(&r.failure) {
            match &op.request {
                Some(Operation::RequestPut(put)) => self.put(put),
                Some(Operation::RequestDeleteRange(delete)) => self.delete(delete),
                Some(Operation::RequestTxn(nested)) => self.txn(nested),
                Some(Operation::RequestRange(_)) | None => {}
            }
        }
    }

    /// Adds the revocation of a lease, which deletes its keys, including those attached earlier in the group.
    pub fn revoke_lease(&mut self, id: i64) {
        // A range that no request can use stands for the keys put by the group.
        let marker = Bytes::copy_from_slice(&id.to_be_bytes());
        self.deleted_ranges.insert((Bytes::new(), marker));
        for key in self.state.leases.keys(id).unwrap_or_default() {
            self.delete(&DeleteRangeRequest {
                key,
                ..Default::default()
            });
        }
    }

    /// Number of leases, for operations that write a record for each.
    pub fn lease_count(&self) -> u64 {
        self.state.leases.lessor().len() as u64
    }

    /// Users and roles as applied, for the size of their records.
    pub fn auth(&self) -> &AuthStore {
        &self.state.auth
    }

    /// The members as applied, for the size of their records.
    pub fn membership(&self) -> &Membership {
        &self.state.membership
    }

    /// Adds a number of records with this total size of keys and values.
    pub fn records(&mut self, bytes: u64, records: u64) {
        self.others.add(Space { bytes, records });
    }
}
