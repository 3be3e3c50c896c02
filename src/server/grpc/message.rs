//! Messages on the wire: the five-byte prefix (flag and length), the limit on received messages, and grpc-go's errors.
//! Knows nothing of the meaning of messages.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use bytes::{BufMut, Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use prost::Message;
use tonic::Status;

use super::{encoding::Encoding, lenient, methods::Method, request_body::RequestBody};

/// Size of flag and length in bytes.
pub const PREFIX: usize = 5;

/// Reads the messages of a request one by one.
pub struct Messages {
    body: RequestBody,
    method: Method,
    encoding: Encoding,
    /// Maximum size of a received message in bytes.
    limit: usize,
    /// The unread rest of the last frame.
    frame: Bytes,
    /// The beginning of a message that is spread over several frames.
    gathered: BytesMut,
}

/// Why there is no next message.
enum Stop {
    /// The request ended between two messages. As in grpc-go, this includes an end in the middle of a prefix.
    End,
    /// The request ended in the middle of a message, after its prefix.
    Cut,
    Refused(Status),
}

impl Messages {
    /// The messages in `body`, each of at most `limit` bytes, for this method.
    pub fn new(body: RequestBody, method: Method, encoding: Encoding, limit: usize) -> Messages {
        Messages {
            body,
            method,
            encoding,
            limit,
            frame: Bytes::new(),
            gathered: BytesMut::new(),
        }
    }

    /// The message of a unary call, and its encoding. Like grpc-go, ignores what follows the message. If the message
    /// arrived in one frame, its byte fields are slices of that frame; copy them in order to keep them longer than the
    /// request.
    ///
    /// # Errors
    /// The message is missing, truncated, too large, or cannot be decoded; with the codes and texts of grpc v1.82.1,
    /// server.go, `processUnaryRPC`.
    pub async fn unary_message<M: Message + Default + 'static>(
        mut self,
    ) -> Result<(M, Bytes), Status> {
        let payload = match self.next_payload().await {
            Ok(payload) => payload,
            Err(Stop::End) => return Err(Status::unknown("EOF")),
            Err(Stop::Cut) => return Err(Status::unknown("unexpected EOF")),
            Err(Stop::Refused(status)) => return Err(status),
        };
        // Clients often end the request in a separate frame. Reading that, if it has already arrived, avoids resetting
        // a stream that was not read to its end.
        poll_fn(|cx| {
            if !self.body.is_end_stream() {
                let _ = Pin::new(&mut self.body).poll_frame(cx);
            }
            Poll::Ready(())
        })
        .await;
        let message = lenient::decode(self.method, payload.clone())
            .map_err(|e| refusal("grpc: error unmarshalling request", e))?;
        Ok((message, payload))
    }

    /// The message of a call with one request and a stream of responses.
    ///
    /// # Errors
    /// See [`Messages::unary_message`]; also if there are several messages, with the codes and texts of grpc v1.82.1,
    /// stream.go, `RecvMsg`.
    pub async fn only_message<M: Message + Default + 'static>(mut self) -> Result<M, Status> {
        let first = self.next().await?.ok_or_else(|| {
            Status::internal(
                "cardinality violation: received no request message from non-client-streaming RPC",
            )
        })?;
        match self.next_payload().await {
            Err(Stop::End) => Ok(first),
            Err(Stop::Refused(status)) => Err(status),
            Err(Stop::Cut) => Err(Status::internal("unexpected EOF")),
            Ok(_) => Err(Status::internal(
                "cardinality violation: received multiple request messages for non-client-streaming RPC",
            )),
        }
    }

    /// The next message; `None` after the last one. Cancel-safe.
    ///
    /// # Errors
    /// The message is truncated, too large, or cannot be decoded, or the client has canceled the call.
    pub async fn next<M: Message + Default + 'static>(&mut self) -> Result<Option<M>, Status> {
        match self.next_payload().await {
            Ok(payload) => lenient::decode(self.method, payload)
                .map(Some)
                .map_err(|e| refusal("grpc: failed to unmarshal the received message", e)),
            Err(Stop::End) => Ok(None),
            Err(Stop::Cut) => Err(Status::internal("unexpected EOF")),
            Err(Stop::Refused(status)) => Err(status),
        }
    }

    async fn next_payload(&mut self) -> Result<Bytes, Stop> {
        loop {
            if let Some(mut message) = self.take().map_err(Stop::Refused)? {
                let prefix = message.split_to(PREFIX);
                let payload = self.encoding.payload(prefix[0], message, self.limit);
                return payload.map_err(Stop::Refused);
            }
            self.frame = loop {
                match self.body.frame().await {
                    None if self.gathered.len() < PREFIX => return Err(Stop::End),
                    None => return Err(Stop::Cut),
                    Some(Err(status)) => return Err(Stop::Refused(status)),
                    // Ignore trailers of a request.
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) if !data.is_empty() => break data,
                        _ => {}
                    },
                }
            };
        }
    }

    /// Takes a message with its prefix from the received bytes. Returns `None` if more are needed; all received bytes
    /// are then in `gathered`.
    fn take(&mut self) -> Result<Option<Bytes>, Status> {
        if self.gathered.is_empty() {
            match length(&self.frame, self.limit)? {
                Some(length) if self.frame.len() >= length => {
                    return Ok(Some(self.frame.split_to(length)));
                }
                length => {
                    self.gathered
                        .reserve(length.unwrap_or(0).max(self.frame.len()));
                    self.gathered.put(std::mem::take(&mut self.frame));
                    return Ok(None);
                }
            }
        }
        loop {
            let known = length(&self.gathered, self.limit)?;
            let want = known.unwrap_or(PREFIX);
            if known.is_some() && self.gathered.len() >= want {
                return Ok(Some(self.gathered.split_to(want).freeze()));
            }
            if self.frame.is_empty() {
                return Ok(None);
            }
            let missing = (want - self.gathered.len()).min(self.frame.len());
            self.gathered.reserve(want - self.gathered.len());
            self.gathered.put(self.frame.split_to(missing));
        }
    }
}

