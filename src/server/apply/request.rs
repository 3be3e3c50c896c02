//! What is sent to the writer, and what comes back.

use prost::{Message as _, encoding::encoded_len_varint};

use crate::{
    bolt,
    proto::etcdserverpb::{
        AlarmRequest, AlarmResponse, CompactionRequest, DeleteRangeRequest, DeleteRangeResponse,
        PutRequest, PutResponse, RequestOp, TxnRequest, TxnResponse,
        request_op::Request as Operation,
    },
    server::mvcc::revision::Revision,
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

/// Bytes that a record takes beside key and value: field tags, lengths, five varints, its revision.
const RECORD_OVERHEAD: u64 = 18 + 6 + 5 * 10 + 2 * 5;

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

    /// Upper bounds for what the request adds to a batch: bytes, and number of records.
    /// `count` gives the number of keys that a deletion meets.
    pub fn bounds(&self, count: &mut dyn FnMut(&DeleteRangeRequest) -> (u64, u64)) -> (u64, u64) {
        match self {
            Request::Put(r) => put_bounds(r),
            Request::DeleteRange(r) => count(r),
            Request::Txn(r) => txn_bounds(r, count),
            Request::Compact(_) | Request::Alarm(_) => (64, 2),
            Request::Discard { records, .. } => (18 * records.len() as u64, records.len() as u64),
            Request::Defragment => (0, 0),
        }
    }

    /// Adds nothing to a batch whatever the state: used to skip the claim.
    pub fn is_defragment(&self) -> bool {
        matches!(self, Request::Defragment)
    }
}

fn put_bounds(r: &PutRequest) -> (u64, u64) {
    // A value that is taken over from the previous record is not in the request.
    let value = match r.ignore_value {
        true => bolt::MAX_VALUE_SIZE.min(2 << 20) as u64,
        false => r.value.len() as u64,
    };
    (r.key.len() as u64 + value + RECORD_OVERHEAD, 1)
}

fn txn_bounds(
    r: &TxnRequest,
    count: &mut dyn FnMut(&DeleteRangeRequest) -> (u64, u64),
) -> (u64, u64) {
    let mut branch = |ops: &[RequestOp]| {
        ops.iter().fold((0, 0), |(bytes, records), op| {
            let (b, n) = match &op.request {
                Some(Operation::RequestPut(put)) => put_bounds(put),
                Some(Operation::RequestDeleteRange(delete)) => count(delete),
                Some(Operation::RequestTxn(inner)) => txn_bounds(inner, count),
                Some(Operation::RequestRange(_)) | None => (0, 0),
            };
            (bytes + b, records + n)
        })
    };
    let (success, failure) = (branch(&r.success), branch(&r.failure));
    (success.0.max(failure.0), success.1.max(failure.1))
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
