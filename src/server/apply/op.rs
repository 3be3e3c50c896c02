//! The definition of an operation: its answer, cost, space and effect in one place. There is one type per operation;
//! the request messages of the protocol are their own operations.

use prost::encoding::encoded_len_varint;

use super::{claim::SpaceClaim, state::State};
use crate::server::{
    auth::{AuthStore, Identity},
    error::Error,
    lease::Group,
    metrics::StoreMetrics,
};

/// A change of the server's state, which only the writer may make.
pub trait Op: Send + 'static {
    /// What the caller receives once the change is durable.
    type Answer: Send + 'static;

    /// The name of its message, with or without `Request`, for metrics and the log.
    const NAME: &str;

    /// Number of its field in etcd's `InternalRaftRequest`; `None` for work that etcd does not log. Only logged
    /// operations count for the consistent index.
    const LOG_FIELD: Option<u32>;

    /// Whether a CORRUPT alarm forbids it.
    const REFUSED_WHEN_CORRUPT: bool;

    /// Size of the encoded message in bytes, without the field that contains it.
    fn message_len(&self) -> usize;

    /// Cost in bytes of the space quota. An operation of cost 0 is never rejected for lack of space.
    fn quota_cost(&self) -> i64 {
        0
    }

    /// Size of the encoded response in bytes, if the response is a message. It stays in memory until the group is
    /// durable.
    fn answer_size(_answer: &Self::Answer) -> Option<usize> {
        None
    }

    /// Counts the executed operation.
    fn count(&self, _answer: &Self::Answer, _metrics: &StoreMetrics) {}

    /// The operation as shown in etcd's log: without values and passwords.
    fn describe(&self) -> String;

    /// Adds everything that the operation may write, whatever the result of its compares.
    fn claim(&self, claim: &mut SpaceClaim<'_>);

    /// Checks that the caller has permission, given users, roles and leases at the time of application.
    ///
    /// # Errors
    /// The caller does not have permission.
    fn authorize(&self, caller: &Caller<'_>) -> Result<(), Error>;

    /// Makes the change, after all layers have passed it on.
    ///
    /// # Errors
    /// The operation was rejected and nothing has changed, or a damaged record was found.
    fn apply(&self, state: &mut State) -> Result<Self::Answer, Error>;
}

/// The caller of an operation, and what its permissions depend on.
pub struct Caller<'a> {
    /// On whose behalf the operation is made.
    pub identity: &'a Identity,
    /// Users and roles, as applied.
    pub auth: &'a AuthStore,
    /// Leases and the keys attached to them, as applied.
    pub leases: &'a Group,
}

/// An operation on its way to the writer, with its size and cost, which are computed only once.
#[derive(Debug)]
pub struct Request<O> {
    /// The operation.
    pub op: O,
    /// The caller.
    pub identity: Identity,
    /// See [`Op::quota_cost`].
    pub cost: i64,
    /// Size in bytes of the request as encoded in etcd's log, for comparison with the request size limit.
    pub size: usize,
}

impl<O: Op> Request<O> {
    /// Measures an operation. `member_id` is needed because request ids in etcd's log begin with two bytes of it.
    pub fn new(op: O, identity: Identity, member_id: u64) -> Request<O> {
        let size = match O::LOG_FIELD {
            Some(field) => logged_len(field, op.message_len(), &identity, member_id),
            None => op.message_len(),
        };
        Request {
            cost: op.quota_cost(),
            size,
            identity,
            op,
        }
    }
}

/// Size of an `InternalRaftRequest` with a message of `len` bytes in this field.
fn logged_len(field: u32, len: usize, identity: &Identity, member_id: u64) -> usize {
    let tag = |field: u32| encoded_len_varint(u64::from(field) << 3);
    // A request id like etcd's: member, then time and a counter.
    let id = (member_id << 48) | (1 << 40);
    let mut header = 1 + encoded_len_varint(id);
    if let Identity::User { name, revision } = identity {
        if !name.is_empty() {
            header += 1 + encoded_len_varint(name.len() as u64) + name.len();
        }
        if *revision > 0 {
            header += 1 + encoded_len_varint(*revision);
        }
    }
    let message = tag(field) + encoded_len_varint(len as u64) + len;
    message + tag(HEADER_FIELD) + encoded_len_varint(header as u64) + header
}

/// Number of the field `header` of `InternalRaftRequest`.
const HEADER_FIELD: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::etcdserverpb::{InternalRaftRequest, PutRequest, RequestHeader};
    use prost::Message as _;

    #[test]
    fn the_size_is_that_of_the_encoded_internal_request() {
        for (member_id, identity) in [
            (0x8e9e_05c5_2164_694d, Identity::Nobody),
            (1, Identity::user("root", 300)),
            (2, Identity::user("", 0)),
            (u64::MAX, Identity::user("root", 300)),
        ] {
            let revision = match &identity {
                Identity::User { revision, .. } => *revision,
                _ => 0,
            };
            for len in [0, 1, 100, 127, 128, 20_000] {
                let put = PutRequest {
                    key: vec![b'k'; 3].into(),
                    value: vec![0; len].into(),
                    ..Default::default()
                };
                let logged = InternalRaftRequest {
                    header: Some(RequestHeader {
                        id: (member_id << 48) | (1 << 40),
                        username: identity.name().into(),
                        auth_revision: revision,
                    }),
                    put: Some(put.clone()),
                    ..Default::default()
                };
                let request = Request::new(put, identity.clone(), member_id);
                assert_eq!(request.size, logged.encoded_len());
            }
        }
    }
}
