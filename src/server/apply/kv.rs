//! Operations on keys: the messages of the KV service that write.

use prost::Message as _;

use super::{
    claim::SpaceClaim,
    op::{Caller, Op},
    state::State,
};
use crate::{
    proto::etcdserverpb::{
        DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse, ResponseHeader,
        TxnRequest, TxnResponse, request_op::Request, response_op::Response,
    },
    server::{
        error::Error,
        loggable::Loggable as _,
        metrics::StoreMetrics,
        quota::{put_cost, txn_cost},
    },
};

/// Completes a header that contains only the revision.
fn complete(state: &State, header: &mut Option<ResponseHeader>) {
    let revision = header.as_ref().map_or(0, |h| h.revision);
    *header = Some(state.ids.header(revision));
}

/// Bytes of the key and the value of a put.
fn put_bytes(r: &PutRequest) -> i64 {
    i64::try_from(r.key.len() + r.value.len()).unwrap_or(i64::MAX)
}

/// Bytes of the keys and values that a transaction put, with those of the transactions in it.
fn txn_put_bytes(r: &TxnRequest, answer: &TxnResponse) -> i64 {
    let ops = if answer.succeeded {
        &r.success
    } else {
        &r.failure
    };
    let carried_out = ops.iter().zip(&answer.responses);
    let bytes = carried_out.map(|(op, response)| match (&op.request, &response.response) {
        (Some(Request::RequestPut(put)), _) => put_bytes(put),
        (Some(Request::RequestTxn(nested)), Some(Response::ResponseTxn(answer))) => {
            txn_put_bytes(nested, answer)
        }
        _ => 0,
    });
    bytes.sum()
}

impl Op for PutRequest {
    type Answer = PutResponse;

    const NAME: &str = "PutRequest";
    const LOG_FIELD: Option<u32> = Some(4);
    const REFUSED_WHEN_CORRUPT: bool = true;

    fn message_len(&self) -> usize {
        self.encoded_len()
    }

    fn quota_cost(&self) -> i64 {
        put_cost(self)
    }

    fn claim(&self, claim: &mut SpaceClaim<'_>) {
        claim.put(self);
    }

    fn answer_size(answer: &Self::Answer) -> Option<usize> {
        Some(answer.encoded_len())
    }

    fn count(&self, _: &PutResponse, metrics: &StoreMetrics) {
        metrics.puts.inc();
        metrics.put_bytes.add(put_bytes(self));
    }

    fn describe(&self) -> String {
        self.loggable()
    }

    fn authorize(&self, caller: &Caller<'_>) -> Result<(), Error> {
        caller.auth.check_put(caller.identity, self, caller.leases)
    }

    fn apply(&self, state: &mut State) -> Result<PutResponse, Error> {
        let mut answer = state.change_keys(|head, index, leases| head.put(index, self, leases))?;
        complete(state, &mut answer.header);
        Ok(answer)
    }
}

impl Op for DeleteRangeRequest {
    type Answer = DeleteRangeResponse;

    const NAME: &str = "DeleteRangeRequest";
    const LOG_FIELD: Option<u32> = Some(5);
    const REFUSED_WHEN_CORRUPT: bool = true;

    fn message_len(&self) -> usize {
        self.encoded_len()
    }

    fn claim(&self, claim: &mut SpaceClaim<'_>) {
        claim.delete(self);
    }

    fn answer_size(answer: &Self::Answer) -> Option<usize> {
        Some(answer.encoded_len())
    }

    fn count(&self, _: &DeleteRangeResponse, metrics: &StoreMetrics) {
        metrics.deletes.inc();
    }

    fn describe(&self) -> String {
        self.loggable()
    }

    fn authorize(&self, caller: &Caller<'_>) -> Result<(), Error> {
        caller.auth.check_delete(caller.identity, self)
    }

    fn apply(&self, state: &mut State) -> Result<DeleteRangeResponse, Error> {
        let mut answer = state.change_keys(|head, index, _| head.delete_range(index, self))?;
        complete(state, &mut answer.header);
        Ok(answer)
    }
}

impl Op for TxnRequest {
    type Answer = TxnResponse;

    const NAME: &str = "TxnRequest";
    const LOG_FIELD: Option<u32> = Some(6);
    const REFUSED_WHEN_CORRUPT: bool = true;

    fn message_len(&self) -> usize {
        self.encoded_len()
    }

    fn quota_cost(&self) -> i64 {
        txn_cost(self)
    }

    fn claim(&self, claim: &mut SpaceClaim<'_>) {
        claim.txn(self);
    }

    fn answer_size(answer: &Self::Answer) -> Option<usize> {
        Some(answer.encoded_len())
    }

    fn count(&self, answer: &TxnResponse, metrics: &StoreMetrics) {
        metrics.count_txn(answer);
        metrics.put_bytes.add(txn_put_bytes(self, answer));
    }

    fn describe(&self) -> String {
        self.loggable()
    }

    fn authorize(&self, caller: &Caller<'_>) -> Result<(), Error> {
        caller.auth.check_txn(caller.identity, self, caller.leases)
    }

    fn apply(&self, state: &mut State) -> Result<TxnResponse, Error> {
        let mut answer = state.change_keys(|head, index, leases| head.txn(index, self, leases))?;
        complete(state, &mut answer.header);
        Ok(answer)
    }
}
