//! Replies of the service KV: `get`, `put`, `del`, `txn`, `compaction`.

use serde::Serialize;

use super::part::Part;
use crate::golang::json;
use crate::output::{
    Rendered, Reply,
    fields::Fields,
    json::{HeaderJson, Json, KeyValueJson, empty, header},
    protobuf::Protobuf,
    simple::Simple,
    table::Table,
};
use crate::proto::etcdserverpb as pb;
use crate::proto::etcdserverpb::response_op::Response;
use crate::proto::mvccpb::KeyValue;

/// `get`: the answer or a part of it, and how to print it.
#[derive(Clone, Debug, Default)]
pub struct Get {
    /// The server's answer.
    pub answer: pb::RangeResponse,
    /// `--print-value-only`.
    pub print_value_only: bool,
    /// Which part of the whole answer this is. All parts together are printed like the whole.
    pub part: Part,
}

impl Reply for Get {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        if !self.print_value_only {
            return pairs(out, &self.answer.kvs);
        }
        self.answer
            .kvs
            .iter()
            .try_for_each(|kv| out.bytes(&kv.value))
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        if self.part.is_first() {
            out.header(self.answer.header.as_ref())?;
        }
        let kvs = &self.answer.kvs;
        kvs.iter().try_for_each(|kv| out.pair("", kv))?;
        if self.part.is_last() {
            range_end_fields(out, &self.answer)?;
        }
        Ok(())
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        match self.part {
            Part::Whole => out.value(&RangeJson::from(&self.answer)),
            part => out.piece(&json_part(&self.answer, part)?),
        }
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.unsupported()
    }

    /// An encoded message is a sequence of fields, so the encodings of its parts can be concatenated.
    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        let answer = &self.answer;
        out.message(&pb::RangeResponse {
            header: answer.header.filter(|_| self.part.is_first()),
            kvs: answer.kvs.clone(),
            more: answer.more && self.part.is_last(),
            count: if self.part.is_last() { answer.count } else { 0 },
        })
    }
}

/// The text of one part of the line that [`RangeJson`] produces.
fn json_part(answer: &pb::RangeResponse, part: Part) -> std::io::Result<Vec<u8>> {
    let mut text = vec![];
    if part.is_first() {
        text.push(b'{');
        if let Some(header) = header(&answer.header) {
            text.extend(b"\"header\":");
            json::append(&header, &mut text)?;
            text.push(b',');
        }
        text.extend(b"\"kvs\":[");
    }
    part.append_entries(answer.kvs.iter().map(KeyValueJson::from), &mut text)?;
    if part.is_last() {
        text.push(b']');
        if answer.more {
            text.extend(b",\"more\":true");
        }
        if answer.count != 0 {
            text.extend(format!(",\"count\":{}", answer.count).bytes());
        }
        text.extend(b"}\n");
    }
    Ok(text)
}

/// `put`.
impl Reply for pb::PutResponse {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.line("OK")?;
        pairs(out, self.prev_kv.as_slice())
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.header(self.header.as_ref())?;
        self.prev_kv.iter().try_for_each(|kv| out.pair("Prev", kv))
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(&PutJson::from(self))
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.unsupported()
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.message(self)
    }
}

/// `del`.
impl Reply for pb::DeleteRangeResponse {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.line(self.deleted)?;
        pairs(out, &self.prev_kvs)
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.header(self.header.as_ref())?;
        out.line("Deleted", self.deleted)?;
        self.prev_kvs.iter().try_for_each(|kv| out.pair("Prev", kv))
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(&DeleteJson::from(self))
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.unsupported()
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.message(self)
    }
}

/// `txn`. Nested transactions are printed like the outer one; etcdctl prints their Go value.
impl Reply for pb::TxnResponse {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.line(if self.succeeded { "SUCCESS" } else { "FAILURE" })?;
        for op in &self.responses {
            out.line("")?;
            match &op.response {
                Some(Response::ResponseRange(answer)) => pairs(out, &answer.kvs)?,
                Some(Response::ResponsePut(answer)) => answer.simple(out)?,
                Some(Response::ResponseDeleteRange(answer)) => answer.simple(out)?,
                Some(Response::ResponseTxn(answer)) => answer.simple(out)?,
                None => {}
            }
        }
        Ok(())
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.header(self.header.as_ref())?;
        out.line("Succeeded", self.succeeded)?;
        for op in &self.responses {
            match &op.response {
                Some(Response::ResponseRange(answer)) => range_fields(out, answer)?,
                Some(Response::ResponsePut(answer)) => answer.fields(out)?,
                Some(Response::ResponseDeleteRange(answer)) => answer.fields(out)?,
                Some(Response::ResponseTxn(answer)) => answer.fields(out)?,
                None => {}
            }
        }
        Ok(())
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(&TxnJson::from(self))
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.unsupported()
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.message(self)
    }
}

/// `compaction`.
#[derive(Clone, Debug)]
pub struct Compacted {
    /// The server's answer.
    pub answer: pb::CompactionResponse,
    /// The requested revision, which the server does not repeat.
    pub revision: i64,
}

/// etcdctl prints text in every format; the JSON is ours.
impl Reply for Compacted {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.line(format_args!("compacted revision {}", self.revision))
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.as_simple(self)
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(&CompactedJson {
            header: header(&self.answer.header),
            compacted_revision: self.revision,
        })
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.as_simple(self)
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.as_simple(self)
    }
}

fn pairs(out: &mut Simple<'_>, kvs: &[KeyValue]) -> Rendered {
    kvs.iter().try_for_each(|kv| out.pair(kv))
}

fn range_fields(out: &mut Fields<'_>, answer: &pb::RangeResponse) -> Rendered {
    out.header(answer.header.as_ref())?;
    answer.kvs.iter().try_for_each(|kv| out.pair("", kv))?;
    range_end_fields(out, answer)
}

fn range_end_fields(out: &mut Fields<'_>, answer: &pb::RangeResponse) -> Rendered {
    out.line("More", answer.more)?;
    out.line("Count", answer.count)
}

#[derive(Serialize)]
struct RangeJson<'a> {
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

#[derive(Serialize)]
struct PutJson<'a> {
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

#[derive(Serialize)]
struct DeleteJson<'a> {
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

/// Each response is wrapped in `{"Response":...}`; an empty one is `{"Response":{}}`.
#[derive(Serialize)]
struct TxnJson<'a> {
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

#[derive(Serialize)]
struct CompactedJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<HeaderJson>,
    compacted_revision: i64,
}
