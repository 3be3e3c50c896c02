//! One message in, one message out: the five bytes in front of each (a flag and a length), the limit
//! on what is taken, and nothing about what the messages mean.

use std::pin::pin;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use prost::Message;
use tonic::{Code, Status};

/// Flag and length.
pub const PREFIX: usize = 5;

/// Reads the one message of a request. Where it came in one frame its byte fields are slices of that
/// frame: whoever keeps them longer than the request copies them.
///
/// # Errors
/// More than `limit` bytes, compressed, cut short, or not a message of this type; with grpc-go's codes
/// and texts.
pub async fn read<M, B>(body: B, limit: usize) -> Result<M, Status>
where
    M: Message + Default,
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Display,
{
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut gathered = BytesMut::new();
    let mut want = None;
    while let Some(frame) = body.as_mut().frame().await {
        let frame = frame.map_err(|e| Status::new(Code::Cancelled, e.to_string()))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if first.is_empty() && gathered.is_empty() {
            first = data;
        } else {
            if gathered.is_empty() {
                gathered.reserve(want.unwrap_or(0).max(first.len() + data.len()));
                gathered.put(std::mem::take(&mut first));
            }
            gathered.put(data);
        }
        let have = if gathered.is_empty() {
            &first[..]
        } else {
            &gathered[..]
        };
        if want.is_none() {
            want = length(have, limit)?.map(|n| n + PREFIX);
        }
        if want.is_some_and(|want| have.len() > want) {
            return Err(Status::internal("grpc: more than one message in a request"));
        }
        if body.is_end_stream() {
            break;
        }
    }
    let mut whole = if gathered.is_empty() {
        first
    } else {
        gathered.freeze()
    };
    if want != Some(whole.len()) {
        return Err(Status::internal("grpc: request without a whole message"));
    }
    whole.advance(PREFIX);
    M::decode(whole)
        .map_err(|e| Status::internal(format!("grpc: error unmarshalling request: {e}")))
}

/// The length that stands in front of a message; `None` while there are too few bytes to tell.
fn length(have: &[u8], limit: usize) -> Result<Option<usize>, Status> {
    let Some((prefix, _)) = have.split_first_chunk::<PREFIX>() else {
        return Ok(None);
    };
    let [flag, length @ ..] = *prefix;
    if flag != 0 {
        return Err(Status::unimplemented(
            "grpc: Decompressor is not installed for grpc-encoding",
        ));
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > limit {
        return Err(Status::resource_exhausted(format!(
            "grpc: received message larger than max ({length} vs. {limit})"
        )));
    }
    Ok(Some(length))
}

/// A message as it goes out.
pub fn frame<M: Message>(message: &M) -> Bytes {
    let length = message.encoded_len();
    let mut framed = BytesMut::with_capacity(PREFIX + length);
    put_prefix(&mut framed, length);
    message.encode_raw(&mut framed);
    framed.freeze()
}

/// An encoded message as it goes out.
pub fn framed(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(PREFIX + message.len());
    put_prefix(&mut framed, message.len());
    framed.put(message);
    framed.freeze()
}

/// Writes flag and length. A message of 4 GiB or more can't be framed; nothing here makes one.
pub fn put_prefix(framed: &mut impl BufMut, length: usize) {
    framed.put_u8(0);
    framed.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::etcdserverpb as pb;
    use http_body_util::{Full, StreamBody};

    fn put() -> pb::PutRequest {
        pb::PutRequest {
            key: "k".into(),
            value: vec![7; 1000].into(),
            ..Default::default()
        }
    }

    async fn in_pieces(bytes: Bytes, size: usize) -> Result<pb::PutRequest, Status> {
        let frames: Vec<_> = bytes
            .chunks(size)
            .map(|c| {
                Ok::<_, std::convert::Infallible>(http_body::Frame::data(Bytes::copy_from_slice(c)))
            })
            .collect();
        read(StreamBody::new(tokio_stream::iter(frames)), 4096).await
    }

    #[tokio::test]
    async fn a_message_is_read_however_it_is_cut() {
        let framed = frame(&put());
        for size in [1, 4, 5, 6, 100, framed.len()] {
            assert_eq!(in_pieces(framed.clone(), size).await.unwrap(), put());
        }
        let empty: pb::StatusRequest = read(Full::new(Bytes::from_static(&[0; 5])), 0)
            .await
            .unwrap();
        assert_eq!(empty, pb::StatusRequest {});
    }

    #[tokio::test]
    async fn too_large_says_what_grpc_go_says() {
        let status = read::<pb::PutRequest, _>(Full::new(frame(&put())), 1000)
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(
            status.message(),
            "grpc: received message larger than max (1006 vs. 1000)"
        );
    }

    #[tokio::test]
    async fn half_a_message_garbage_and_surplus_are_errors() {
        let framed = frame(&put());
        let cut = framed.slice(..framed.len() - 1);
        let mut surplus = BytesMut::from(&framed[..]);
        surplus.put_u8(1);
        let garbage = Bytes::from_static(&[0, 0, 0, 0, 2, 0xff, 0xff]);
        for bytes in [cut, surplus.freeze(), garbage, Bytes::new()] {
            let status = read::<pb::PutRequest, _>(Full::new(bytes), 4096)
                .await
                .unwrap_err();
            assert_eq!(status.code(), Code::Internal, "{status}");
        }
    }
}