fn refusal(what: &str, error: lenient::DecodeError) -> Status {
    match error {
        lenient::DecodeError::Message(e) => Status::internal(format!("{what}: {e}")),
        lenient::DecodeError::Refused(e) => e.into(),
    }
}

/// The length of a message including its prefix; `None` if there are too few bytes to tell.
fn length(have: &[u8], limit: usize) -> Result<Option<usize>, Status> {
    let Some((prefix, _)) = have.split_first_chunk::<PREFIX>() else {
        return Ok(None);
    };
    let [_, length @ ..] = *prefix;
    let length = u32::from_be_bytes(length) as usize;
    if length > limit {
        return Err(Status::resource_exhausted(format!(
            "grpc: received message larger than max ({length} vs. {limit})"
        )));
    }
    Ok(Some(PREFIX + length))
}

/// Frames a message, uncompressed.
pub fn frame<M: Message>(message: &M) -> Bytes {
    let length = message.encoded_len();
    let mut framed = BytesMut::with_capacity(PREFIX + length);
    put_prefix(&mut framed, length);
    message.encode_raw(&mut framed);
    framed.freeze()
}

/// Frames an encoded message, uncompressed.
pub fn framed(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(PREFIX + message.len());
    put_prefix(&mut framed, message.len());
    framed.put(message);
    framed.freeze()
}

