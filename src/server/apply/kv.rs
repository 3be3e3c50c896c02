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
        TxnRequest, TxnResponse,
    },
    server::{
        error::Error,
        quota::{put_cost, txn_cost},
    },
};

/// Completes a header that contains only the revision.
fn complete(state: &State, header: &mut Option<ResponseHeader>) {
    let revision = header.as_ref().map_or(0, |h| h.revision);
    *header = Some(state.ids.header(revision));
}

impl Op for PutRequest {
    type Answer = PutResponse;

    const LOG_FIELD: Option<u32> = Some(4);
    const REFUSED_WHEN_CORRUPT: bool = true;

    fn message_len(&self) -> usize {
        self.encoded_len()
    }

    fn quota_cost(&self) -> i64 {
        put_cost(self)
    }

    fn answer_bytes(answer: &PutResponse) -> usize {
        answer.encoded_len()
    }

    fn claim(&self, claim: &mut SpaceClaim<'_>) {
        claim.put(self);
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

    const LOG_FIELD: Option<u32> = Some(5);
    const REFUSED_WHEN_CORRUPT: bool = true;

    fn message_len(&self) -> usize {
        self.encoded_len()
    }

    fn answer_bytes(answer: &DeleteRangeResponse) -> usize {
        answer.encoded_len()
    }

    fn claim(&self, claim: &mut SpaceClaim<'_>) {
        claim.delete(self);
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

    const LOG_FIELD: Option<u32> = Some(6);
    const REFUSED_WHEN_CORRUPT: bool = true;

    fn message_len(&self) -> usize {
        self.encoded_len()
    }

    fn quota_cost(&self) -> i64 {
        txn_cost(self)
    }

    fn answer_bytes(answer: &TxnResponse) -> usize {
        answer.encoded_len()
    }

    fn claim(&self, claim: &mut SpaceClaim<'_>) {
        claim.txn(self);
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
