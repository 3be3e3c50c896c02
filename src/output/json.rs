//! `-w json`: one line, with the names, order and omissions that Go's `encoding/json` produces for etcd's own types
//! (see the struct tags in etcd v3.7.1's generated Go). Enums and ids are numbers, bytes are base64.
//!
//! The structure of each reply is in its file under `replies/`; structures shared by several replies are here.

use std::io::Write;

use serde::{Serialize, Serializer};

use super::Rendered;
use crate::golang::json::{self as go_json, write_line};
use crate::proto::{etcdserverpb as pb, mvccpb};

/// Writes lines of JSON.
pub struct Json<'a> {
    pub(super) hex: bool,
    pub(super) out: &'a mut dyn Write,
}

impl Json<'_> {
    /// Whether `--hex` was given.
    pub fn hex(&self) -> bool {
        self.hex
    }

    /// One value on one line.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn value(&mut self, value: &impl Serialize) -> Rendered {
        Ok(write_line(value, self.out)?)
    }

    /// A piece of a line that is written in several.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn piece(&mut self, text: &[u8]) -> Rendered {
        Ok(self.out.write_all(text)?)
    }

    /// A list on one line; an empty one is `null`, like a nil slice in Go.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn list<T: Serialize>(&mut self, items: impl Iterator<Item = T>) -> Rendered {
        let items: Vec<T> = items.collect();
        if items.is_empty() {
            self.value(&())
        } else {
            self.value(&items)
        }
    }
}

/// Go's `omitempty`.
pub fn empty<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Bytes as base64.
///
/// # Errors
/// An error of the serializer.
pub fn base64<S: Serializer>(bytes: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    go_json::base64(bytes, serializer)
}

/// The id of a cluster or member: a number, or a string with `--hex`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdJson {
    id: u64,
    hex: bool,
}

impl IdJson {
    /// `id`, as a string if `hex`.
    pub fn new(id: u64, hex: bool) -> IdJson {
        IdJson { id, hex }
    }

    /// Whether Go omits it; a string is never omitted.
    pub fn omitted(&self) -> bool {
        self.id == 0 && !self.hex
    }
}

impl Serialize for IdJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.hex {
            serializer.serialize_str(&format!("{:x}", self.id))
        } else {
            serializer.serialize_u64(self.id)
        }
    }
}

/// The header of a response.
#[derive(Serialize)]
pub struct HeaderJson {
    #[serde(skip_serializing_if = "IdJson::omitted")]
    cluster_id: IdJson,
    #[serde(skip_serializing_if = "IdJson::omitted")]
    member_id: IdJson,
    #[serde(skip_serializing_if = "empty")]
    revision: i64,
    #[serde(skip_serializing_if = "empty")]
    raft_term: u64,
}

/// The header, if the response has one.
pub fn header(header: &Option<pb::ResponseHeader>) -> Option<HeaderJson> {
    header_hex(header, false)
}

/// The header, with its ids as strings if `hex`.
pub fn header_hex(header: &Option<pb::ResponseHeader>, hex: bool) -> Option<HeaderJson> {
    header.as_ref().map(|h| HeaderJson {
        cluster_id: IdJson::new(h.cluster_id, hex),
        member_id: IdJson::new(h.member_id, hex),
        revision: h.revision,
        raft_term: h.raft_term,
    })
}

/// A response that contains only a header.
#[derive(Serialize)]
pub struct OnlyHeaderJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<HeaderJson>,
}

impl OnlyHeaderJson {
    /// A response with this header.
    pub fn new(answer: &Option<pb::ResponseHeader>) -> OnlyHeaderJson {
        OnlyHeaderJson {
            header: header(answer),
        }
    }
}

/// A key and its value.
#[derive(Serialize)]
pub struct KeyValueJson<'a> {
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
