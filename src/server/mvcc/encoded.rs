//! An encoded response. A stored record is already the encoded `KeyValue` of a range response, so it is copied only
//! once, from the mapped file into the buffers that are sent. Knows nothing of frames.

use std::sync::Arc;

use bytes::Bytes;
use prost::{
    Message as _,
    encoding::{WireType, encode_key, encode_varint},
};

use super::view::{Values, View};
use crate::{
    proto::{
        etcdserverpb::{RangeRequest, RangeResponse, ResponseHeader},
        mvccpb::KeyValue,
    },
    server::{
        error::Error,
        unsent::{Held, HeldBuffer, Holder},
    },
};

/// Size in bytes of each chunk except the last: four HTTP/2 frames of the default size, and small enough for the
/// allocator to reuse memory. It would map larger chunks anew each time, and the system would have to zero them.
pub const CHUNK_SIZE: usize = 64 << 10;
/// Messages of up to this many bytes are not counted while they wait to be sent.
pub const SHORT: usize = 1 << 10;
/// Number of the field `kvs` of `RangeResponse`.
const KVS: u32 = 2;
/// Maximum size of the field `header` in bytes.
const HEADER: usize = 2 + 4 * FIELD;
/// Maximum size in bytes of a field's number and length, which precede a record.
const FIELD: usize = 11;

/// An encoded message in chunks.
#[derive(Debug, Default)]
pub struct Encoded {
    full: Vec<Vec<u8>>,
    last: Vec<u8>,
    /// Number of records still expected.
    expected: usize,
    /// Counts the memory of the message.
    held: Option<Held>,
    /// Number of unused bytes before the message.
    free: usize,
    /// Records in it.
    pub keys: usize,
    /// Number of keys that a range found; for a transaction 1 if its compares were true, else 0.
    pub count: i64,
}

impl Encoded {
    /// Executes `request` on `view`. `header` is the response header without its revision. The message is preceded by
    /// `free` unused bytes.
    ///
    /// # Errors
    /// See [`View::range`].
    pub fn range<V: Values>(
        view: &View<'_, V>,
        request: &RangeRequest,
        header: ResponseHeader,
        free: usize,
    ) -> Result<Encoded, Error> {
        let mut last = Vec::with_capacity(free + HEADER);
        last.resize(free, 0);
        let mut encoded = Encoded {
            last,
            free,
            ..Encoded::default()
        };
        encoded.message(&RangeResponse {
            header: Some(ResponseHeader {
                revision: view.revision,
                ..header
            }),
            ..RangeResponse::default()
        });
        let rest = view.range_records(request, &mut encoded)?;
        encoded.message(&rest);
        encoded.count = rest.count;
        Ok(encoded)
    }

    /// Any other message, preceded by `free` unused bytes.
    pub fn of_message(message: &impl prost::Message, free: usize) -> Encoded {
        let length = free + message.encoded_len();
        let mut last = Vec::with_capacity(length.min(CHUNK_SIZE));
        last.resize(free, 0);
        let mut encoded = Encoded {
            last,
            free,
            ..Encoded::default()
        };
        if length > CHUNK_SIZE {
            encoded.bytes(&message.encode_to_vec());
        } else {
            message.encode_raw(&mut encoded.last);
        }
        encoded
    }

    /// Counts the memory of the message until it has been sent. Short messages are not worth counting.
    pub fn counted_by(&mut self, holder: &Arc<dyn Holder>) {
        let bytes = self.length();
        if bytes > SHORT {
            self.held = Some(Held::new(bytes, holder.clone()));
        }
    }

    /// Appends fields of the message.
    fn message(&mut self, part: &RangeResponse) {
        if self.last.len() + part.encoded_len() > CHUNK_SIZE {
            return self.bytes(&part.encode_to_vec());
        }
        part.encode_raw(&mut self.last);
    }

    /// Sets the number of records that will be appended.
    pub fn expect(&mut self, records: usize) {
        self.expected = records;
    }

    /// Appends an encoded `KeyValue`.
    pub fn record(&mut self, record: &[u8]) {
        if self.last.capacity() < CHUNK_SIZE.min(self.last.len() + FIELD + record.len()) {
            // Assume that the other records have the same size as this one.
            let all = (FIELD + record.len()).saturating_mul(self.expected.max(1));
            self.last
                .reserve_exact(all.min(CHUNK_SIZE - self.last.len()));
        }
        self.expected = self.expected.saturating_sub(1);
        self.keys += 1;
        let mut field = [0; FIELD];
        let mut rest = &mut field[..];
        encode_key(KVS, WireType::LengthDelimited, &mut rest);
        encode_varint(record.len() as u64, &mut rest);
        let unused = rest.len();
        self.bytes(&field[..FIELD - unused]);
        self.bytes(record);
    }

    fn bytes(&mut self, mut bytes: &[u8]) {
        loop {
            let room = CHUNK_SIZE.saturating_sub(self.last.len()).min(bytes.len());
            self.last.extend_from_slice(&bytes[..room]);
            bytes = &bytes[room..];
            if bytes.is_empty() {
                return;
            }
            let next = Vec::with_capacity(CHUNK_SIZE);
            self.full.push(std::mem::replace(&mut self.last, next));
        }
    }

