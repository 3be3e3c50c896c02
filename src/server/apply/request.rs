//! What is sent to the writer, and what comes back.

use prost::{Message as _, encoding::encoded_len_varint};

use crate::{
    proto::etcdserverpb::{
        AlarmRequest, AlarmResponse, CompactionRequest, DeleteRangeRequest, DeleteRangeResponse,
        PutRequest, PutResponse, TxnRequest, TxnResponse, request_op::Request as Operation,
    },
    server::{
        mvcc::revision::Revision,
        quota::{put_cost, txn_cost},
    },
};

/// A request for the writer.
#[derive(Debug)]
pub enum Request {
    /// Puts one key.
    Put(PutRequest),
    /// Deletes a range.
    DeleteRange(DeleteRangeRequest),
    /// Runs a transaction that may write.
    Txn(TxnRequest),
    /// Moves the compact revision.
    Compact(CompactionRequest),
    /// Raises or clears an alarm.
    Alarm(AlarmRequest),
    /// Removes records that a compaction has let go of: revision, and whether it is a tombstone.
    Discard {
        /// The records.
        records: Vec<(Revision, bool)>,
        /// The compact revision, with the last records of its compaction.
        finished: Option<i64>,
    },
    /// Rewrites the file. Always a group of its own.
    Defragment,
}

/// The answer to a [`Request`], of the same kind; headers hold the revision only.
#[derive(Debug)]
pub enum Response {
    /// To a put.
    Put(PutResponse),
    /// To a deletion.
    DeleteRange(DeleteRangeResponse),
    /// To a transaction.
    Txn(TxnResponse),
    /// To a compaction: the revision, and a channel that speaks up once the old revisions are gone.
    Compact(i64, tokio::sync::oneshot::Receiver<()>),
    /// To an alarm.
    Alarm(AlarmResponse),
    /// To a discard, or a defragmentation.
    Done,
}

impl Request {
    /// Bytes of the request as etcd's log would carry it: what the request size limit is compared
    /// with. `member_id` matters, because the number of the request begins with two bytes of it.
    pub fn encoded_len(&self, member_id: u64) -> usize {
        let (tag, len) = match self {
            Request::Put(r) => (1, r.encoded_len()),
            Request::DeleteRange(r) => (1, r.encoded_len()),
            Request::Txn(r) => (1, r.encoded_len()),
            Request::Compact(r) => (1, r.encoded_len()),
            Request::Alarm(r) => (1, r.encoded_len()),
            Request::Discard { .. } | Request::Defragment => return 0,
        };
        // A number as etcd makes it: member, then time and a counter.
        let id = (member_id << 48) | (1 << 40);
        let header = 1 + encoded_len_varint(id);
        tag + encoded_len_varint(len as u64) + len + 2 + encoded_len_varint(header as u64) + header
    }

    /// Tells `sum` everything that the request may write, whichever way its compares go.
    pub fn add_to(&self, sum: &mut dyn Writes) {
        match self {
            Request::Put(r) => sum.put(r),
            Request::DeleteRange(r) => sum.delete(r),
            Request::Txn(r) => add_txn(r, sum),
            Request::Compact(_) | Request::Alarm(_) => sum.other(64, 2),
            Request::Discard { records, .. } => {
                let n = records.len() as u64 + 1;
                sum.other(18 * n + 64, n);
            }
            Request::Defragment => {}
        }
    }

    /// What it costs of the space quota.
    pub fn cost(&self) -> i64 {
        match self {
            Request::Put(r) => put_cost(r),
            Request::Txn(r) => txn_cost(r),
            _ => 0,
        }
    }

    /// Whether it is a defragmentation, which takes a group of its own.
    pub fn is_defragment(&self) -> bool {
        matches!(self, Request::Defragment)
    }
}

/// Sums up what requests may write.
pub trait Writes {
    /// A key may be put.
    fn put(&mut self, r: &PutRequest);

    /// A range may be deleted.
    fn delete(&mut self, r: &DeleteRangeRequest);

    /// So many records with so many bytes of keys and values may be written beside.
    fn other(&mut self, bytes: u64, records: u64);
}

fn add_txn(r: &TxnRequest, sum: &mut dyn Writes) {
    for op in r.success.iter().chain(&r.failure) {
        match &op.request {
            Some(Operation::RequestPut(put)) => sum.put(put),
            Some(Operation::RequestDeleteRange(delete)) => sum.delete(delete),
            Some(Operation::RequestTxn(inner)) => add_txn(inner, sum),
            Some(Operation::RequestRange(_)) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::etcdserverpb::{InternalRaftRequest, RequestHeader};

    #[test]
    fn the_length_is_that_of_the_encoded_internal_request() {
        for member_id in [0x8e9e_05c5_2164_694d, 1, u64::MAX] {
            for len in [0, 1, 100, 127, 128, 20_000] {
                let put = PutRequest {
                    key: vec![b'k'; 3].into(),
                    value: vec![0; len].into(),
                    ..Default::default()
                };
                let whole = InternalRaftRequest {
                    header: Some(RequestHeader {
                        id: (member_id << 48) | (1 << 40),
                        ..Default::default()
                    }),
                    put: Some(put.clone()),
                    ..Default::default()
                };
                assert_eq!(
                    Request::Put(put).encoded_len(member_id),
                    whole.encoded_len()
                );
            }
        }
    }
}
