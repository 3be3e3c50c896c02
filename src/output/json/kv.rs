//! JSON of the answers about keys: `get`, `put`, `del`, `txn`.
//! Names, order and omissions are those of the struct tags in etcd v3.7.1's generated Go.

use serde::{Serialize, Serializer};

use super::header::{HeaderJson, empty, header};
use crate::golang::json as go_json;
use crate::proto::etcdserverpb as pb;
use crate::proto::etcdserverpb::response_op::Response;
use crate::proto::mvccpb;

#[derive(Serialize)]
struct KeyValueJson<'a> {
    #[serde(skip_serializing_if = "<[u8]>::is_empty", serialize_with = "base64")]
    key: &'a [u8],
    #[serde(skip_serializing_if = "empty")]
    create_revision: i64,
    #[serde(skip_serializing_if = "empty")]
    mod_revision: i64,
    #[serde(skip_serializing_if = "empty")]
    version: i64,
    #[serde(skip_serializing_if = "<[u8]>::is_empty", serialize_with = "base64")]
    value: &'a [u8],
    #[serde(skip_serializing_if = "empty")]
    lease: i64,
}

fn base64<S: Serializer>(bytes: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    go_json::base64(bytes, serializer)
}

impl<'a> From<&'a mvccpb::KeyValue> for KeyValueJson<'a> {
    fn from(kv: &'a mvccpb::KeyValue) -> Self {
        Self {
            key: &kv.key,
            create_revision: kv.create_revision,
            mod_revision: kv.mod_revision,
            version: kv.version,
            value: &kv.value,
            lease: kv.lease,
        }
    }
}

/// `get`.
#[derive(Serialize)]
pub struct RangeJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<HeaderJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kvs: Vec<KeyValueJson<'a>>,
    #[serde(skip_serializing_if = "empty")]
    more: bool,
    #[serde(skip_serializing_if = "empty")]
    count: i64,
}

impl<'a> From<&'a pb::RangeResponse> for RangeJson<'a> {
    fn from(r: &'a pb::RangeResponse) -> Self {
        Self {
            header: header(&r.header),
            kvs: r.kvs.iter().map(Into::into).collect(),
            more: r.more,
            count: r.count,
        }
    }
}

/// `put`.
#[derive(Serialize)]
pub struct PutJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<HeaderJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev_kv: Option<KeyValueJson<'a>>,
}

impl<'a> From<&'a pb::PutResponse> for PutJson<'a> {
    fn from(r: &'a pb::PutResponse) -> Self {
        Self {
            header: header(&r.header),
            prev_kv: r.prev_kv.as_ref().map(Into::into),
        }
    }
}

/// `del`.
#[derive(Serialize)]
pub struct DeleteJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<HeaderJson>,
    #[serde(skip_serializing_if = "empty")]
    deleted: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    prev_kvs: Vec<KeyValueJson<'a>>,
}

impl<'a> From<&'a pb::DeleteRangeResponse> for DeleteJson<'a> {
    fn from(r: &'a pb::DeleteRangeResponse) -> Self {
        Self {
            header: header(&r.header),
            deleted: r.deleted,
            prev_kvs: r.prev_kvs.iter().map(Into::into).collect(),
        }
    }
}

/// `txn`. Each answer is wrapped in `{"Response":...}`; one that the server left open is `{"Response":{}}`.
#[derive(Serialize)]
pub struct TxnJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<HeaderJson>,
    #[serde(skip_serializing_if = "empty")]
    succeeded: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    responses: Vec<OpJson<'a>>,
}

impl<'a> From<&'a pb::TxnResponse> for TxnJson<'a> {
    fn from(r: &'a pb::TxnResponse) -> Self {
        Self {
            header: header(&r.header),
            succeeded: r.succeeded,
            responses: r.responses.iter().map(OpJson::from).collect(),
        }
    }
}

#[derive(Serialize)]
struct OpJson<'a> {
    #[serde(rename = "Response")]
    response: ResponseJson<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ResponseJson<'a> {
    Range {
        response_range: RangeJson<'a>,
    },
    Put {
        response_put: PutJson<'a>,
    },
    Delete {
        response_delete_range: DeleteJson<'a>,
    },
    Txn {
        response_txn: TxnJson<'a>,
    },
    Open {},
}

impl<'a> From<&'a pb::ResponseOp> for OpJson<'a> {
    fn from(op: &'a pb::ResponseOp) -> Self {
        let response = match &op.response {
            Some(Response::ResponseRange(r)) => ResponseJson::Range {
                response_range: r.into(),
            },
            Some(Response::ResponsePut(r)) => ResponseJson::Put {
                response_put: r.into(),
            },
            Some(Response::ResponseDeleteRange(r)) => ResponseJson::Delete {
                response_delete_range: r.into(),
            },
            Some(Response::ResponseTxn(r)) => ResponseJson::Txn {
                response_txn: r.into(),
            },
            None => ResponseJson::Open {},
        };
        Self { response }
    }
}