    /// Appends a `KeyValue`.
    pub fn key_value(&mut self, kv: &KeyValue) {
        self.record(&kv.encode_to_vec());
    }

    /// Number of bytes so far, including the unused ones at the beginning.
    pub fn length(&self) -> usize {
        self.full.iter().map(Vec::len).sum::<usize>() + self.last.len()
    }

    /// Size of the message so far in bytes.
    pub fn message_len(&self) -> usize {
        self.length() - self.free
    }

    /// The first chunk, which begins with the unused bytes.
    pub fn front(&mut self) -> &mut [u8] {
        self.full.first_mut().unwrap_or(&mut self.last)
    }

    /// The holder that counts the memory of the message, if it is counted.
    pub fn holder(&self) -> Option<Arc<dyn Holder>> {
        self.held.as_ref().map(|held| held.holder().clone())
    }

    /// The whole message in pieces, none of which is empty.
    pub fn into_pieces(self) -> impl Iterator<Item = Bytes> + Send {
        let Encoded {
            full, last, held, ..
        } = self;
        let all = full.into_iter().chain([last]);
        let all = all.filter(|piece| !piece.is_empty());
        let pieces: Vec<Bytes> = match &held {
            None => all.map(Bytes::from).collect(),
            // From here on, each chunk is counted separately.
            Some(held) => all
                .map(|bytes| Bytes::from_owner(HeldBuffer::new(bytes, held.holder().clone())))
                .collect(),
        };
        pieces.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes the message that the chunks form, skipping the unused bytes.
    fn decoded(encoded: Encoded, free: usize) -> RangeResponse {
        let length = encoded.length();
        let pieces: Vec<Bytes> = encoded.into_pieces().collect();
        let (last, full) = pieces.split_last().unwrap();
        assert!(!last.is_empty() && full.iter().all(|piece| piece.len() == CHUNK_SIZE));
        let whole = pieces.concat();
        assert_eq!(whole.len(), length);
        RangeResponse::decode(&whole[free..]).unwrap()
    }

    #[derive(Debug, Default)]
    struct Count(std::sync::atomic::AtomicUsize);

    impl Holder for Count {
        fn hold(&self, bytes: usize) {
            self.0
                .fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
        }

        fn release(&self, bytes: usize) {
            self.0
                .fetch_sub(bytes, std::sync::atomic::Ordering::Relaxed);
        }

        fn is_short(&self) -> bool {
            false
        }

        fn watch(&self, _: std::sync::Weak<dyn crate::server::unsent::Unsent>) {}
    }

    #[test]
    fn memory_is_counted_until_each_piece_is_sent() {
        let count = Arc::new(Count::default());
        let holder: Arc<dyn Holder> = count.clone();
        let held = || count.0.load(std::sync::atomic::Ordering::Relaxed);
        let mut encoded = Encoded::default();
        encoded.bytes(&[7; 2 * CHUNK_SIZE + 100]);
        encoded.counted_by(&holder);
        assert_eq!(held(), 2 * CHUNK_SIZE + 100);
        let mut pieces = encoded.into_pieces();
        assert_eq!(held(), 2 * CHUNK_SIZE + 100);
        drop(pieces.next());
        assert_eq!(held(), CHUNK_SIZE + 100);
        drop(pieces);
        assert_eq!(held(), 0);
        let message = RangeResponse {
            count: 7,
            ..Default::default()
        };
        let mut short = Encoded::of_message(&message, 5);
        short.counted_by(&holder);
        assert_eq!(held(), 0);
        assert_eq!(decoded(short, 5), message);
    }

    #[test]
    fn pieces_are_the_message_at_every_size() {
        let mut sizes: Vec<Vec<usize>> = vec![
            vec![],
            vec![10, 20],
            vec![CHUNK_SIZE],
            vec![CHUNK_SIZE * 3, 1, CHUNK_SIZE * 2],
            (0..1000).map(|i| i * 7 % 2000).collect(),
        ];
        // The first chunk ends at each byte of a record and of what precedes it.
        sizes.extend((0..40).map(|i| vec![CHUNK_SIZE - 40 + i, 3, 200]));
        for sizes in sizes {
            let kvs: Vec<KeyValue> = (sizes.iter().enumerate())
                .map(|(i, &size)| KeyValue {
                    key: format!("key-{i}").into(),
                    value: vec![i as u8; size].into(),
                    version: 1,
                    ..Default::default()
                })
                .collect();
            let mut encoded = Encoded {
                last: vec![0; 5],
                ..Encoded::default()
            };
            let rest = RangeResponse {
                more: true,
                count: 1 << 40,
                ..Default::default()
            };
            encoded.expect(kvs.len());
            kvs.iter().for_each(|kv| encoded.key_value(kv));
            encoded.message(&rest);
            assert_eq!(decoded(encoded, 5), RangeResponse { kvs, ..rest });
        }
    }
}
