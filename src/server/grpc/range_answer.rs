//! The answer to a range as a body: a small one in one piece, a large one encoded while it is sent, so
//! that no second copy of all its values is ever made.

use bytes::{Bytes, BytesMut};
use prost::{
    Message as _,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint},
};

use super::{body::Body, message};
use crate::proto::{etcdserverpb::RangeResponse, mvccpb::KeyValue};

/// Bytes of one piece, about.
const PIECE: usize = 64 << 10;
/// Number of the field `kvs`.
const KVS: u32 = 2;

/// The body that answers with `response`.
pub fn body(response: RangeResponse) -> Body {
    let length = response.encoded_len();
    if length <= PIECE {
        return Body::message(message::frame(&response));
    }
    Body::pieces(Pieces::new(response, length))
}

struct Pieces {
    /// Prefix and header of the message.
    head: BytesMut,
    kvs: std::vec::IntoIter<KeyValue>,
    /// What is not `kvs`.
    tail: Option<RangeResponse>,
}

impl Pieces {
    fn new(mut response: RangeResponse, length: usize) -> Pieces {
        let kvs = std::mem::take(&mut response.kvs);
        let mut head = BytesMut::with_capacity(PIECE + (4 << 10));
        message::put_prefix(&mut head, length);
        Pieces {
            head,
            kvs: kvs.into_iter(),
            tail: Some(response),
        }
    }
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        self.tail.as_ref()?;
        let mut piece = std::mem::take(&mut self.head);
        if piece.capacity() == 0 {
            piece.reserve(PIECE + (4 << 10));
        }
        while piece.len() < PIECE {
            let Some(kv) = self.kvs.next() else {
                // Fields may come in any order, so that the header may be last.
                let tail = self.tail.take()?;
                piece.reserve(tail.encoded_len());
                tail.encode_raw(&mut piece);
                break;
            };
            let length = kv.encoded_len();
            piece.reserve(1 + encoded_len_varint(length as u64) + length);
            encode_key(KVS, WireType::LengthDelimited, &mut piece);
            encode_varint(length as u64, &mut piece);
            kv.encode_raw(&mut piece);
        }
        Some(piece.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::etcdserverpb::ResponseHeader;
    use http_body_util::BodyExt as _;

    fn response(sizes: impl IntoIterator<Item = usize>) -> RangeResponse {
        RangeResponse {
            header: Some(ResponseHeader {
                revision: 7,
                ..Default::default()
            }),
            kvs: sizes
                .into_iter()
                .enumerate()
                .map(|(i, size)| KeyValue {
                    key: format!("key-{i}").into(),
                    value: vec![i as u8; size].into(),
                    version: 1,
                    ..Default::default()
                })
                .collect(),
            more: true,
            count: 1 << 40,
        }
    }

    #[tokio::test]
    async fn pieces_are_the_message_at_every_size() {
        for response in [
            response([]),
            response([10, 20]),
            response([PIECE]),
            response([PIECE * 3, 1, PIECE * 2]),
            response((0..1000).map(|i| i * 7 % 2000)),
        ] {
            let whole = body(response.clone()).collect().await.unwrap();
            assert_eq!(whole.trailers().unwrap()["grpc-status"], "0");
            let whole = whole.to_bytes();
            let (prefix, message) = whole.split_at(message::PREFIX);
            let length = u32::from_be_bytes(prefix[1..].try_into().unwrap());
            assert_eq!(length as usize, message.len());
            assert_eq!(RangeResponse::decode(message).unwrap(), response);
        }
    }
}
