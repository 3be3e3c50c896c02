//! Cuts a large response of a watch into fragments while it arrives, as the server does if a client requests it
//! (`WatchCreateRequest.fragment`). etcd sends the history at the beginning of a watch as one message, which would otherwise
//! be held in memory completely. Everything else is passed on unchanged, including malformed messages.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use prost::encoding::{WireType, decode_varint};

/// Messages up to this size in bytes are not cut.
const LARGE: usize = 512 << 10;
/// Events are passed on once there are this many bytes of them.
const PIECE: usize = 256 << 10;
/// Length of the prefix of a gRPC message: a flag for compression and the length.
const PREFIX: usize = 5;
/// `WatchResponse.events`.
const EVENTS: u32 = 11;
/// `WatchResponse.fragment`, set to true.
const IS_FRAGMENT: [u8; 2] = [7 << 3, 1];

/// Marks a request whose response is a stream of `WatchResponse` messages that are to be cut.
#[derive(Clone, Copy, Debug)]
pub struct InFragments {
    /// Larger messages are passed on unchanged, and then rejected. `None` = no limit.
    pub max_message: Option<usize>,
}

/// The body of a response.
pub struct Fragmented<B> {
    body: B,
    cutter: Option<Box<Cutter>>,
}

impl<B> Fragmented<B> {
    /// Cuts `body` if `marked`.
    pub fn new(body: B, marked: Option<InFragments>) -> Fragmented<B> {
        let cutter = marked.map(|marked| Box::new(Cutter::new(marked)));
        Fragmented { body, cutter }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Fragmented<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let Fragmented { body, cutter } = &mut *self;
        let Some(cutter) = cutter else {
            return Pin::new(body).poll_frame(cx);
        };
        loop {
            if let Some(data) = cutter.out.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            if let Some(trailers) = cutter.trailers.take() {
                return Poll::Ready(Some(Ok(trailers)));
            }
            match ready!(Pin::new(&mut *body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => cutter.take(data),
                    Err(trailers) => {
                        cutter.end();
                        cutter.trailers = Some(trailers);
                    }
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    cutter.end();
                    if cutter.out.is_empty() {
                        return Poll::Ready(None);
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.cutter.as_ref().is_none_or(|c| c.is_empty()) && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.cutter {
            None => self.body.size_hint(),
            Some(_) => SizeHint::default(),
        }
    }
}

/// The position of the cutter in the stream.
enum Place {
    /// Before a message.
    Prefix,
    /// In a message of which this many bytes are still passed on unchanged.
    Unchanged(usize),
    /// In a message that is being cut.
    Cut(Message),
}

/// A message that is being cut.
#[derive(Default)]
struct Message {
    /// Bytes that have not arrived yet.
    missing: usize,
    /// The fields other than events. All of them come first, and each fragment repeats them.
    head: Vec<u8>,
    /// Bytes at the beginning of [`Cutter::received`] that are complete events.
    events: usize,
}

impl Message {
    /// Passes on the complete events at the beginning of `received` as a fragment that is not the last one.
    fn pass_on_events(&mut self, received: &mut BytesMut, out: &mut VecDeque<Bytes>) {
        let events = received.split_to(self.events);
        self.events = 0;
        push(out, &self.head, &IS_FRAGMENT, events);
    }
}

struct Cutter {
    limit: usize,
    place: Place,
    /// Bytes that have arrived but have not been passed on.
    received: BytesMut,
    /// Bytes to be passed on next.
    out: VecDeque<Bytes>,
    trailers: Option<Frame<Bytes>>,
}

impl Cutter {
    fn new(marked: InFragments) -> Cutter {
        Cutter {
            limit: marked.max_message.unwrap_or(usize::MAX),
            place: Place::Prefix,
            received: BytesMut::new(),
            out: VecDeque::new(),
            trailers: None,
        }
    }

    fn is_empty(&self) -> bool {
        self.received.is_empty() && self.out.is_empty() && self.trailers.is_none()
    }

    /// Takes the next bytes of the stream.
    fn take(&mut self, mut data: Bytes) {
        while !data.is_empty() {
            match &mut self.place {
                Place::Unchanged(left) => {
                    let part = data.split_to(data.len().min(*left));
                    *left -= part.len();
                    if *left == 0 {
                        self.place = Place::Prefix;
                    }
                    self.out.push_back(part);
                }
                Place::Prefix => {
                    let missing = PREFIX - self.received.len();
                    self.received.put(data.split_to(data.len().min(missing)));
                    if self.received.len() == PREFIX {
                        self.begin();
                    }
                }
                Place::Cut(message) => {
                    let part = data.split_to(data.len().min(message.missing));
                    message.missing -= part.len();
                    self.received.put(part);
                    self.cut();
                }
            }
        }
    }

    /// Decides what to do with a message whose prefix has arrived.
    fn begin(&mut self) {
        let compressed = self.received[0] != 0;
        let length = (&self.received[1..]).get_u32() as usize;
        if compressed || length <= LARGE || length > self.limit {
            self.out.push_back(self.received.split().freeze());
            if length > 0 {
                self.place = Place::Unchanged(length);
            }
            return;
        }
        self.received.clear();
        self.place = Place::Cut(Message {
            missing: length,
            ..Message::default()
        });
    }

    /// Passes on as much as possible of the message that is being cut.
    fn cut(&mut self) {
        let Place::Cut(message) = &mut self.place else {
            return;
        };
        loop {
            let rest = &self.received[message.events..];
            match Field::read(rest) {
                Read::Field(Field::Event(size)) => {
                    message.events += size;
                    if message.events >= PIECE && (message.missing > 0 || size < rest.len()) {
                        message.pass_on_events(&mut self.received, &mut self.out);
                    }
                }
                Read::Field(Field::Other(size)) => {
                    // Usually there are no events yet.
                    if message.events > 0 {
                        message.pass_on_events(&mut self.received, &mut self.out);
                    }
                    message.head.extend_from_slice(&self.received[..size]);
                    self.received.advance(size);
                }
                Read::Incomplete if message.missing > 0 => return,
                Read::Incomplete | Read::Malformed => return self.give_up(),
                Read::Nothing if message.missing > 0 => return,
                Read::Nothing => {
                    let events = self.received.split();
                    push(&mut self.out, &message.head, &[], events);
                    self.place = Place::Prefix;
                    return;
                }
            }
        }
    }

    /// Passes on the rest of a message unchanged; the decoder will report what is wrong with it.
    fn give_up(&mut self) {
        let Place::Cut(message) = &mut self.place else {
            return;
        };
        let rest = self.received.split();
        let length = message.head.len() + rest.len() + message.missing;
        let mut start = prefix(length, rest.len() + message.head.len());
        start.put_slice(&message.head);
        start.put(rest);
        self.out.push_back(start.freeze());
        self.place = match message.missing {
            0 => Place::Prefix,
            missing => Place::Unchanged(missing),
        };
    }

    /// The stream has ended.
    fn end(&mut self) {
        self.give_up();
        if !self.received.is_empty() {
            self.out.push_back(self.received.split().freeze());
        }
    }
}

/// The prefix of a message of `length` bytes, with space for `space` more bytes.
fn prefix(length: usize, space: usize) -> BytesMut {
    let mut start = BytesMut::with_capacity(PREFIX + space);
    start.put_u8(0);
    // A fragment is not longer than the message that is being cut, apart from the repeated fields.
    start.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    start
}

/// Adds a message.
fn push(out: &mut VecDeque<Bytes>, head: &[u8], mark: &[u8], events: BytesMut) {
    let mut start = prefix(
        head.len() + mark.len() + events.len(),
        head.len() + mark.len(),
    );
    start.put_slice(head);
    start.put_slice(mark);
    out.push_back(start.freeze());
    out.push_back(events.freeze());
}

/// A field of the message and its size in bytes, including its key.
enum Field {
    Event(usize),
    Other(usize),
}

enum Read {
    Field(Field),
    /// The bytes are the beginning of a field.
    Incomplete,
    Malformed,
    /// There are no bytes.
    Nothing,
}

impl Field {
    /// Reads the first field of a message of which `bytes` have arrived.
    fn read(bytes: &[u8]) -> Read {
        if bytes.is_empty() {
            return Read::Nothing;
        }
        let (key, key_size) = match varint(bytes) {
            Ok(Some(read)) => read,
            Ok(None) => return Read::Incomplete,
            Err(Overlong) => return Read::Malformed,
        };
        let value = &bytes[key_size..];
        let value_size = match WireType::try_from(key & 7) {
            Ok(WireType::Varint) => varint(value).map(|read| read.map(|(_, size)| size)),
            Ok(WireType::ThirtyTwoBit) => Ok(Some(4)),
            Ok(WireType::SixtyFourBit) => Ok(Some(8)),
            Ok(WireType::LengthDelimited) => varint(value).map(|read| {
                let (length, size) = read?;
                Some(size.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)))
            }),
            _ => Err(Overlong),
        };
        match value_size {
            Ok(Some(size)) if size <= value.len() => {
                let size = key_size + size;
                let is_event = key == u64::from(EVENTS << 3 | WireType::LengthDelimited as u32);
                Read::Field(match is_event {
                    true => Field::Event(size),
                    false => Field::Other(size),
                })
            }
            Ok(_) => Read::Incomplete,
            Err(Overlong) => Read::Malformed,
        }
    }
}

/// A varint of more than ten bytes.
struct Overlong;

/// Reads a varint and its size in bytes; `None` if it is incomplete.
fn varint(bytes: &[u8]) -> Result<Option<(u64, usize)>, Overlong> {
    let first = &bytes[..bytes.len().min(10)];
    match first.iter().position(|byte| byte & 0x80 == 0) {
        Some(last) => {
            let value = decode_varint(&mut &first[..=last]).map_err(|_| Overlong)?;
            Ok(Some((value, last + 1)))
        }
        None if first.len() == 10 => Err(Overlong),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, StreamBody};
    use prost::Message as _;

    use super::*;
    use crate::proto::{etcdserverpb::WatchResponse, mvccpb};

    fn event(n: usize, size: usize) -> mvccpb::Event {
        mvccpb::Event {
            kv: Some(mvccpb::KeyValue {
                key: format!("key{n}").into(),
                value: vec![n as u8; size].into(),
                mod_revision: n as i64,
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    fn response(events: usize, size: usize) -> WatchResponse {
        WatchResponse {
            watch_id: 7,
            compact_revision: 3,
            events: (0..events).map(|n| event(n, size)).collect(),
            ..Default::default()
        }
    }

    fn framed(message: &[u8]) -> Vec<u8> {
        let mut framed = vec![0];
        framed.extend((message.len() as u32).to_be_bytes());
        framed.extend(message);
        framed
    }

    /// The stream in chunks of this size, after it has been cut.
    async fn cut(stream: &[u8], chunk: usize, limit: Option<usize>) -> Vec<u8> {
        let frames = stream.chunks(chunk).map(|chunk| {
            Ok::<_, std::convert::Infallible>(Frame::data(Bytes::copy_from_slice(chunk)))
        });
        let body = StreamBody::new(tokio_stream::iter(frames.collect::<Vec<_>>()));
        let marked = InFragments { max_message: limit };
        let cut = Fragmented::new(body, Some(marked));
        cut.collect().await.unwrap().to_bytes().to_vec()
    }

    fn messages(mut stream: &[u8]) -> Vec<WatchResponse> {
        let mut messages = vec![];
        while !stream.is_empty() {
            assert_eq!(stream.get_u8(), 0);
            let (message, rest) = stream[4..].split_at(stream.get_u32() as usize);
            messages.push(WatchResponse::decode(message).unwrap());
            stream = rest;
        }
        messages
    }

    #[tokio::test]
    async fn a_large_message_becomes_fragments_that_make_it_up() {
        let whole = response(3000, 1000);
        let small = response(2, 10);
        let mut stream = framed(&small.encode_to_vec());
        stream.extend(framed(&whole.encode_to_vec()));
        stream.extend(framed(&[]));
        stream.extend(framed(&small.encode_to_vec()));
        for chunk in [1, 7, 1000, 16 << 10, 1 << 20, stream.len()] {
            let found = messages(&cut(&stream, chunk, None).await);
            let (first, found) = found.split_first().unwrap();
            let (last, found) = found.split_last().unwrap();
            assert_eq!((first, last), (&small, &small));
            let (nothing, found) = found.split_last().unwrap();
            assert_eq!(nothing, &WatchResponse::default());
            assert!(found.len() > 5, "{}", found.len());
            let mut joined = WatchResponse::default();
            for (n, fragment) in found.iter().enumerate() {
                assert_eq!(fragment.fragment, n + 1 < found.len());
                assert_eq!((fragment.watch_id, fragment.compact_revision), (7, 3));
                assert!(fragment.encoded_len() < LARGE);
                joined.events.extend(fragment.events.clone());
            }
            assert_eq!(joined.events, whole.events);
        }
    }

    #[tokio::test]
    async fn fields_behind_the_events_are_kept() {
        let mut message = response(600, 1000);
        message.compact_revision = 0;
        let mut bytes = message.encode_to_vec();
        // compact_revision, and an unknown field.
        bytes.extend([5 << 3, 9]);
        bytes.extend([31 << 3 & 0x7f | 0x80, 1, 1]);
        bytes.extend(response(1, 10).encode_to_vec());
        let whole = WatchResponse::decode(&bytes[..]).unwrap();
        let found = messages(&cut(&framed(&bytes), 100, None).await);
        let (last, before) = found.split_last().unwrap();
        assert!(before.iter().all(|fragment| fragment.fragment));
        assert_eq!(last.compact_revision, whole.compact_revision);
        let events = found.iter().flat_map(|fragment| &fragment.events);
        assert!(events.eq(&whole.events));
    }

    #[tokio::test]
    async fn everything_but_large_watch_responses_is_passed_on_unchanged() {
        let whole = framed(&response(1, 1000).encode_to_vec());
        let large = framed(&response(600, 1000).encode_to_vec());
        let mut compressed = large.clone();
        compressed[0] = 1;
        let mut streams = vec![
            (whole.clone(), None),
            (whole[..3].to_vec(), None),
            (whole[..100].to_vec(), None),
            (compressed, None),
            (large.clone(), Some(large.len() - PREFIX - 1)),
            // A group, a field that is longer than its message, and an endless varint.
            (framed(&[vec![3 << 3 | 3], vec![0; LARGE]].concat()), None),
            (
                framed(&[vec![0x5a, 0xff, 0xff, 0xff, 0x7f], vec![0; LARGE]].concat()),
                None,
            ),
            (framed(&vec![0xff; LARGE + 1]), None),
            (framed(&vec![0xff; LARGE + 1])[..1000].to_vec(), None),
        ];
        streams.push((Vec::new(), None));
        for (stream, limit) in streams {
            for chunk in [1000, stream.len().max(1)] {
                assert!(
                    cut(&stream, chunk, limit).await == stream,
                    "{} bytes",
                    stream.len()
                );
            }
        }
    }

    #[tokio::test]
    async fn a_truncated_message_stays_incomplete() {
        let large = framed(&response(3000, 1000).encode_to_vec());
        let stream = cut(&large[..large.len() - 10], 1000, None).await;
        let mut rest = &stream[..];
        let mut fragments = 0;
        loop {
            let length = (&rest[1..PREFIX]).get_u32() as usize;
            if length > rest.len() - PREFIX {
                break;
            }
            assert!(
                WatchResponse::decode(&rest[PREFIX..][..length])
                    .unwrap()
                    .fragment
            );
            rest = &rest[PREFIX + length..];
            fragments += 1;
        }
        assert!(fragments > 5);
        assert!(!rest.is_empty());
    }

    #[tokio::test]
    async fn trailers_and_unmarked_bodies_pass() {
        let large = framed(&response(3000, 1000).encode_to_vec());
        let trailers =
            http::HeaderMap::from_iter([(http::header::AGE, http::HeaderValue::from_static("1"))]);
        for marked in [None, Some(InFragments { max_message: None })] {
            let frames = [
                Frame::data(Bytes::from(large.clone())),
                Frame::trailers(trailers.clone()),
            ];
            let frames = frames.map(Ok::<_, std::convert::Infallible>);
            let body = StreamBody::new(tokio_stream::iter(frames));
            let found = Fragmented::new(body, marked).collect().await.unwrap();
            assert_eq!(found.trailers(), Some(&trailers));
            assert_eq!(found.to_bytes() == large, marked.is_none());
        }
    }
}
