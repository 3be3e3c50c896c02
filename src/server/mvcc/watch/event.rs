//! An event as it is sent: encoded once and shared by all watchers that receive it.

use std::sync::OnceLock;

use bytes::{BufMut as _, Bytes, BytesMut};
use prost::{
    Message as _,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint},
};

use crate::{proto::mvccpb::KeyValue, server::mvcc::event::Event};

/// Number of the field `events` of `WatchResponse`.
const EVENTS: u32 = 11;
/// Numbers of the fields of `Event`.
const TYPE: u32 = 1;
const KV: u32 = 2;
const PREV_KV: u32 = 3;
/// The type of a deletion; that of a put is 0 and is not encoded.
const DELETE: u64 = 1;

/// An event, and its encoding as an element of `WatchResponse.events`.
#[derive(Debug)]
pub struct SharedEvent {
    /// The change.
    pub event: Event,
    plain: OnceLock<Bytes>,
    with_previous: OnceLock<Bytes>,
}

impl SharedEvent {
    /// An event that has not been encoded yet.
    pub fn new(event: Event) -> SharedEvent {
        SharedEvent {
            event,
            plain: OnceLock::new(),
            with_previous: OnceLock::new(),
        }
    }

    /// The encoded field, without the previous value.
    pub fn plain(&self) -> &Bytes {
        self.plain.get_or_init(|| self.encode(None))
    }

    /// The encoded field with the previous value, an encoded `KeyValue` returned by `previous`.
    pub(super) fn with_previous(&self, previous: impl FnOnce() -> Option<Bytes>) -> &Bytes {
        self.with_previous.get_or_init(|| match previous() {
            Some(record) => self.encode(Some(&record)),
            None => self.plain().clone(),
        })
    }

    /// The encoded field with or without the previous value.
    pub fn encoded(&self, prev_kv: bool) -> &Bytes {
        match self.with_previous.get() {
            Some(bytes) if prev_kv => bytes,
            _ => self.plain(),
        }
    }

    fn encode(&self, previous: Option<&Bytes>) -> Bytes {
        let tombstone;
        let kv: &[u8] = match self.event.tombstone {
            // The stored record of a put is already the encoded message.
            false => &self.event.record,
            true => {
                tombstone = KeyValue {
                    key: self.event.key.clone(),
                    mod_revision: self.event.rev.main,
                    ..KeyValue::default()
                }
                .encode_to_vec();
                &tombstone
            }
        };
        let field = |bytes: &[u8]| 1 + encoded_len_varint(bytes.len() as u64) + bytes.len();
        let mut length = field(kv) + previous.map_or(0, |record| field(record));
        if self.event.tombstone {
            length += 2;
        }
        let mut to = BytesMut::with_capacity(1 + encoded_len_varint(length as u64) + length);
        encode_key(EVENTS, WireType::LengthDelimited, &mut to);
        encode_varint(length as u64, &mut to);
        if self.event.tombstone {
            encode_key(TYPE, WireType::Varint, &mut to);
            encode_varint(DELETE, &mut to);
        }
        let mut put = |number: u32, bytes: &[u8]| {
            encode_key(number, WireType::LengthDelimited, &mut to);
            encode_varint(bytes.len() as u64, &mut to);
            to.put_slice(bytes);
        };
        put(KV, kv);
        if let Some(record) = previous {
            put(PREV_KV, record);
        }
        to.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        proto::{
            etcdserverpb::WatchResponse,
            mvccpb::{self, event::EventType},
        },
        schema::key,
        server::mvcc::revision::Revision,
    };

    fn decode(bytes: &[u8]) -> mvccpb::Event {
        let mut response = WatchResponse::decode(bytes).unwrap();
        assert_eq!(response.events.len(), 1);
        response.events.remove(0)
    }

    #[test]
    fn the_bytes_are_an_element_of_the_response() {
        let kv = KeyValue {
            key: "key".into(),
            value: vec![7; 300].into(),
            mod_revision: 5,
            create_revision: 4,
            version: 2,
            lease: 9,
        };
        let previous = KeyValue {
            value: "old".into(),
            ..kv.clone()
        };
        let mut event = Event {
            rev: Revision::new(5, 0),
            tombstone: false,
            key: "key".into(),
            record: key::encode(&kv).into(),
            lease: 9,
            previous: None,
        };
        let put = SharedEvent::new(event.clone());
        let wanted = mvccpb::Event {
            r#type: EventType::Put.into(),
            kv: Some(kv),
            prev_kv: None,
        };
        assert_eq!(decode(put.encoded(false)), wanted);
        put.with_previous(|| Some(key::encode(&previous).into()));
        assert_eq!(decode(put.encoded(false)), wanted);
        assert_eq!(decode(put.encoded(true)).prev_kv, Some(previous.clone()));

        event.tombstone = true;
        event.record = key::encode_tombstone(&"key".into()).into();
        let deletion = SharedEvent::new(event);
        deletion.with_previous(|| Some(key::encode(&previous).into()));
        let decoded = decode(deletion.encoded(true));
        assert_eq!(decoded.r#type, EventType::Delete as i32);
        assert_eq!(decoded.prev_kv, Some(previous));
        let kv = decoded.kv.unwrap();
        assert_eq!((kv.key.as_ref(), kv.mod_revision), (&b"key"[..], 5));
        assert_eq!((kv.create_revision, kv.version, kv.value.len()), (0, 0, 0));
    }
}
