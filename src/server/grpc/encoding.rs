//! The encoding of messages on the wire: uncompressed, or compressed with gzip like grpc-go's `encoding/gzip`. Knows
//! nothing of requests.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    sync::Arc,
};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use http::HeaderMap;
use prost::Message;
use tonic::Status;

use super::{body::Body, message};
use crate::server::{
    error::Error,
    heavy,
    mvcc::encoded::{Encoded, SHORT},
    unsent::{Held, Holder},
};

/// Maximum size of a sent message in bytes (etcd v3.7.1, server/etcdserver/api/v3rpc/grpc.go, `maxSendBytes`). The
/// length prefix has 32 bits, so messages of 4 GiB could not be sent at all.
const SEND_LIMIT: usize = i32::MAX as usize;

/// The encoding of the messages of a call. A client that compresses its messages gets compressed responses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Uncompressed.
    #[default]
    Identity,
    /// Compressed with gzip.
    Gzip,
}

impl Encoding {
    /// Parses `grpc-encoding`, of which the last one counts.
    ///
    /// # Errors
    /// Another encoding, with grpc-go's code and text.
    pub fn of(headers: &HeaderMap) -> Result<Encoding, Status> {
        let named = headers.get_all("grpc-encoding").iter().next_back();
        match named.map(|v| v.as_bytes()) {
            None | Some(b"" | b"identity") => Ok(Encoding::Identity),
            Some(b"gzip") => Ok(Encoding::Gzip),
            Some(other) => Err(Status::unimplemented(format!(
                "grpc: Decompressor is not installed for grpc-encoding {:?}",
                String::from_utf8_lossy(other)
            ))),
        }
    }

    /// Encodes a message with its prefix.
    ///
    /// # Errors
    /// The message is too large to be sent.
    pub fn frame<M: Message>(self, message: &M) -> Result<Bytes, Status> {
        check_size(message.encoded_len())?;
        Ok(match self {
            Encoding::Identity => message::frame(message),
            Encoding::Gzip => compressed(&message.encode_to_vec()),
        })
    }

    /// Encodes a message that has been framed uncompressed.
    pub fn reframe(self, framed: Bytes) -> Bytes {
        match self {
            Encoding::Identity => framed,
            Encoding::Gzip => compressed(framed.get(message::PREFIX..).unwrap_or_default()),
        }
    }

    /// The body of a response of one message. `holder` counts it unless it is short.
    ///
    /// # Errors
    /// As [`Encoding::frame`].
    pub async fn body<M: Message>(
        self,
        message: &M,
        holder: impl FnOnce() -> Arc<dyn Holder>,
    ) -> Result<Body, Status> {
        if message.encoded_len() <= SHORT {
            return self.frame(message).map(Body::message);
        }
        let mut encoded = Encoded::of_message(message, message::PREFIX);
        encoded.counted_by(&holder());
        self.encoded_body(encoded).await
    }

    /// The body of a response with one message that is already encoded, preceded by [`PREFIX`](message::PREFIX) unused
    /// bytes.
    ///
    /// # Errors
    /// See [`Encoding::frame`].
    pub async fn encoded_body(self, message: Encoded) -> Result<Body, Status> {
        let length = message.length() - message::PREFIX;
        check_size(length)?;
        match self {
            Encoding::Identity => Ok(Body::encoded(message)),
            Encoding::Gzip => {
                let holder = message.holder();
                let mut payload = BytesMut::with_capacity(length);
                for piece in message.into_pieces() {
                    payload.put(piece);
                }
                payload.advance(message::PREFIX);
                // The message may wait a long time to be compressed, and then for its client to read it.
                let _held = holder.clone().map(|holder| Held::new(length, holder));
                let framed = compressed_off_worker(payload.freeze()).await?;
                Ok(match holder {
                    Some(holder) => Body::framed_counted(&framed, &holder),
                    None => Body::message(framed),
                })
            }
        }
    }

    /// The name for `grpc-encoding`; `None` if uncompressed.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Encoding::Identity => None,
            Encoding::Gzip => Some("gzip"),
        }
    }

    /// Decodes the payload of a message whose prefix had this `flag`, to at most `limit` bytes.
    ///
    /// # Errors
    /// The flag does not match the encoding, or the payload is not gzip or too large; with grpc-go's codes and texts
    /// (grpc v1.82.1, rpc_util.go, `checkRecvPayload` and `decompress`).
    pub fn payload(self, flag: u8, payload: Bytes, limit: usize) -> Result<Bytes, Status> {
        match (flag, self) {
            (0, _) => Ok(payload),
            (1, Encoding::Identity) => Err(Status::internal(
                "grpc: compressed flag set with identity or empty encoding",
            )),
            (1, Encoding::Gzip) => decompressed(&payload, limit),
            (flag, _) => Err(Status::internal(format!(
                "grpc: received unexpected payload format {flag}"
            ))),
        }
    }
}

/// Checks that a message of this size can be sent.
///
/// # Errors
/// The message is too large.
pub(super) fn check_size(size: usize) -> Result<(), Status> {
    if size > SEND_LIMIT {
        return Err(Status::resource_exhausted(format!(
            "grpc: trying to send message larger than max ({size} vs. {SEND_LIMIT})"
        )));
    }
    Ok(())
}

