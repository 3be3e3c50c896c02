//! What an operation is: the one place where its answer, its cost, its space and its effect meet. One
//! type per operation; the request messages of the protocol are their own operations.

use prost::encoding::encoded_len_varint;

use super::{claim::SpaceClaim, state::State};
use crate::server::{
    auth::{AuthStore, Identity},
    error::Error,
    lease::Group,
};

/// A change of the server's state that only the writer may make.
pub trait Op: Send + 'static {
    /// What the caller gets once the change is durable.
    type Answer: Send + 'static;

    /// Number of its field in etcd's `InternalRaftRequest`; `None` for work that etcd keeps out of its
    /// log. Only logged operations count for the consistent index.
    const LOG_FIELD: Option<u32>;

    /// Whether a CORRUPT alarm refuses it.
    const REFUSED_WHEN_CORRUPT: bool;

    /// Bytes of the encoded message, without the field that holds it.
    fn message_len(&self) -> usize;

    /// What it costs of the space quota, in bytes; an operation of cost 0 is never refused for space.
    fn quota_cost(&self) -> i64 {
        0
    }

    /// Bytes of what the answer returns of the store. It stays in memory until the group is durable.
    fn answer_bytes(_answer: &Self::Answer) -> usize {
        0
    }

    /// Adds everything that the operation may write, whichever way its compares go.
    fn claim(&self, claim: &mut SpaceClaim<'_>);

    /// Checks that the caller may do it, as users, roles and leases are when it is applied.
    ///
    /// # Errors
    /// The caller may not.
    fn authorize(&self, caller: &Caller<'_>) -> Result<(), Error>;

    /// Makes the change, after all layers have let it pass.
    ///
    /// # Errors
    /// The operation is refused, and nothing has changed; or a damaged record stopped it.
    fn apply(&self, state: &mut State) -> Result<Self::Answer, Error>;
}

/// Who wants an operation, and what decides whether that is permitted.
pub struct Caller<'a> {
    /// On whose behalf the operation is made.
    pub identity: &'a Identity,
    /// Users and roles, as applied.
    pub auth: &'a AuthStore,
    /// Leases and the keys attached to them, as applied.
    pub leases: &'a Group,
}

/// An operation on its way to the writer, with what is computed of it once and what layers look at.
#[derive(Debug)]
pub struct Request<O> {
    /// The operation.
    pub op: O,
    /// On whose behalf.
    pub identity: Identity,
    /// See [`Op::quota_cost`].
    pub cost: i64,
    /// Bytes of the request as etcd's log would carry it: what the request size limit is compared with.
    pub size: usize,
}

impl<O: Op> Request<O> {
    /// Measures an operation. `member_id` matters, because the number of a request in etcd's log begins
    /// with two bytes of it.
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

/// Length of an `InternalRaftRequest` that holds a message of `len` bytes in this field.
fn logged_len(field: u32, len: usize, identity: &Identity, member_id: u64) -> usize {
    let tag = |field: u32| encoded_len_varint(u64::from(field) << 3);
    // A number as etcd makes it: member, then time and a counter.
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