/// Writes flag and length. `encoding` rejects messages whose length exceeds 32 bits.
pub fn put_prefix(framed: &mut impl BufMut, length: usize) {
    debug_assert!(u32::try_from(length).is_ok());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::etcdserverpb as pb;
    use http_body_util::{Full, StreamBody};
    use tonic::Code;

    fn put() -> pb::PutRequest {
        pb::PutRequest {
            key: "k".into(),
            value: vec![7; 1000].into(),
            ..Default::default()
        }
    }

    fn messages<B>(body: B, limit: usize) -> Messages
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let body = RequestBody::new(body);
        Messages::new(body, Method::Put, Encoding::Identity, limit)
    }

    fn in_pieces(
        bytes: Bytes,
        size: usize,
    ) -> impl http_body::Body<Data = Bytes, Error = std::convert::Infallible> + Send + 'static {
        let frames: Vec<_> = bytes
            .chunks(size)
            .map(|c| Ok(http_body::Frame::data(Bytes::copy_from_slice(c))))
            .collect();
        StreamBody::new(tokio_stream::iter(frames))
    }

    #[tokio::test]
    async fn messages_are_read_however_they_are_cut() {
        let mut bytes = BytesMut::from(&frame(&put())[..]);
        bytes.put(frame(&pb::PutRequest::default()));
        bytes.put(frame(&put()));
        let bytes = bytes.freeze();
        for size in [1, 4, 5, 6, 100, 1006, 1011, 1012, 1016, 1017, bytes.len()] {
            let mut stream = messages(in_pieces(bytes.clone(), size), 4096);
            for want in [put(), pb::PutRequest::default(), put()] {
                assert_eq!(stream.next().await.unwrap(), Some(want), "{size}");
            }
            assert_eq!(stream.next::<pb::PutRequest>().await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn too_large_says_what_grpc_go_says() {
        let status = messages(Full::new(frame(&put())), 1000)
            .unary_message::<pb::PutRequest>()
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(
            status.message(),
            "grpc: received message larger than max (1006 vs. 1000)"
        );
    }

    #[tokio::test]
    async fn empty_cut_and_surplus_are_grpc_gos() {
        let framed = frame(&put());
        let cut = framed.slice(..framed.len() - 1);
        let half_a_prefix = framed.slice(..3);
        let one_and_a_half_prefixes = Bytes::from([&framed[..], &framed[..3]].concat());
        let mut surplus = BytesMut::from(&framed[..]);
        surplus.put(&framed[..]);
        let surplus = surplus.freeze();
        for (bytes, unary, stream) in [
            (
                Bytes::new(),
                Some((Code::Unknown, "EOF")),
                Some(
                    "cardinality violation: received no request message from non-client-streaming RPC",
                ),
            ),
            (
                cut,
                Some((Code::Unknown, "unexpected EOF")),
                Some("unexpected EOF"),
            ),
            (
                half_a_prefix,
                Some((Code::Unknown, "EOF")),
                Some(
                    "cardinality violation: received no request message from non-client-streaming RPC",
                ),
            ),
            (one_and_a_half_prefixes, None, None),
            (
                surplus,
                None,
                Some(
                    "cardinality violation: received multiple request messages for non-client-streaming RPC",
                ),
            ),
            (framed, None, None),
        ] {
            let read = messages(Full::new(bytes.clone()), 4096)
                .unary_message::<pb::PutRequest>()
                .await;
            let refusal = read.as_ref().err().map(|s| (s.code(), s.message()));
            assert_eq!(refusal, unary);
            let read = messages(Full::new(bytes), 4096)
                .only_message::<pb::PutRequest>()
                .await;
            let refusal = read.as_ref().err().map(|s| (s.code(), s.message()));
            assert_eq!(refusal, stream.map(|text| (Code::Internal, text)));
        }
    }

    #[tokio::test]
    async fn garbage_is_refused() {
        let garbage = Bytes::from_static(&[0, 0, 0, 0, 2, 0xff, 0xff]);
        let status = messages(Full::new(garbage), 4096)
            .unary_message::<pb::PutRequest>()
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::Internal);
        assert!(
            status
                .message()
                .starts_with("grpc: error unmarshalling request: "),
            "{status}"
        );
    }
}
