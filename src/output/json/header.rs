//! JSON of the header that every answer carries, and the rule of what is left out.
//! Names, order and omissions are those of the struct tags in etcd v3.7.1's generated Go.

use serde::Serialize;

use crate::proto::etcdserverpb as pb;

/// Go's `omitempty`.
pub fn empty<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The header of every answer.
#[derive(Serialize)]
pub struct HeaderJson {
    #[serde(skip_serializing_if = "empty")]
    cluster_id: u64,
    #[serde(skip_serializing_if = "empty")]
    member_id: u64,
    #[serde(skip_serializing_if = "empty")]
    revision: i64,
    #[serde(skip_serializing_if = "empty")]
    raft_term: u64,
}

/// The header, where the answer has one.
pub fn header(h: &Option<pb::ResponseHeader>) -> Option<HeaderJson> {
    h.as_ref().map(|h| HeaderJson {
        cluster_id: h.cluster_id,
        member_id: h.member_id,
        revision: h.revision,
        raft_term: h.raft_term,
    })
}
