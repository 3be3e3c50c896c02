//! Every reply in every format, against what etcd v3.7.1's own tools print for the same answers
//! (`tests/data/golden`, with ids and sizes filled in).

mod cluster;
mod endpoint;
mod kv;
mod watch;

use std::time::Duration;

use bytes::Bytes;

use super::replies::{
    endpoint::{EndpointHealth, HashKv, Health, Status},
    kv::{Compacted, Get},
    maintenance::{Defragmented, MemberTook, SnapshotSaved},
    snapshot::FileStatus,
    version::Version,
};
use super::{Format, RenderOptions, Reply, render};
use crate::proto::etcdserverpb as pb;
use crate::proto::etcdserverpb::response_op::Response;
use crate::proto::mvccpb::KeyValue;

const MEMBER: u64 = 0x8e9e05c52164694d;
const CLUSTER: u64 = 0xcdf818194e3a8c32;

fn text_with(reply: &dyn Reply, format: Format, hex: bool) -> String {
    let mut out = Vec::new();
    render(reply, format, &RenderOptions { hex }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn text(reply: &dyn Reply, format: Format) -> String {
    text_with(reply, format, false)
}

fn refused(reply: &dyn Reply, format: Format) -> String {
    let mut out = Vec::new();
    let error = render(reply, format, &RenderOptions::default(), &mut out).unwrap_err();
    assert!(out.is_empty(), "nothing may be written before a refusal");
    error.to_string()
}

fn header(revision: i64) -> Option<pb::ResponseHeader> {
    Some(pb::ResponseHeader {
        cluster_id: CLUSTER,
        member_id: MEMBER,
        revision,
        raft_term: 2,
    })
}

fn pair(key: &'static str, value: &'static str) -> KeyValue {
    KeyValue {
        key: Bytes::from_static(key.as_bytes()),
        value: Bytes::from_static(value.as_bytes()),
        create_revision: 2,
        mod_revision: 3,
        version: 2,
        lease: 0,
    }
}