async fn compressed_off_worker(payload: Bytes) -> Result<Bytes, Status> {
    check_size(payload.len())?;
    if payload.len() < heavy::LARGE {
        return Ok(compressed(&payload));
    }
    let compressed = heavy::run(move || compressed(&payload)).await;
    Ok(compressed.ok_or(Error::Stopped)?)
}

/// A compressed message with its prefix. Like grpc-go, sends an empty message uncompressed.
fn compressed(payload: &[u8]) -> Bytes {
    if payload.is_empty() {
        return message::framed(&[]);
    }
    let mut encoder = GzEncoder::new(vec![1, 0, 0, 0, 0], Compression::fast());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(payload);
    let mut prefixed = encoder.finish().unwrap_or_default();
    let length = prefixed.len().saturating_sub(message::PREFIX);
    // Deflate stores incompressible data, so the result is at most slightly larger than the message.
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    if let Some(at) = prefixed.get_mut(1..message::PREFIX) {
        at.copy_from_slice(&length.to_be_bytes());
    }
    prefixed.into()
}

/// Reads at most one byte more than the limit, so that a small message cannot exhaust the memory.
fn decompressed(payload: &[u8], limit: usize) -> Result<Bytes, Status> {
    let mut reader = MultiGzDecoder::new(payload).take(limit as u64 + 1);
    let mut message = BytesMut::new().writer();
    let copied = std::io::copy(&mut reader, &mut message);
    let message = message.into_inner().freeze();
    copied.map_err(|error| {
        let begun = !message.is_empty() || reader.get_ref().header().is_some();
        let what = match begun {
            true => "grpc: failed to read decompressed data",
            false => "grpc: failed to decompress the message",
        };
        let why = match error.kind() {
            ErrorKind::UnexpectedEof if payload.is_empty() => "EOF".to_string(),
            ErrorKind::UnexpectedEof => "unexpected EOF".to_string(),
            // flate2 distinguishes them only by their texts.
            _ => match error.to_string() {
                text if text.contains("checksum") => "gzip: invalid checksum".to_string(),
                text if text.contains("header") => "gzip: invalid header".to_string(),
                text => text,
            },
        };
        Status::internal(format!("{what}: {why}"))
    })?;
    if message.len() > limit {
        return Err(Status::resource_exhausted(format!(
            "grpc: received message after decompression larger than max {limit}"
        )));
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::etcdserverpb as pb;
    use tonic::Code;

    fn put(size: usize) -> pb::PutRequest {
        pb::PutRequest {
            key: "k".into(),
            value: vec![7; size].into(),
            ..Default::default()
        }
    }

    #[test]
    fn compressed_messages_can_be_read_back() {
        let framed = Encoding::Gzip.frame(&put(100_000)).unwrap();
        assert_eq!(framed[0], 1);
        assert!(framed.len() < 2000);
        let length = u32::from_be_bytes(framed[1..5].try_into().unwrap()) as usize;
        assert_eq!(length, framed.len() - message::PREFIX);
        let payload = framed.slice(message::PREFIX..);
        let read = Encoding::Gzip.payload(1, payload, 1 << 20).unwrap();
        assert_eq!(pb::PutRequest::decode(read).unwrap(), put(100_000));
    }

    #[test]
    fn an_empty_message_is_not_compressed() {
        let framed = Encoding::Gzip.frame(&pb::StatusRequest {}).unwrap();
        assert_eq!(&framed[..], &[0; 5]);
    }

    #[test]
    fn flags_encodings_and_sizes_are_refused_in_grpc_gos_words() {
        let framed = Encoding::Gzip.frame(&put(100_000)).unwrap();
        let payload = framed.slice(message::PREFIX..);
        for (encoding, flag, limit, code, text) in [
            (
                Encoding::Identity,
                1,
                usize::MAX >> 1,
                Code::Internal,
                "grpc: compressed flag set with identity or empty encoding",
            ),
            (
                Encoding::Gzip,
                2,
                usize::MAX >> 1,
                Code::Internal,
                "grpc: received unexpected payload format 2",
            ),
            (
                Encoding::Gzip,
                1,
                1000,
                Code::ResourceExhausted,
                "grpc: received message after decompression larger than max 1000",
            ),
        ] {
            let refusal = encoding.payload(flag, payload.clone(), limit).unwrap_err();
            assert_eq!((refusal.code(), refusal.message()), (code, text));
        }
        let garbage = Encoding::Gzip.payload(1, "not gzip".into(), 1000);
        assert_eq!(garbage.unwrap_err().code(), Code::Internal);
    }

    #[test]
    fn a_message_that_no_length_can_name_is_not_sent() {
        assert!(check_size(SEND_LIMIT).is_ok());
        let refusal = check_size(5 << 30).unwrap_err();
        assert_eq!(refusal.code(), Code::ResourceExhausted);
        assert_eq!(
            refusal.message(),
            "grpc: trying to send message larger than max (5368709120 vs. 2147483647)"
        );
    }
}
